//! What a client sends when it makes a call.

use std::thread;
use std::time::{Duration, Instant};

use prost::Message;
use stolid::{Code, Request};
use stolid_tests::config;
use stolid_tests::echo::Note;
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::handlers::note;
use stolid_tests::pair::{scripted_server, scripted_server_with};
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Call, Fields, Frame, Setting, Wire, WireListener, envelope};

use crate::script::METHODS;

/// A request with a timeout and metadata.
fn asking<T>(message: T) -> Request<T> {
    let mut request = Request::new(message).with_timeout(Duration::from_secs(20));
    request.metadata_mut().insert("x-one", "1").expect("legal metadata");
    request.metadata_mut().insert("a-two", "2").expect("legal metadata");
    request
}

/// The heads of one call of each kind, in the order of [`METHODS`].
fn call_each_kind(client: &EchoClient, wire: &mut Wire) -> Vec<Call> {
    let caller = client.clone();
    let calling = thread::spawn(move || caller.say(asking(note(1))));
    let say = wire.recv_call();
    let repeat = client.repeat(asking(note(1))).expect("the call opens");
    let calls = vec![say.clone(), wire.recv_call()];
    drop(repeat);
    let gather = client.gather(asking(())).expect("the call opens");
    let calls = [calls, vec![wire.recv_call()]].concat();
    drop(gather);
    let relay = client.relay(asking(())).expect("the call opens");
    let calls = [calls, vec![wire.recv_call()]].concat();
    drop(relay);
    wire.send_unary_reply(say.stream, &[]);
    calling.join().expect("the caller does not panic").expect("the call is OK");
    calls
}

#[test]
fn the_headers_of_every_kind_of_call_stand_in_the_order_of_the_protocol() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for (path, call) in METHODS.into_iter().zip(call_each_kind(&client, &mut wire)) {
            let names = Vec::from_iter(call.fields.0.iter().map(|(name, _)| name.as_str()));
            let (pseudo, rest) = names.split_at(4);
            for name in [":method", ":scheme", ":path", ":authority"] {
                assert!(pseudo.contains(&name), "{path}: {names:?}");
            }
            // How messages are compressed is a part of the call's definition too.
            let rest = Vec::from_iter(rest.iter().filter(|name| !name.ends_with("-encoding")).copied());
            assert_eq!(rest, ["grpc-timeout", "te", "content-type", "user-agent", "x-one", "a-two"], "{path}");
            let metadata = call.fields.position("x-one").expect("metadata");
            for name in ["grpc-encoding", "grpc-accept-encoding"] {
                assert!(call.fields.position(name).is_none_or(|at| at < metadata), "{path}: {names:?}");
            }
            assert_eq!(call.fields.get(":method"), Some("POST"));
            assert_eq!(call.fields.get(":path"), Some(path));
        }
    });
}

#[test]
fn te_trailers_is_sent_with_every_kind_of_call() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for call in call_each_kind(&client, &mut wire) {
            assert_eq!(call.fields.all("te"), ["trailers"], "{:?}", call.fields);
            assert_eq!(call.fields.all("content-type"), ["application/grpc"], "{:?}", call.fields);
        }
    });
}

/// The number and the unit of a `grpc-timeout`.
#[track_caller]
fn timeout_of(fields: &Fields) -> (u64, char) {
    let text = fields.get("grpc-timeout").expect("a timeout");
    let unit = text.chars().next_back().expect("a timeout has a unit");
    let digits = &text[..text.len() - 1];
    assert!((1..=8).contains(&digits.len()), "{text}: one to eight digits");
    (digits.parse().expect("a timeout is a number"), unit)
}

#[test]
fn a_timeout_is_sent_in_the_smallest_unit_that_fits_and_rounded_up() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let sent = |wire: &mut Wire, timeout: Duration| {
            let replies = client.repeat(Request::new(note(1)).with_timeout(timeout)).expect("the call opens");
            let fields = wire.recv_call().fields;
            drop(replies);
            timeout_of(&fields)
        };
        let hour = Duration::from_secs(3_600);
        // What a call has left is a little less than it was given, and each number is the next larger of its unit.
        let (number, unit) = sent(&mut wire, Duration::from_millis(50_001));
        assert!(unit == 'u' && (40_000_000..=50_001_000).contains(&number), "{number}{unit}");
        let (number, unit) = sent(&mut wire, Duration::from_secs(1_000));
        assert!(unit == 'm' && (990_000..=1_000_000).contains(&number), "{number}{unit}");
        assert_eq!(sent(&mut wire, Duration::from_secs(200_000_000) - Duration::from_millis(1)), (3_333_334, 'M'));
        assert_eq!(sent(&mut wire, 2_000_000 * hour - Duration::from_secs(1)), (2_000_000, 'H'));
        assert_eq!(sent(&mut wire, 2_000_000 * hour + Duration::from_secs(60)), (2_000_001, 'H'));
    });
}

#[test]
fn a_timeout_beyond_all_units_is_not_sent_as_a_short_one() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for timeout in [Duration::MAX, Duration::from_secs(u64::MAX / 2), Duration::from_secs(400_000_000_000)] {
            let replies = client.repeat(Request::new(note(1)).with_timeout(timeout)).expect("the call opens");
            let fields = wire.recv_call().fields;
            // A deadline that no clock can tell is no deadline.
            if fields.get("grpc-timeout").is_some() {
                assert_eq!(timeout_of(&fields), (99_999_999, 'H'), "{timeout:?}");
            }
            drop(replies);
        }
    });
}

/// A call with 20 s of time, and how much of it its header says is left.
fn left_of_twenty_seconds(fields: &Fields) -> Duration {
    match timeout_of(fields) {
        (number, 'u') => Duration::from_micros(number),
        (number, unit) => panic!("20 s were sent as {number}{unit}"),
    }
}

const WAIT: Duration = Duration::from_millis(300);

#[test]
fn the_timeout_that_is_sent_is_what_connecting_has_left() {
    watched(|| {
        let listener = WireListener::bind();
        let channel = config::channel(listener.target()).connect_lazy().expect("the address is good");
        let calling = thread::spawn(move || EchoClient::new(channel).say(asking(note(1))));
        let mut wire = listener.accept_silently();
        // The call connects, so that it has begun.
        let began = Instant::now();
        eventually("time has passed", || began.elapsed() >= WAIT);
        wire.send_settings(&[]);
        wire.recv_preface();
        let call = wire.recv_call();
        let left = left_of_twenty_seconds(&call.fields);
        assert!(left <= Duration::from_secs(20) - WAIT, "{left:?}");
        wire.recv_data_until_half_close(call.stream);
        wire.send_unary_reply(call.stream, &[]);
        calling.join().expect("the caller does not panic").expect("the call is OK");
    });
}

#[test]
fn the_timeout_that_is_sent_is_what_queueing_has_left() {
    watched(|| {
        let (client, mut wire) = scripted_server_with(&[(Setting::MAX_CONCURRENT_STREAMS, 1)]);
        wire.sync();
        let first = client.relay(()).expect("the call opens");
        wire.recv_call();
        let second = client.relay(asking(())).expect("the call waits");
        let began = Instant::now();
        eventually("time has passed", || began.elapsed() >= WAIT);
        drop(first);
        let call = wire.recv_call();
        let left = left_of_twenty_seconds(&call.fields);
        assert!(left <= Duration::from_secs(20) - WAIT, "{left:?}");
        let after_pseudo = call.fields.0.iter().position(|(name, _)| !name.starts_with(':'));
        assert_eq!(call.fields.position("grpc-timeout"), after_pseudo, "{:?}", call.fields);
        drop(second);
    });
}

#[test]
fn a_deadline_that_passes_while_connecting_is_made_locally() {
    watched(|| {
        let listener = WireListener::bind();
        let channel = config::channel(listener.target()).connect_lazy().expect("the address is good");
        let calling = thread::spawn(move || {
            let request = Request::new(note(1)).with_timeout(Duration::from_millis(100));
            EchoClient::new(channel).say(request).expect_err("nobody speaks")
        });
        let _silent = listener.accept_silently();
        assert_eq!(calling.join().expect("the caller does not panic").code(), Code::DeadlineExceeded);
    });
}

#[test]
fn the_user_agent_of_the_application_stands_before_that_of_the_library() {
    watched(|| {
        let listener = WireListener::bind();
        let builder = config::channel(listener.target()).user_agent("chat/2.1 (tests)");
        let connecting = thread::spawn(move || builder.connect().expect("the script listens"));
        let mut wire = listener.accept();
        let client = EchoClient::new(connecting.join().expect("connecting does not panic"));
        let replies = client.repeat(note(1)).expect("the call opens");
        let fields = wire.recv_call().fields;
        let agents = fields.all("user-agent");
        assert_eq!(agents.len(), 1, "{fields:?}");
        let own = agents[0].strip_prefix("chat/2.1 (tests) ").expect("the application's comes first");
        // `grpc-`, the language, the name of the implementation and its version.
        let version = own.strip_prefix("grpc-rust-stolid/").expect("a gRPC library names itself so");
        assert!(version.split('.').count() == 3, "{own}");
        drop(replies);
    });
}

#[test]
fn a_call_with_nothing_left_to_send_ends_with_an_empty_data_frame() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let (sender, _replies) = client.relay(()).expect("the call opens").split();
        let call = wire.recv_call();
        assert!(!call.end_stream);
        sender.send(note(1)).expect("the call runs");
        assert_eq!(wire.recv_data(call.stream), (envelope(&note(1).encode_to_vec()), false));
        drop(sender);
        assert_eq!(wire.recv_data(call.stream), (Vec::new(), true));
    });
}

#[test]
fn a_call_without_any_message_is_half_closed() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let call = client.gather(()).expect("the call opens");
        let finishing = thread::spawn(move || call.finish());
        let stream = wire.recv_call().stream;
        assert_eq!(wire.recv_data_until_half_close(stream), []);
        wire.send_unary_reply(stream, &[]);
        finishing.join().expect("the caller does not panic").expect("the call is OK");
    });
}

#[test]
fn an_empty_message_is_sent_as_five_bytes() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let caller = client.clone();
        let calling = thread::spawn(move || caller.say(Note::default()));
        let stream = wire.recv_call().stream;
        assert_eq!(wire.recv_data_until_half_close(stream), [0; 5]);
        wire.send_unary_reply(stream, &[]);
        let answer = calling.join().expect("the caller does not panic").expect("the call is OK");
        assert_eq!(answer.into_inner(), Note::default());

        let call = client.relay(()).expect("the call opens");
        call.send(Note::default()).expect("the call runs");
        let stream = wire.recv_call().stream;
        assert_eq!(wire.recv_data(stream), (vec![0; 5], false));
        let ends = |frame: &Frame| matches!(frame, Frame::Data { end_stream: true, .. });
        assert!(!wire.pending_of(stream).iter().any(ends), "a message is not the end");
    });
}
