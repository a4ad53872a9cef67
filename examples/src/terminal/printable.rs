//! Text of a peer or a model, made safe to write on a terminal.

use std::borrow::Cow;

/// `text` without control characters: line feeds stay, tabs become blanks, the rest goes.
///
/// An escape sequence in a message could otherwise move the cursor, rename the window or answer for the user.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(|character: char| character.is_control() && character != '\n') {
        return Cow::Borrowed(text);
    }
    text.chars()
        .filter_map(|character| match character {
            '\t' => Some(' '),
            '\n' => Some('\n'),
            character if character.is_control() => None,
            character => Some(character),
        })
        .collect::<String>()
        .into()
}

/// Characters of a long message that a box shows.
const PREVIEW: usize = 200;

/// The beginning of a message, which may be very long, with `…` for the rest.
pub fn preview(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(PREVIEW) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_is_not_copied() {
        assert!(matches!(printable("Grüße, 世界\nzwei"), Cow::Borrowed(_)));
    }

    #[test]
    fn escape_sequences_lose_what_makes_them_work() {
        assert_eq!(printable("a\u{1b}[2Jb\u{7}c\td\re\u{9b}f"), "a[2Jbc def");
    }

    #[test]
    fn a_preview_ends_between_characters() {
        let exact = "ä".repeat(PREVIEW);
        assert_eq!(preview(&exact), exact);
        assert_eq!(preview(&format!("{exact}x")), format!("{exact}…"));
    }
}
