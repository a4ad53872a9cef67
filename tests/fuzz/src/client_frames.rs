//! Our client against a scripted server: whatever it is sent, all four kinds of calls end when the connection does, none
//! of them well without a status, and calls of another channel are not touched.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use arbitrary::{Arbitrary, Unstructured};
use socket2::SockRef;
use stolid::{Channel, Code, Request, Server, Status};

use crate::echo::echo_client::EchoClient;
use crate::echo::echo_server::EchoServer;
use crate::echo::{Handlers, Note};
use crate::frames::{Op, Script, frame};
use crate::received::Received;

/// How long anything may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(15);

/// The time that each call has: long enough never to be the reason for its end.
const TIMEOUT: Duration = Duration::from_secs(40);

/// How long a pause of the script is at most.
const PAUSE: Duration = Duration::from_millis(3);

/// How long the script waits for the four calls.
const OPENED: Duration = Duration::from_secs(5);

#[derive(Arbitrary, Debug)]
struct Plan {
    /// The script does not wait for calls.
    early: bool,
    /// It begins without SETTINGS.
    silent: bool,
    reset: bool,
    ops: Vec<Op>,
}

/// A healthy server, and a client of it.
struct Bystander {
    _server: Server,
    client: EchoClient,
}

fn bystander() -> &'static Bystander {
    static BYSTANDER: OnceLock<Bystander> = OnceLock::new();
    BYSTANDER.get_or_init(|| {
        let service = EchoServer::new(Handlers::default());
        let server = Server::builder().add_service(service).start("127.0.0.1:0").expect("a port is free");
        let client = EchoClient::connect(format!("http://{}", server.local_addr())).expect("the server listens");
        Bystander { _server: server, client }
    })
}

/// Takes the input for a plan.
pub fn check(data: &[u8]) {
    let Ok(plan) = Plan::arbitrary_take_rest(Unstructured::new(data)) else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let target = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
    let script = Script::of(&plan.ops);
    // The text may be spread over two frames, or come out of the header table.
    let can_succeed = script.says("grpc-status") || plan.ops.iter().any(|op| matches!(op, Op::Bytes(_)));
    let outcomes = thread::scope(|scope| {
        let playing = scope.spawn(|| play(&plan, &script, listener));
        let outcomes = calls(&target);
        let closed = playing.join().expect("the script does not fail");
        let late = closed.elapsed();
        assert!(late < PATIENCE, "calls went on for {late:?} after their connection: {outcomes:?}\n{plan:?}");
        outcomes
    });
    for outcome in &outcomes {
        assert!(can_succeed || outcome.is_err(), "a call ended well without a status: {plan:?}");
        if let Err(status) = outcome {
            assert_ne!(status.code(), Code::Ok, "{status}");
            // A server may say it; our own deadline was not it.
            assert!(can_succeed || status.code() != Code::DeadlineExceeded, "{status}");
        }
    }
    let note = Note { number: 7, ..Note::default() };
    let request = Request::new(note.clone()).with_timeout(PATIENCE);
    let answer = bystander().client.say(request).expect("another channel works");
    assert_eq!(*answer.get_ref(), note);
}

/// Serves one connection; gives the time of its end.
fn play(plan: &Plan, script: &Script, listener: TcpListener) -> Instant {
    let (mut socket, _) = listener.accept().expect("the client dials");
    let mut received = Received::default();
    socket.set_write_timeout(Some(PATIENCE)).expect("a TCP socket has timeouts");
    let opened = plan.silent || begin(&mut socket);
    if !plan.early && !plan.silent && opened && received.skip_preface(&mut socket, OPENED) {
        received.until(&mut socket, OPENED, |received| received.heads == 4);
        for part in &script.parts {
            if socket.write_all(part).is_err() {
                break;
            }
            received.until(&mut socket, PAUSE, |_| false);
        }
    } else {
        let _gone = socket.write_all(&script.parts.concat());
    }
    if plan.reset {
        let _gone = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
    }
    drop(listener);
    drop(socket);
    Instant::now()
}

fn begin(socket: &mut TcpStream) -> bool {
    let mut settings = Vec::new();
    frame(4, 0, 0, b"", &mut settings);
    socket.write_all(&settings).is_ok()
}

/// One call of each kind, to their ends.
fn calls(target: &str) -> Vec<Result<(), Status>> {
    let channel = Channel::builder(target).connect_timeout(TIMEOUT).connect();
    let Ok(channel) = channel else {
        return Vec::new();
    };
    let client = EchoClient::new(channel);
    let note = || Note { number: 3, body: vec![b'c'; 50], ..Note::default() };
    let request = || Request::new(()).with_timeout(TIMEOUT);
    thread::scope(|scope| {
        let say = scope.spawn(|| client.say(Request::new(note()).with_timeout(TIMEOUT)).map(drop));
        let relay = client.relay(request());
        let repeat = client.repeat(Request::new(note()).with_timeout(TIMEOUT));
        let gather = client.gather(request());
        let mut outcomes = Vec::new();
        outcomes.push(relay.and_then(|mut relay| {
            // The answer says more than a failure to send.
            let _ended = relay.send(note());
            while relay.message()?.is_some() {}
            Ok(())
        }));
        outcomes.push(repeat.and_then(|mut replies| {
            while replies.message()?.is_some() {}
            Ok(())
        }));
        outcomes.push(gather.and_then(|mut gather| {
            let _ended = gather.send(note());
            gather.finish().map(drop)
        }));
        outcomes.push(say.join().expect("a call does not panic"));
        outcomes
    })
}
