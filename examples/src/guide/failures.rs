//! # Telling a lost connection from bad data from a refusal
//!
//! **When.** A call failed, and what to do next depends on why. A lost connection may be tried again, although nobody knows
//! how far the server came; bad data will be bad next time; a refusal is the server's answer.
//!
//! The code alone does not tell: INTERNAL is what a server says that failed, and what this side says of bytes that it
//! cannot read. [`Status::was_received`] tells who said it.

use stolid::{Code, Status};

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nobody was reached, or the connection broke. Perhaps the server did all of it, perhaps nothing.
    ConnectionLost,
    /// What came cannot be read, or is too large: the two programs do not agree on what they exchange.
    BadData,
    /// The server says no, and the code says why. UNAVAILABLE is "not now".
    Refused(Code),
    /// The time was over, by whichever clock.
    TimedOut,
    /// Somebody here, or there, did not want it any more.
    Cancelled,
}

impl From<&Status> for Failure {
    fn from(status: &Status) -> Self {
        match status.code() {
            Code::DeadlineExceeded => Self::TimedOut,
            Code::Cancelled => Self::Cancelled,
            code if status.was_received() => Self::Refused(code),
            Code::Unavailable => Self::ConnectionLost,
            _ => Self::BadData,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use stolid::{Channel, Request, Server};
    use stolid_tests::watchdog::watched;

    use super::super::cable::Cable;
    use super::super::greeter::{PatientGreeter, hello, hello_in_klingon, start};
    use super::super::proto::greeter_client::GreeterClient;
    use super::*;

    /// Takes its time.
    const SLOW: PatientGreeter = PatientGreeter { pause: Duration::from_secs(3600) };

    #[test]
    fn a_connection_that_breaks_is_lost() {
        watched(|| {
            let (server, _) = start(SLOW).unwrap();
            let cable = Cable::to(server.local_addr());
            let client = GreeterClient::connect(cable.target()).unwrap();
            let mut replies = client.say_hello_stream_reply(hello("Ada")).unwrap();
            assert!(replies.message().unwrap().is_some());
            cable.cut();
            let status = replies.message().unwrap_err();
            assert_eq!(Failure::from(&status), Failure::ConnectionLost);
        });
    }

    #[test]
    fn a_server_that_is_not_there_is_a_lost_connection_too() {
        watched(|| {
            let (server, _) = start(SLOW).unwrap();
            let target = format!("http://{}", server.local_addr());
            drop(server);
            let client = GreeterClient::new(Channel::connect_lazy(target).unwrap());
            let status = client.say_hello(hello("Ada")).unwrap_err();
            assert_eq!(Failure::from(&status), Failure::ConnectionLost);
        });
    }

    #[test]
    fn bytes_that_are_no_reply_are_bad_data() {
        watched(|| {
            // It answers every request with bytes that are no message at all.
            let garbage = |_: Request<_>, replies: stolid::Sender<_>| replies.send(vec![0xff; 7].into());
            let server = Server::builder().unknown_service_handler(garbage).start("127.0.0.1:0").unwrap();
            let client = GreeterClient::connect(format!("http://{}", server.local_addr())).unwrap();
            let status = client.say_hello(hello("Ada")).unwrap_err();
            assert_eq!(status.code(), Code::Internal);
            assert_eq!(Failure::from(&status), Failure::BadData);
        });
    }

    #[test]
    fn no_is_an_answer() {
        watched(|| {
            let (_server, client) = start(PatientGreeter::default()).unwrap();
            let status = client.say_hello(hello_in_klingon("Worf")).unwrap_err();
            assert_eq!(Failure::from(&status), Failure::Refused(Code::InvalidArgument));
        });
    }

    #[test]
    fn a_server_that_fails_inside_refuses() {
        watched(|| {
            let broken = |_: Request<_>, _: stolid::Sender<_>| Err(Status::internal("the disk is on fire"));
            let server = Server::builder().unknown_service_handler(broken).start("127.0.0.1:0").unwrap();
            let client = GreeterClient::connect(format!("http://{}", server.local_addr())).unwrap();
            let status = client.say_hello(hello("Ada")).unwrap_err();
            assert_eq!(Failure::from(&status), Failure::Refused(Code::Internal));
        });
    }

    #[test]
    fn time_and_cancellation_are_none_of_these() {
        watched(|| {
            let (_server, client) = start(SLOW).unwrap();
            let late = client.say_hello(Request::new(hello("Ada")).with_timeout(Duration::from_millis(20)));
            assert_eq!(Failure::from(&late.unwrap_err()), Failure::TimedOut);

            let mut replies = client.say_hello_stream_reply(hello("Ada")).unwrap();
            replies.cancel();
            assert_eq!(Failure::from(&replies.message().unwrap_err()), Failure::Cancelled);
        });
    }
}
