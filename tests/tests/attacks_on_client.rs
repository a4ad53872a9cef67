//! A server that attacks its clients: every call ends by its deadline or by a limit, memory stays bounded, and calls to
//! other servers go on.
//!
//! Client and attacker are in this process, so that each test runs `alone`.

use std::io::Write;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use stolid::{Code, Request, Status};
use stolid_tests::attack::{Attacker, Bystander, MIB, Pushed};
use stolid_tests::config;
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::handlers::{Handlers, note, note_of};
use stolid_tests::pair::{scripted_server, scripted_server_with, serve};
use stolid_tests::process::{Process, alone, eventually};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Setting, Wire, WireListener, envelope, flag, frame, header_block, kind};

/// The timeout of the attacked calls.
const TIMEOUT: Duration = Duration::from_secs(1);

/// How much later than its timeout a call may end on a busy machine.
const LATE: Duration = Duration::from_secs(2);

/// What this process may grow by during an attack, the attacker's own part included.
const PEAK: u64 = 48 * MIB;

/// A client in a call to a server that attacks it, and the client of a good server.
struct Scene {
    wire: Wire,
    call: JoinHandle<(Result<(), Status>, Duration)>,
    resident: u64,
    bystander: Bystander,
    good: stolid::Server,
}

impl Scene {
    /// The client makes a unary call with a timeout; its stream comes back beside the scene.
    fn unary() -> (Self, u32) {
        Self::with(scripted_server(), |client| client.say(Request::new(note(1)).with_timeout(TIMEOUT)).map(drop))
    }

    fn with(
        (client, mut wire): (EchoClient, Wire),
        call: impl FnOnce(EchoClient) -> Result<(), Status> + Send + 'static,
    ) -> (Self, u32) {
        let good = serve(Handlers::new());
        let bystander = Bystander::start(good.local_addr());
        let resident = Process::this().resident_bytes();
        let call = thread::spawn(move || {
            let began = Instant::now();
            (call(client), began.elapsed())
        });
        let stream = wire.recv_call().stream;
        (Self { wire, call, resident, bystander, good }, stream)
    }

    /// The attack: sends and does not read until it is stuck, refused or told everything.
    fn attack(self, frames: impl Iterator<Item = Vec<u8>>) -> Attacked {
        let Self { wire, call, resident, bystander, good } = self;
        let mut attacker = wire.into_attacker();
        let pushed = attacker.push_all(frames);
        println!("{} bytes: {pushed:?}", attacker.sent);
        Attacked { call, resident, bystander, good, attacker, pushed }
    }
}

/// A scene after its attack.
struct Attacked {
    call: JoinHandle<(Result<(), Status>, Duration)>,
    resident: u64,
    bystander: Bystander,
    good: stolid::Server,
    attacker: Attacker,
    pushed: Pushed,
}

impl Attacked {
    /// The call ends, in time, with one of these codes; memory was bounded; the bystander was served.
    #[track_caller]
    fn assert_ends(self, attack: &str, codes: &[Code]) {
        eventually("the call ends", || self.call.is_finished());
        let (outcome, took) = self.call.join().expect("the call does not panic");
        let status = outcome.expect_err("the server never answered it");
        let grown = Process::this().resident_bytes().saturating_sub(self.resident);
        let (calls, slowest) = self.bystander.finish();
        println!(
            "FIGURES {attack} | RSS +{} KiB | call ended with {} after {took:?} | {} bytes, {:?} | bystander {calls} calls, \
             slowest {slowest:?}",
            grown / 1024,
            status.code().name(),
            self.attacker.sent,
            self.pushed,
        );
        assert!(codes.contains(&status.code()), "{attack}: {status}");
        assert!(took < TIMEOUT + LATE, "{attack}: took {took:?}");
        assert!(grown < PEAK, "{attack}: grew by {} KiB", grown / 1024);
        drop((self.attacker, self.good));
    }
}

/// The same frames a hundred thousand times, some at once.
fn repeated(frames: &[u8]) -> impl Iterator<Item = Vec<u8>> + use<> {
    let chunk = frames.repeat(1_000);
    (0..100).map(move |_| chunk.clone())
}

fn response_fields() -> Vec<u8> {
    header_block(&[(":status", "200"), ("content-type", "application/grpc")])
}

#[test]
fn floods_of_frames_that_carry_nothing_do_not_keep_a_call_beyond_its_deadline() {
    watched(|| {
        let _alone = alone();
        let floods: [(&str, u8, u8, bool, &[u8]); 6] = [
            ("PING", kind::PING, 0, false, b"8 bytes."),
            ("PING answers", kind::PING, flag::ACK, false, b"8 bytes."),
            ("SETTINGS", kind::SETTINGS, 0, false, &[0, 4, 0, 0, 0xff, 0xff]),
            ("empty DATA", kind::DATA, 0, true, &[]),
            ("PRIORITY", kind::PRIORITY, 0, true, &[0, 0, 0, 0, 1]),
            ("unknown frames", 0xfa, 0, false, b"?"),
        ];
        for (name, kind_of, flags, on_stream, payload) in floods {
            let (scene, stream) = Scene::unary();
            let start = [frame(kind::HEADERS, flag::END_HEADERS, stream, &response_fields())];
            let flood = repeated(&frame(kind_of, flags, if on_stream { stream } else { 0 }, payload));
            let attacked = scene.attack(start.into_iter().chain(flood));
            attacked.assert_ends(
                &format!("server floods its client with {name}"),
                &[Code::DeadlineExceeded, Code::Unavailable, Code::Internal],
            );
        }
    });
}

#[test]
fn interim_responses_without_end_do_not_keep_a_call_beyond_its_deadline() {
    watched(|| {
        let _alone = alone();
        let (scene, stream) = Scene::unary();
        let block = header_block(&[(":status", "103"), ("link", &"l".repeat(200))]);
        let attacked = scene.attack(repeated(&frame(kind::HEADERS, flag::END_HEADERS, stream, &block)));
        attacked.assert_ends("server sends 1xx without end", &[Code::DeadlineExceeded, Code::Unavailable]);
    });
}

#[test]
fn response_headers_without_end_fail_the_call() {
    watched(|| {
        let _alone = alone();
        for (name, piece) in [("empty", Vec::new()), ("full", header_block(&[("x", &"v".repeat(16_000))]))] {
            let (scene, stream) = Scene::unary();
            let start = [frame(kind::HEADERS, 0, stream, &response_fields())];
            let flood = frame(kind::CONTINUATION, 0, stream, &piece);
            let attacked = scene.attack(start.into_iter().chain((0..2_000).map(move |_| flood.clone())));
            attacked.assert_ends(&format!("server sends {name} CONTINUATION without end"), &[Code::Unavailable]);
        }
    });
}

#[test]
fn header_lists_and_trailers_over_the_limit_fail_the_call() {
    watched(|| {
        let _alone = alone();
        let mut bomb = response_fields();
        let mut field = header_block(&[("x-bomb", &"b".repeat(4_000))]);
        // Kept in the header table (RFC 7541, section 6.2.1), then named by one byte each time.
        field[0] = 0x40;
        bomb.extend(field);
        bomb.resize(16_000, 0x80 | 62);
        let failed = [Code::Unavailable, Code::Internal, Code::ResourceExhausted, Code::Cancelled];
        let (scene, stream) = Scene::unary();
        let attacked = scene.attack([frame(kind::HEADERS, flag::END_HEADERS, stream, &bomb)].into_iter());
        attacked.assert_ends("server sends a HPACK bomb of 48 MiB", &failed);

        let (scene, stream) = Scene::unary();
        let mut frames = frame(kind::HEADERS, flag::END_HEADERS, stream, &response_fields());
        let piece = header_block(&[("x", &"v".repeat(16_000))]);
        frames.extend(frame(kind::HEADERS, flag::END_STREAM, stream, &piece));
        for _ in 0..2 {
            frames.extend(frame(kind::CONTINUATION, 0, stream, &piece));
        }
        let last = header_block(&[("grpc-status", "0")]);
        frames.extend(frame(kind::CONTINUATION, flag::END_HEADERS, stream, &last));
        let attacked = scene.attack([frames].into_iter());
        // What is over the limit is left out, the status among it.
        attacked.assert_ends("server sends trailers of 48 kB", &[&failed[..], &[Code::Unknown]].concat());
    });
}

#[test]
fn a_compressed_bomb_is_too_large_before_it_is_unpacked() {
    watched(|| {
        let _alone = alone();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        for _ in 0..32 {
            gzip.write_all(&vec![0; 1 << 20]).expect("memory takes all bytes");
        }
        let mut body = envelope(&gzip.finish().expect("memory takes all bytes"));
        body[0] = 1;
        let (mut scene, stream) = Scene::unary();
        let fields = [(":status", "200"), ("content-type", "application/grpc"), ("grpc-encoding", "gzip")];
        scene.wire.send_headers(stream, &fields, false);
        scene.wire.send_body(stream, &body, false);
        scene.wire.send_trailers(stream, "0");
        scene.attack([].into_iter()).assert_ends("server sends 32 MiB in 32 kB", &[Code::ResourceExhausted]);
    });
}

#[test]
fn promises_of_pushes_end_the_connection() {
    watched(|| {
        let _alone = alone();
        let (scene, stream) = Scene::unary();
        let block = header_block(&[(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "x")]);
        let promise = [&2_u32.to_be_bytes()[..], &block].concat();
        let attacked = scene.attack(repeated(&frame(0x5, flag::END_HEADERS, stream, &promise)));
        attacked.assert_ends("server pushes", &[Code::Unavailable, Code::Internal]);
    });
}

#[test]
fn an_upload_into_a_window_of_zero_ends_by_its_deadline_and_costs_its_quota() {
    watched(|| {
        let _alone = alone();
        let zero = [(Setting::INITIAL_WINDOW_SIZE, 0)];
        let (scene, _stream) = Scene::with(scripted_server_with(&zero), |client| {
            let mut upload = client.gather(Request::new(()).with_timeout(TIMEOUT))?;
            // Without a bound this would be a gibibyte.
            for _ in 0..1_024 {
                upload.send(note_of(1 << 20))?;
            }
            upload.finish().map(drop)
        });
        let attacked = scene.attack([].into_iter());
        attacked.assert_ends("server keeps the window of an upload shut", &[Code::DeadlineExceeded]);
    });
}

#[test]
fn a_server_that_never_answers_keeps_a_call_until_its_deadline_or_its_cancellation() {
    watched(|| {
        let _alone = alone();
        let (scene, _stream) = Scene::unary();
        scene.attack([].into_iter()).assert_ends("silent server, deadline", &[Code::DeadlineExceeded]);

        let (tell, told) = mpsc::channel();
        let (scene, _stream) = Scene::with(scripted_server(), move |client| {
            let mut replies = client.repeat(note(1))?;
            tell.send(replies.context()).expect("the test listens");
            replies.message().map(drop)
        });
        told.recv().expect("the call opens").cancel();
        scene.attack([].into_iter()).assert_ends("silent server, cancelled", &[Code::Cancelled]);
    });
}

#[test]
fn a_server_that_does_not_even_greet_fails_the_connecting() {
    watched(|| {
        let _alone = alone();
        let listener = WireListener::bind();
        let connecting = config::channel(listener.target()).connect_timeout(Duration::from_millis(500));
        let began = Instant::now();
        let error = thread::spawn(move || connecting.connect()).join().expect("no panic").expect_err("nobody greets");
        assert!(began.elapsed() < Duration::from_millis(500) + LATE, "{error} after {:?}", began.elapsed());
        drop(listener.accept_silently());
    });
}

#[test]
fn data_without_regard_for_windows_ends_the_connection() {
    watched(|| {
        let _alone = alone();
        let (scene, stream) = Scene::unary();
        let mut start = frame(kind::HEADERS, flag::END_HEADERS, stream, &response_fields());
        // The beginning of a message just within the limit.
        start.extend(frame(kind::DATA, 0, stream, &[0, 0, 0x3f, 0xff, 0xff]));
        let start = [start];
        let data = frame(kind::DATA, 0, stream, &[0; 16_384]);
        let attacked = scene.attack(start.into_iter().chain((0..2_000).map(move |_| data.clone())));
        let failed = [Code::Unavailable, Code::Internal, Code::ResourceExhausted, Code::DeadlineExceeded];
        attacked.assert_ends("server sends 32 MiB without regard for windows", &failed);
    });
}
