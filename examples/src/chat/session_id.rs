//! The names of sessions.

/// Characters of an id that are shown; enough to tell the sessions of one server apart.
const SHOWN: usize = 8;

/// A new id that nobody can guess.
pub fn new() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// How an id is shown: `e5f6g7h8...`.
pub fn short(id: &str) -> String {
    let shown: String = id.chars().take(SHOWN).collect();
    format!("{shown}...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_are_shown_short() {
        let (one, other) = (new(), new());
        assert_ne!(one, other);
        assert_eq!(short(&one), format!("{}...", &one[..8]));
        assert_eq!(short("ab"), "ab...");
        assert_eq!(short("grüßgottzusammen"), "grüßgott...");
    }
}
