//! What may be said in a room.

use stolid::Status;

use crate::items::proto::ChatMessage;

/// The content that asks who is there.
pub const WHO: &str = "/who";

/// Bytes of a room's or a sender's name at most.
const MAX_NAME: usize = 64;

/// Bytes of one message at most, far less than may wait for one client: so nobody is slow who is one message behind.
const MAX_CONTENT: usize = 8 * 1024;

/// Whether a client may send this message.
///
/// # Errors
/// INVALID_ARGUMENT, with what is wrong.
pub fn check(message: &ChatMessage) -> Result<(), Status> {
    for (what, name) in [("room", &message.room), ("sender", &message.sender)] {
        if name.is_empty() || name.len() > MAX_NAME {
            return Err(Status::invalid_argument(format!("the {what} needs a name of 1 to {MAX_NAME} bytes")));
        }
    }
    if message.content.len() > MAX_CONTENT {
        return Err(Status::invalid_argument(format!("a message has at most {MAX_CONTENT} bytes")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use stolid::Code;

    use super::*;

    #[test]
    fn names_are_needed_and_messages_are_short() {
        let message = |room: &str, sender: &str, length: usize| ChatMessage {
            room: room.to_owned(),
            sender: sender.to_owned(),
            content: "x".repeat(length),
            timestamp: String::new(),
        };
        assert!(check(&message("lobby", "ada", MAX_CONTENT)).is_ok());
        assert!(check(&message("lobby", "ada", 0)).is_ok());
        let long = "x".repeat(MAX_NAME + 1);
        let wrong =
            [("", "ada", 1), ("lobby", "", 1), (&long, "ada", 1), ("lobby", &long, 1), ("l", "a", MAX_CONTENT + 1)];
        for (room, sender, length) in wrong {
            assert_eq!(check(&message(room, sender, length)).unwrap_err().code(), Code::InvalidArgument);
        }
    }
}
