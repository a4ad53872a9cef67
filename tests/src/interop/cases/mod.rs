//! The client's side: what each case calls and expects.

mod compression;
mod endings;
mod soak;
mod streaming;
mod unary;

use std::fmt;
use std::time::Duration;

use stolid::{Channel, Code, Error, Status};

pub use soak::Soak;

use super::proto::Payload;
use super::proto::test_service_client::TestServiceClient;
use crate::config;

/// How long a call may take whose case sets no time: nothing waits for ever on a peer that is stuck.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How a case ends.
pub type Outcome = Result<(), Failure>;

/// Why a case failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The code that the call ended with; OK if it ended well and gave something else than expected.
    pub code: Code,
    /// The call's message, or what is wrong with what came.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "code={} message={}", self.code.name(), self.message)
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self { code: status.code(), message: status.message().to_owned() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { code: Code::Unavailable, message: error.to_string() }
    }
}

/// One case.
#[derive(Debug)]
pub struct Case {
    /// Its name, the same in all languages.
    pub name: &'static str,
    run: fn(&Caller) -> Outcome,
}

const CASES: &[Case] = &[
    Case { name: "empty_unary", run: unary::empty },
    Case { name: "large_unary", run: unary::large },
    Case { name: "client_compressed_unary", run: compression::client_unary },
    Case { name: "server_compressed_unary", run: compression::server_unary },
    Case { name: "client_streaming", run: streaming::upload },
    Case { name: "client_compressed_streaming", run: compression::client_streaming },
    Case { name: "server_streaming", run: streaming::download },
    Case { name: "server_compressed_streaming", run: compression::server_streaming },
    Case { name: "ping_pong", run: streaming::ping_pong },
    Case { name: "empty_stream", run: streaming::empty },
    Case { name: "custom_metadata", run: unary::custom_metadata },
    Case { name: "status_code_and_message", run: endings::status_code_and_message },
    Case { name: "special_status_message", run: endings::special_status_message },
    Case { name: "unimplemented_method", run: endings::unimplemented_method },
    Case { name: "unimplemented_service", run: endings::unimplemented_service },
    Case { name: "cancel_after_begin", run: endings::cancel_after_begin },
    Case { name: "cancel_after_first_response", run: endings::cancel_after_first_response },
    Case { name: "timeout_on_sleeping_server", run: endings::timeout_on_sleeping_server },
    Case { name: "concurrent_large_unary", run: unary::concurrent_large },
    Case { name: "rpc_soak", run: soak::calls },
    Case { name: "channel_soak", run: soak::channels },
];

impl Case {
    /// Every case there is.
    #[must_use]
    pub fn all() -> &'static [Self] {
        CASES
    }

    /// The case of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        CASES.iter().find(|case| case.name == name)
    }

    /// Makes the calls of this case.
    ///
    /// # Errors
    /// When a call does not end as it must, or gives something else than it must.
    pub fn run(&self, caller: &Caller) -> Outcome {
        (self.run)(caller)
    }
}

/// What the cases call with.
#[derive(Clone, Debug)]
pub struct Caller {
    target: String,
    channel: Channel,
    soak: Soak,
}

impl Caller {
    /// A caller of the server at `target`, with one channel for all cases; connects with the first call.
    ///
    /// # Errors
    /// When the target is no address.
    pub fn new(target: String, soak: Soak) -> Result<Self, Error> {
        let channel = lazy_channel(&target)?;
        Ok(Self { target, channel, soak })
    }

    fn client(&self) -> TestServiceClient {
        TestServiceClient::new(self.channel.clone())
    }
}

fn lazy_channel(target: &str) -> Result<Channel, Error> {
    config::channel(target).connect_timeout(CONNECT_TIMEOUT).timeout(CALL_TIMEOUT).connect_lazy()
}

/// A call that has ended well before everything was sent is judged by what it brought.
fn unless_over(sent: Result<(), Status>) -> Outcome {
    match sent {
        Err(status) if status.code() == Code::FailedPrecondition => Ok(()),
        sent => Ok(sent?),
    }
}

/// Fails a call that ended well when something about it is wrong.
fn check(right: bool, wrong: impl FnOnce() -> String) -> Outcome {
    if right { Ok(()) } else { Err(Failure { code: Code::Ok, message: wrong() }) }
}

/// Checks that two values are the same; `what` names them.
fn check_eq<T: PartialEq + fmt::Debug>(what: &str, came: T, expected: T) -> Outcome {
    check(came == expected, || format!("{what} is {came:?}, not {expected:?}"))
}

/// Checks that a payload came and has this many bytes, zeros all.
fn check_zeros(payload: Option<&Payload>, length: usize) -> Outcome {
    let body = payload.map(|payload| payload.body.as_slice());
    let body = body.ok_or_else(|| Failure { code: Code::Ok, message: "no payload came".to_owned() })?;
    check_eq("the payload's length", body.len(), length)?;
    check(body.iter().all(|byte| *byte == 0), || "the payload is not all zeros".to_owned())
}

/// Checks that a call failed with this code and, if one is given, this message.
fn check_status<T>(ended: Result<T, Status>, code: Code, message: Option<&str>) -> Outcome {
    let Err(status) = ended else {
        return check(false, || format!("not {}: the call ended well", code.name()));
    };
    let right = status.code() == code && message.is_none_or(|message| status.message() == message);
    let message = || format!("not {} {:?}, but {:?}", code.name(), message.unwrap_or_default(), status.message());
    if right { Ok(()) } else { Err(Failure { code: status.code(), message: message() }) }
}
