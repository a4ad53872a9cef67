//! Calls that end before their time: deadlines, cancellation, early answers, shutdown.

use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use stolid::{CancelCause, Code, Context, Response, Status};
use stolid_tests::echo::{Count, Note};
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{Handlers, note, note_of};
use stolid_tests::pair;
use stolid_tests::watchdog::watched;
use tokio::sync::mpsc::unbounded_channel;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Request;

use super::{calling, connected, numbered};
use crate::echo::echo_client::EchoClient;
use crate::runtime;

#[test]
fn a_deadline_ends_the_handler_and_the_stream() {
    const TIMEOUT: Duration = Duration::from_millis(300);
    let (tell, told) = mpsc::channel();
    let handlers = Handlers::new().relay(move |requests, replies| {
        let context = requests.context();
        let remaining = context.time_remaining();
        // tonic's own timer ends when the response headers have come.
        replies.send_headers();
        let status = requests.into_inner().message();
        let status = status.expect_err("nothing comes before the deadline");
        let ended = (remaining, context.cancelled(), status.code());
        tell.send(ended).expect("the test listens");
        Err(status)
    });
    calling(handlers, async move |mut client| {
        let mut request = Request::new(tokio_stream::pending());
        request.set_timeout(TIMEOUT);
        let start = Instant::now();
        let replies = client.relay(request).await.expect("relay begins");
        let ended = replies.into_inner().message().await;
        // tonic's timer is over by now: it is our server that ends the call.
        let status = ended.expect_err("the deadline passes");
        assert_eq!(status.code(), tonic::Code::DeadlineExceeded, "{status}");
        let after = start.elapsed();
        assert!(after >= TIMEOUT, "ended after {after:?}");

        let (remaining, cause, code) = told.recv().expect("the handler ends");
        let remaining = remaining.expect("the deadline came with the call");
        assert!(remaining <= TIMEOUT, "{remaining:?}");
        assert_eq!(cause, Some(CancelCause::DeadlineExceeded));
        assert_eq!(code, Code::DeadlineExceeded);
    });
}

/// How a handler saw its call end.
type Ended = (Code, Option<CancelCause>);

const GIVEN_UP: Ended = (Code::Cancelled, Some(CancelCause::PeerReset));

/// Handlers that tell how their calls end, and are in no hurry to end them.
fn telling(gate: &Gate) -> (Handlers, Receiver<Ended>) {
    let (tell, told) = mpsc::channel();
    let tell = move |status: Status, context: &Context| {
        let ended = (status.code(), context.cancelled());
        tell.send(ended).expect("the test listens");
        status
    };
    let (say_tell, repeat_tell, gather_tell) = (tell.clone(), tell.clone(), tell);
    let (say_gate, gather_gate) = (gate.clone(), gate.clone());
    let handlers = Handlers::new()
        .say(move |request| {
            let context = request.context();
            say_gate.open();
            context.wait_cancelled(None);
            let status = context.check().expect_err("it was cancelled");
            Err(say_tell(status, &context))
        })
        .repeat(move |request, replies| {
            loop {
                if let Err(status) = replies.send(note_of(1000)) {
                    break Err(repeat_tell(status, &request.context()));
                }
            }
        })
        .gather(move |requests| {
            let context = requests.context();
            let mut requests = requests.into_inner();
            requests.message()?;
            gather_gate.open();
            let status = requests.message().expect_err("nothing more comes");
            Err(gather_tell(status, &context))
        });
    (handlers, told)
}

#[test]
fn a_unary_call_given_up_cancels_its_handler() {
    let entered = Gate::new();
    let (handlers, told) = telling(&entered);
    calling(handlers, async move |client| {
        let mut caller = client.clone();
        let call = tokio::spawn(async move { caller.say(note(1)).await });
        entered.wait();
        call.abort();
        assert_eq!(told.recv().expect("the handler ends"), GIVEN_UP);
        drop(client);
    });
}

#[test]
fn an_upload_given_up_in_the_middle_cancels_its_handler() {
    let entered = Gate::new();
    let (handlers, told) = telling(&entered);
    calling(handlers, async move |client| {
        let notes = numbered(1).chain(tokio_stream::pending());
        let mut caller = client.clone();
        let call = tokio::spawn(async move { caller.gather(notes).await });
        entered.wait();
        call.abort();
        assert_eq!(told.recv().expect("the handler ends"), GIVEN_UP);
        drop(client);
    });
}

#[test]
fn a_stream_dropped_in_the_middle_cancels_its_handler() {
    let (handlers, told) = telling(&Gate::new());
    calling(handlers, async move |mut client| {
        let replies = client.repeat(note(0)).await.expect("repeat works");
        let mut replies = replies.into_inner();
        for _ in 0..3 {
            let reply = replies.message().await.expect("it goes on");
            assert_eq!(reply, Some(note_of(1000)));
        }
        drop(replies);
        assert_eq!(told.recv().expect("the handler ends"), GIVEN_UP);
    });
}

#[test]
fn an_upload_may_be_answered_before_its_end() {
    let answered = Count { messages: 1, bytes: 0 };
    let handlers = Handlers::new().gather(move |requests| match requests.into_inner().message()? {
        Some(Note { number: 0, .. }) => Ok(Response::new(answered)),
        _ => Err(Status::already_exists("seen before")),
    });
    calling(handlers, async move |mut client| {
        let endless = |number| tokio_stream::iter(std::iter::repeat_with(move || note(number)));
        let count = client.gather(endless(0)).await.expect("it is answered");
        assert_eq!(count.into_inner(), answered);
        let status = client.gather(endless(1)).await.expect_err("it is refused");
        assert_eq!(status.code(), tonic::Code::AlreadyExists, "{status}");
        client.say(note(1)).await.expect("the connection lives");
    });
}

#[test]
fn a_shutdown_lets_an_open_stream_end() {
    watched(|| {
        let handlers = Handlers::new().relay(|requests, replies| {
            let context = requests.context();
            for note in requests.into_inner() {
                let text = if context.is_draining() { "draining" } else { "" };
                let text = text.to_owned();
                replies.send(Note { text, ..note? })?;
            }
            Ok(())
        });
        let server = pair::serve(handlers);
        let (send, notes) = unbounded_channel();
        let report = runtime().block_on(async {
            let mut client = EchoClient::new(connected(server.local_addr()).await);
            send.send(note(0)).expect("tonic takes it");
            let replies = client.relay(UnboundedReceiverStream::new(notes)).await;
            let mut replies = replies.expect("relay works").into_inner();
            replies.message().await.expect("it begins");
            let shutdown = thread::spawn(move || server.shutdown(Duration::from_secs(30)));
            loop {
                send.send(note(0)).expect("tonic takes it");
                let reply = replies.message().await.expect("it goes on");
                if reply.expect("it has not ended").text == "draining" {
                    break;
                }
            }
            drop(send);
            let end = replies.message().await.expect("it ends well");
            assert_eq!(end, None);
            shutdown.join().expect("the shutdown ends")
        });
        assert_eq!((report.drained, report.cut, report.stuck), (1, 0, 0));
    });
}
