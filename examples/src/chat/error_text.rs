//! How a status travels in an ERROR of the chat: `NOT_FOUND: there is no session …`.

use stolid::{Code, Status};

/// The status as one line: the code's name, a colon and the message.
pub fn from_status(status: &Status) -> String {
    format!("{}: {}", status.code().name(), status.message())
}

/// Whether an ERROR's text begins with the name of `code`.
pub fn is(text: &str, code: Code) -> bool {
    text.split_once(':').is_some_and(|(name, _)| name == code.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_can_be_read_back() {
        let text = from_status(&Status::not_found("there is no session 1"));
        assert_eq!(text, "NOT_FOUND: there is no session 1");
        assert!(is(&text, Code::NotFound));
        assert!(!is(&text, Code::Unavailable));
        assert!(!is("NOT_FOUND", Code::NotFound));
    }
}
