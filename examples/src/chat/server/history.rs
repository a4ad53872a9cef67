//! What was said in one session, within bounds.

use stolid::Status;

use crate::model::Turn;

/// Bytes of text one session keeps at most.
pub const MAX_HISTORY_BYTES: usize = 1024 * 1024;

/// Bytes of one message from a client at most.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// Bytes of one answer at most; a model that goes on and on is stopped there.
pub const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// Pairs of a question and its answer, the oldest first.
#[derive(Debug, Default)]
pub struct History {
    turns: Vec<Turn>,
    bytes: usize,
}

impl History {
    /// What goes to the model when `question` is asked: everything said so far, and the question.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for an empty question; RESOURCE_EXHAUSTED for one that is too long, and when the history
    /// would grow over `limit` messages or over [`MAX_HISTORY_BYTES`].
    pub fn asking(&self, question: &str, limit: usize) -> Result<Vec<Turn>, Status> {
        if question.trim().is_empty() {
            return Err(Status::invalid_argument("the message is empty"));
        }
        if question.len() > MAX_MESSAGE_BYTES {
            let size = question.len();
            return Err(Status::resource_exhausted(format!(
                "the message has {size} bytes, more than the {MAX_MESSAGE_BYTES} allowed"
            )));
        }
        // A turn adds its question and its answer.
        if self.turns.len() + 2 > limit || self.bytes + question.len() > MAX_HISTORY_BYTES {
            return Err(Status::resource_exhausted(format!(
                "the session is full: it holds {} messages ({} bytes), and the limits are {limit} messages and \
                 {MAX_HISTORY_BYTES} bytes",
                self.turns.len(),
                self.bytes
            )));
        }
        let mut turns = self.turns.clone();
        turns.push(Turn::user(question));
        Ok(turns)
    }

    /// Keeps a question with its answer.
    pub fn keep(&mut self, question: String, answer: String) {
        self.bytes += question.len() + answer.len();
        self.turns.push(Turn::user(question));
        self.turns.push(Turn::assistant(answer));
    }

    /// Number of messages.
    pub fn messages(&self) -> usize {
        self.turns.len()
    }

    /// Bytes of all messages.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use stolid::Code;

    use super::*;

    fn refusal(history: &History, question: &str, limit: usize) -> Code {
        history.asking(question, limit).unwrap_err().code()
    }

    #[test]
    fn the_model_gets_everything_in_order() {
        let mut history = History::default();
        history.keep("one".to_owned(), "1".to_owned());
        let asked = history.asking("two", 10).unwrap();
        assert_eq!(asked, [Turn::user("one"), Turn::assistant("1"), Turn::user("two")]);
        assert_eq!((history.messages(), history.bytes()), (2, 4));
    }

    #[test]
    fn the_limit_counts_messages_with_the_answer_to_come() {
        let mut history = History::default();
        assert_eq!(refusal(&history, "one", 1), Code::ResourceExhausted);
        assert!(history.asking("one", 2).is_ok());
        history.keep("one".to_owned(), "1".to_owned());
        assert_eq!(refusal(&history, "two", 3), Code::ResourceExhausted);
        assert!(history.asking("two", 4).is_ok());
    }

    #[test]
    fn text_is_bounded_in_bytes() {
        let mut history = History::default();
        let longest = "x".repeat(MAX_MESSAGE_BYTES);
        assert!(history.asking(&longest, 100).is_ok());
        assert_eq!(refusal(&history, &format!("{longest}x"), 100), Code::ResourceExhausted);
        history.keep(String::new(), "y".repeat(MAX_HISTORY_BYTES - 3));
        assert!(history.asking("abc", 100).is_ok());
        assert_eq!(refusal(&history, "abcd", 100), Code::ResourceExhausted);
    }

    #[test]
    fn an_empty_message_is_refused() {
        assert_eq!(refusal(&History::default(), " \n", 100), Code::InvalidArgument);
    }
}
