//! The boxes of the server's log.

use std::time::Duration;

use crate::chat::PROTOCOL;
use crate::chat::session_id::short;
use crate::terminal::boxes::TextBox;
use crate::terminal::clock::Moment;
use crate::terminal::durations;
use crate::terminal::printable::preview;
use crate::terminal::theme::Role;

/// What the server shows when it starts.
pub fn banner(model: &str, framework: &str) -> TextBox {
    TextBox::new("GRPC MULTI-TURN CHAT SERVER")
        .row("Model", model)
        .row("Framework", framework)
        .row("Multi-turn", "ENABLED")
        .row("Streaming", "BIDIRECTIONAL")
        .row_in("Status", "READY", Role::Good)
}

/// A MESSAGE arrived.
pub fn request(now: &Moment, method: &str, session: &str, message: &str) -> TextBox {
    TextBox::new(format!("GRPC REQUEST [{}]", now.precise_time()))
        .row("Method", method)
        .row("Session", short(session))
        .row("Message", preview(message))
}

/// The model is asked.
pub fn generating(session: &str, context_messages: usize, model: &str) -> TextBox {
    TextBox::new("GENERATING RESPONSE")
        .row("Session", short(session))
        .row("Context Messages", context_messages)
        .row("Model", model)
        .row("Protocol", PROTOCOL)
}

/// A whole answer went out.
pub fn completed(session: &str, chunks: usize, time: Duration, context_messages: usize) -> TextBox {
    TextBox::new("GRPC RESPONSE COMPLETED")
        .row("Session", short(session))
        .row("Total Chunks", chunks)
        .row("Processing Time", durations::seconds(time))
        .row("Context Messages", context_messages)
        .row("Protocol", PROTOCOL)
        .row_in("Status", "SUCCESS", Role::Good)
}
