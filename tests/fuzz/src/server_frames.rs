//! A live server: whatever one connection sends, calls of another connection are answered, no handler stays behind, and
//! every call that is well-formed is answered too.

use std::io::Write;
use std::net::TcpStream;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use socket2::SockRef;
use stolid::{BidiStreaming, Request, Server};

use crate::echo::echo_client::EchoClient;
use crate::echo::echo_server::EchoServer;
use crate::echo::{Handlers, Note, Running};
use crate::frames::{Op, PREFACE, Script, frame};
use crate::received::Received;

/// How long anything may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a pause of the script is at most.
const PAUSE: Duration = Duration::from_millis(3);

#[derive(Arbitrary, Debug)]
struct Plan {
    ending: Ending,
    /// Without it the first bytes are those of the first operation.
    silent: bool,
    ops: Vec<Op>,
}

/// How the script leaves.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Ending {
    /// It ends its side and reads to the end.
    Fin,
    /// It closes the socket, read or not.
    Close,
    Reset,
}

/// The server, and those who are not part of the script.
struct Bench {
    server: Server,
    running: Running,
    client: EchoClient,
    /// Open all the time.
    relay: Mutex<BidiStreaming<Note, Note>>,
}

fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(|| {
        let handlers = Handlers::default();
        let running = handlers.running.clone();
        let server =
            Server::builder().add_service(EchoServer::new(handlers)).start("127.0.0.1:0").expect("a port is free");
        let client = EchoClient::connect(format!("http://{}", server.local_addr())).expect("the server listens");
        let relay = Mutex::new(client.relay(()).expect("the server listens"));
        Bench { server, running, client, relay }
    })
}

/// Takes the input for a plan.
pub fn check(data: &[u8]) {
    let Ok(plan) = Plan::arbitrary_take_rest(Unstructured::new(data)) else {
        return;
    };
    let bench = bench();
    let script = Script::of(&plan.ops);
    let mut socket = TcpStream::connect(bench.server.local_addr()).expect("the server takes connections");
    socket.set_nodelay(true).expect("a TCP socket has TCP_NODELAY");
    socket.set_write_timeout(Some(PATIENCE)).expect("a TCP socket has timeouts");
    let mut received = Received::default();
    if !plan.silent {
        let _closed = socket.write_all(&opening());
    }
    let (last, others) = script.parts.split_last().expect("there is a part");
    for part in others {
        if socket.write_all(part).is_err() {
            break;
        }
        received.until(&mut socket, PAUSE, |_| false);
    }
    let _closed = socket.write_all(last);
    // More than the first windows let through would have to wait for their updates.
    let fits = script.parts.iter().map(Vec::len).sum::<usize>() < 60_000;
    let well_formed = fits && !plan.silent && plan.ops.iter().all(|op| matches!(op, Op::Call { .. } | Op::Pause));
    if well_formed && !hangs(&plan.ops) {
        let all = |received: &Received| script.calls.iter().all(|stream| received.ended.contains(stream));
        assert!(received.until(&mut socket, PATIENCE, all), "calls are not answered: {received:?}\n{plan:?}");
        assert!(!received.closed, "the server closed a connection that did nothing wrong: {plan:?}");
    }
    leave(socket, &mut received, plan.ending);
    bystanders(bench);
}

/// Preface and settings, with windows that take everything.
fn opening() -> Vec<u8> {
    let mut opening = PREFACE.to_vec();
    frame(4, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff], &mut opening);
    frame(8, 0, 0, &0x7fff_0000_u32.to_be_bytes(), &mut opening);
    opening
}

/// Whether a handler is told to go on until its call is over.
fn hangs(ops: &[Op]) -> bool {
    let long = |op: &Op| match op {
        Op::Call { messages, .. } => messages.iter().any(|message| matches!(message.number & 0x7f, 101 | 104)),
        _ => false,
    };
    ops.iter().any(long)
}

fn leave(mut socket: TcpStream, received: &mut Received, ending: Ending) {
    match ending {
        Ending::Close => {}
        Ending::Reset => {
            let _gone = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
        }
        Ending::Fin => {
            let _gone = socket.shutdown(std::net::Shutdown::Write);
            assert!(received.until(&mut socket, PATIENCE, |_| false), "the server keeps a connection that ended");
        }
    }
}

fn bystanders(bench: &Bench) {
    let note = Note { number: 7, body: vec![b'b'; 100], ..Note::default() };
    let request = Request::new(note.clone()).with_timeout(PATIENCE);
    let answer = bench.client.say(request).expect("another connection is served");
    assert_eq!(*answer.get_ref(), note);
    let mut relay = bench.relay.lock().unwrap_or_else(PoisonError::into_inner);
    relay.send(note.clone()).expect("another call goes on");
    assert_eq!(relay.message().expect("another call goes on"), Some(note));
    // The one that is left is the relay's.
    assert!(bench.running.falls_to(1, PATIENCE), "handlers outlive their connection: {:?}", bench.server.stats());
}
