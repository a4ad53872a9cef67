//! One Chat call, from its first message to its end.

use stolid::{Sender, Status, Streaming};

use super::hub::{Admitted, Hub};
use super::message;
use crate::items::proto::ChatMessage;

/// The handler of `StreamService.Chat`.
///
/// The thread of the handler reads what the client says. What others say reaches the client from their threads, so it
/// keeps coming while this one waits. However the call ends, the seat in the room is dropped with it: a client
/// that leaves, dies or was too slow is in no room any more.
pub fn serve(hub: &Hub, mut messages: Streaming<ChatMessage>, replies: Sender<ChatMessage>) {
    let call = hub.admit(replies);
    let result = read(&call, &mut messages);
    call.finish(result);
}

fn read(call: &Admitted<'_>, messages: &mut Streaming<ChatMessage>) -> Result<(), Status> {
    let mut seat = None;
    while let Some(message) = messages.message()? {
        message::check(&message)?;
        let (room, sender) = (&message.room, &message.sender);
        // Left before another room is entered.
        seat = seat.filter(|seat: &super::room::Seat| seat.is(room, sender));
        seat.get_or_insert_with(|| call.enter(room, sender)).hear(message);
    }
    Ok(())
}
