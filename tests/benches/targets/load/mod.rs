//! A load that costs little itself: frames made by hand over plain sockets.
//!
//! A client library would be slower than the servers, and be measured instead of them. The same bytes go to both servers.

pub(crate) mod burst;
pub(crate) mod closed_loop;
mod connection;
mod head;
pub(crate) mod held;
pub(crate) mod open_loop;

use prost::Message;
use stolid_tests::echo::Note;
use stolid_tests::lab::Req;

use crate::SMALL;

/// The unary method that echoes bytes.
const UNARY: &str = "/lab.Bench/Unary";

/// The unary method whose notes say what to do.
const SAY: &str = "/testing.v1.Echo/Say";

/// The server-streaming method whose notes say what to do.
const REPEAT: &str = "/testing.v1.Echo/Repeat";

/// The method that echoes a stream of bytes.
const BIDI: &str = "/lab.Bench/Bidi";

/// What is called, and with which bytes: the message in its envelope.
#[derive(Clone, Debug)]
struct Call {
    path: &'static str,
    body: Vec<u8>,
    /// Whether no message follows.
    ends: bool,
}

impl Call {
    fn new(path: &'static str, message: &impl Message) -> Self {
        let message = message.encode_to_vec();
        let length = u32::try_from(message.len()).expect("the messages here are small");
        let body = [&[0][..], &length.to_be_bytes(), &message].concat();
        Self { path, body, ends: true }
    }

    /// An echo of a small message.
    fn echo() -> Self {
        Self::new(UNARY, &Req { payload: vec![5; SMALL as usize] })
    }

    /// The beginning of a stream of small messages: the first of them.
    fn begun(path: &'static str) -> Self {
        Self { path, ends: false, ..Self::echo() }
    }

    /// A note that says what to do.
    fn told(path: &'static str, text: &str) -> Self {
        Self::new(path, &Note { text: text.to_owned(), ..Note::default() })
    }
}
