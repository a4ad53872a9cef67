//! # A log of requests and responses
//!
//! **When.** Somebody wants to see what was asked and answered, on the client, on the server, or both.
//!
//! [`CallLog`] wraps a call. The runtime's own log (`--log debug` in the programs here) tells of connections, refusals and
//! resets, and never of contents; this one does: mind what is in your messages before you keep it.

use std::fmt::{self, Debug, Display};
use std::sync::Arc;
use std::time::Instant;

use stolid::{Request, Response, Sender, Status, Streaming};

use super::proto::greeter_server::Greeter;
use super::proto::{HelloReply, HelloRequest};

/// A log of calls: whatever takes a line. Clones are the same log.
#[derive(Clone)]
pub struct CallLog(Arc<dyn Fn(&str) + Send + Sync>);

impl CallLog {
    /// A log that gives its lines to `write`, on the thread of the call.
    pub fn new(write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(write))
    }

    fn line(&self, method: &str, what: impl Display) {
        (self.0)(&format!("{method} {what}"));
    }

    /// A call with one request and one response, as a client makes it or as a handler answers it.
    ///
    /// # Errors
    /// As `call`.
    pub fn unary<In: Debug, Out: Debug>(
        &self,
        method: &str,
        request: Request<In>,
        call: impl FnOnce(Request<In>) -> Result<Response<Out>, Status>,
    ) -> Result<Response<Out>, Status> {
        self.line(method, format_args!("< {:?}", request.get_ref()));
        self.whole(method, || {
            let response = call(request)?;
            self.line(method, format_args!("> {:?}", response.get_ref()));
            Ok(response)
        })
    }

    /// The outcome of a call and the time it took.
    ///
    /// # Errors
    /// As `call`.
    pub fn whole<T>(&self, method: &str, call: impl FnOnce() -> Result<T, Status>) -> Result<T, Status> {
        let begun = Instant::now();
        let outcome = call();
        let time = begun.elapsed();
        match &outcome {
            Ok(_) => self.line(method, format_args!("OK after {time:.1?}")),
            Err(status) => self.line(method, format_args!("{status} after {time:.1?}")),
        }
        outcome
    }

    /// Every message of a stream, as it passes by.
    pub fn each<T: Debug>(
        &self,
        method: &'static str,
        messages: impl IntoIterator<Item = Result<T, Status>>,
    ) -> impl Iterator<Item = Result<T, Status>> {
        messages.into_iter().inspect(move |message| match message {
            Ok(message) => self.line(method, format_args!("> {message:?}")),
            Err(status) => self.line(method, status),
        })
    }
}

impl Debug for CallLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallLog").finish_non_exhaustive()
    }
}

/// A greeter whose calls are logged: a service around a service.
#[derive(Clone, Debug)]
pub struct Logged<S> {
    /// Who does the work.
    pub greeter: S,
    /// Where the lines go.
    pub log: CallLog,
}

impl<S: Greeter> Greeter for Logged<S> {
    fn say_hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        self.log.unary("SayHello", request, |request| self.greeter.say_hello(request))
    }

    fn say_hello_stream_reply(
        &self,
        request: Request<HelloRequest>,
        replies: Sender<HelloReply>,
    ) -> Result<(), Status> {
        self.log.whole("SayHelloStreamReply", || self.greeter.say_hello_stream_reply(request, replies))
    }

    fn say_hello_client_stream(
        &self,
        requests: Request<Streaming<HelloRequest>>,
    ) -> Result<Response<HelloReply>, Status> {
        self.log.whole("SayHelloClientStream", || self.greeter.say_hello_client_stream(requests))
    }

    fn say_hello_bidi_stream(
        &self,
        requests: Request<Streaming<HelloRequest>>,
        replies: Sender<HelloReply>,
    ) -> Result<(), Status> {
        self.log.whole("SayHelloBidiStream", || self.greeter.say_hello_bidi_stream(requests, replies))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use stolid_tests::process::eventually;
    use stolid_tests::watchdog::watched;

    use super::super::greeter::{PatientGreeter, hello, hello_in_klingon, start};
    use super::*;

    /// A log and its lines, without the times.
    fn log() -> (CallLog, impl Fn() -> Vec<String>) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&lines);
        let log = CallLog::new(move |line| written.lock().unwrap().push(line.to_owned()));
        let timeless = |line: &String| line.split(" after ").next().unwrap_or_default().to_owned();
        (log, move || lines.lock().unwrap().iter().map(timeless).collect())
    }

    #[test]
    fn a_client_logs_what_it_says_and_hears() {
        watched(|| {
            let (_server, client) = start(PatientGreeter::default()).unwrap();
            let (log, lines) = log();
            let say = |name| log.unary("SayHello", Request::new(name), |request| client.say_hello(request));
            say(hello("Ada")).unwrap();
            say(hello_in_klingon("Worf")).unwrap_err();
            let replies = client.say_hello_stream_reply(hello("Bob")).unwrap();
            assert_eq!(log.each("SayHelloStreamReply", replies).take(1).count(), 1);
            let expected = [
                r#"SayHello < HelloRequest { name: "Ada", language: "en" }"#,
                r#"SayHello > HelloReply { message: "Hello, Ada!" }"#,
                "SayHello OK",
                r#"SayHello < HelloRequest { name: "Worf", language: "tlh" }"#,
                r#"SayHello INVALID_ARGUMENT: no greeting is known in "tlh""#,
                r#"SayHelloStreamReply > HelloReply { message: "Hello, Bob!" }"#,
            ];
            assert_eq!(lines(), expected);
        });
    }

    #[test]
    fn a_server_logs_what_it_hears_and_says() {
        watched(|| {
            let (log, lines) = log();
            let (_server, client) = start(Logged { greeter: PatientGreeter::default(), log }).unwrap();
            client.say_hello(hello("Ada")).unwrap();
            client.say_hello_client_stream(()).unwrap().finish().unwrap();
            // The outcome is logged when the handler returns, which is after the answer has left.
            eventually("both calls have ended", || lines().len() == 4);
            let expected = [
                r#"SayHello < HelloRequest { name: "Ada", language: "en" }"#,
                r#"SayHello > HelloReply { message: "Hello, Ada!" }"#,
                "SayHello OK",
                "SayHelloClientStream OK",
            ];
            assert_eq!(lines(), expected);
        });
    }

    #[test]
    fn the_end_of_a_stream_is_logged_with_its_reason() {
        watched(|| {
            let (log, lines) = log();
            let (_server, client) = start(Logged { greeter: PatientGreeter::default(), log }).unwrap();
            drop(client.say_hello_stream_reply(hello("Ada")).unwrap().next());
            eventually("the call has ended", || lines().len() == 1);
            assert!(lines()[0].starts_with("SayHelloStreamReply CANCELLED"), "{:?}", lines());
        });
    }
}
