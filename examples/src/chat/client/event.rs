//! What the client's loop hears of.

use stolid::Status;

use super::connection::Connection;
use crate::chat::proto::ChatResponse;
use crate::items::proto::ChatMessage;

/// Events that may wait for the loop; whoever sends one more waits until the loop has taken some.
pub const QUEUE: usize = 256;

/// Something the loop has to know.
#[derive(Debug)]
pub enum Event {
    /// The user entered a line.
    Line(String),
    /// The user began (or stopped) to type something that will be said.
    Typing(bool),
    /// The user pressed Ctrl-C at the prompt.
    Left,
    /// There are no more lines, for a reason if it is not the end of the input.
    InputEnded(Option<String>),
    /// Ctrl-C, anywhere but at the prompt.
    Interrupt,
    /// The server said something on the Chat stream with this number.
    Response(u64, ChatResponse),
    /// The Chat stream with this number is over: the server ended it, or the status says why.
    StreamEnded(u64, Option<Status>),
    /// Somebody said something in the room that was entered with this number.
    RoomMessage(u64, ChatMessage),
    /// The room that was entered with this number is left: the server ended the stream, or the status says why.
    RoomEnded(u64, Option<Status>),
    /// The attempt to reconnect with this number has succeeded, after so many tries.
    Reconnected(u64, Box<Connection>, u32),
    /// The attempt to reconnect with this number tried once more, in vain.
    StillDown(u64),
}
