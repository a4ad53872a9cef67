//! `Attributes`: what the user wants written above generated items, by the name of the service.

/// Attributes with the services that they are for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attributes {
    entries: Vec<(String, String)>,
}

impl Attributes {
    /// Adds `attribute` for the services that `pattern` fits.
    pub(crate) fn push(&mut self, pattern: impl Into<String>, attribute: impl Into<String>) {
        self.entries.push((pattern.into(), attribute.into()));
    }

    /// The attributes of the service or method `name`, a full name without a leading dot.
    pub(crate) fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.entries.iter().filter(move |(pattern, _)| fits(pattern, name)).map(|(_, attribute)| attribute.as_str())
    }
}

/// prost's rule: `.` is everything, a leading dot means a name or package from its beginning on, and anything else
/// is the end of a name. Both count whole parts between dots.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix('.') {
        Some("") => true,
        Some(beginning) => {
            let rest = name.strip_prefix(beginning);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        }
        None => {
            let rest = name.strip_suffix(pattern);
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_parts() {
        for pattern in [".", ".chat", ".chat.v1", ".chat.v1.Chat", "Chat", "v1.Chat", "chat.v1.Chat"] {
            assert!(fits(pattern, "chat.v1.Chat"), "{pattern}");
        }
        for pattern in [".cha", ".v1", "hat", "chat.v1", "Chat.v1", ".chat.v1.Chat.More", ""] {
            assert!(!fits(pattern, "chat.v1.Chat"), "{pattern}");
        }
    }

    #[test]
    fn attributes_keep_their_order() {
        let mut attributes = Attributes::default();
        attributes.push(".", "#[first]");
        attributes.push("Other", "#[other]");
        attributes.push("Chat", "#[second]");

        assert_eq!(attributes.of("chat.v1.Chat").collect::<Vec<_>>(), ["#[first]", "#[second]"]);
    }
}
