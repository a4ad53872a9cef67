//! The negative HTTP/2 interoperability tests of gRPC with the roles changed, and answers before the request is complete.
//!
//! Names begin with those of the official cases.

use std::sync::{Mutex, mpsc};

use prost::Message;
use stolid::{CancelCause, Code, Context, Response, Status};
use stolid_tests::echo::Count;
use stolid_tests::handlers::{Handlers, count, note, note_of, relay};
use stolid_tests::process::eventually;
use stolid_tests::scene::{Method, ServerScene};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reason, Wire, envelope};

/// What a handler's call came to: the code it read, and the cause that its context tells.
type Ended = (Code, Option<CancelCause>);

/// Handlers that tell how their calls ended. A unary one hangs until it is cancelled.
fn telling() -> (Handlers, mpsc::Receiver<Ended>) {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let tell = move |result: &Result<(), Status>, context: &Context| {
        let code = result.as_ref().err().map_or(Code::Ok, Status::code);
        let tell = tell.lock().expect("no handler panics");
        tell.send((code, context.cancelled())).expect("the test listens");
    };
    let tell = std::sync::Arc::new(tell);
    let [say, gather, relays] = [(); 3].map(|()| std::sync::Arc::clone(&tell));
    let handlers = Handlers::new()
        .say(move |request| {
            let context = request.context();
            if request.get_ref().body.is_empty() {
                return Ok(Response::new(request.into_inner()));
            }
            context.wait_cancelled(None);
            let result = context.check();
            say(&result, &context);
            result.map(|()| Response::new(request.into_inner()))
        })
        .gather(move |requests| {
            let context = requests.context();
            let result = count(requests.into_inner());
            gather(&result.as_ref().map(|_| ()).map_err(Status::clone), &context);
            result
        })
        .relay(move |requests, replies| {
            let context = requests.context();
            let result = relay(requests.into_inner(), &replies);
            relays(&result, &context);
            result
        });
    (handlers, told)
}

/// A call that `begin` has begun is reset, for each reason; its handler hears of it and nothing comes back.
#[track_caller]
fn assert_reset(method: Method, begin: impl Fn(&mut Wire, u32)) {
    let (handlers, told) = telling();
    let mut scene = ServerScene::start(handlers);
    for reason in [Reason::CANCEL, Reason::NO_ERROR, Reason::INTERNAL_ERROR, Reason::REFUSED_STREAM, Reason(77)] {
        let stream = scene.wire.open_call(method.path(), &[]);
        begin(&mut scene.wire, stream);
        eventually("the handler runs", || scene.server.stats().running == 2);
        scene.wire.send_reset(stream, reason);
        let ended = told.recv().expect("the handler ends");
        assert_eq!(ended, (Code::Cancelled, Some(CancelCause::PeerReset)), "{method:?}, {reason:?}");
        scene.assert_connection_serves();
        assert_eq!(scene.wire.pending_of(stream), [], "{method:?}, {reason:?}");
    }
    scene.end();
    assert_eq!(told.recv().expect("the bystander's handler ends"), (Code::Ok, None));
}

#[test]
fn rst_after_header_cancels_the_call() {
    watched(|| {
        for method in [Method::Gather, Method::Relay] {
            assert_reset(method, |_, _| {});
        }
    });
}

#[test]
fn rst_during_data_cancels_the_call() {
    watched(|| {
        let body = envelope(&note_of(271_828).encode_to_vec());
        for method in [Method::Gather, Method::Relay] {
            assert_reset(method, |wire, stream| wire.send_body(stream, &body[..body.len() / 2], false));
        }
    });
}

#[test]
fn rst_after_data_cancels_the_call() {
    watched(|| {
        assert_reset(Method::Gather, |wire, stream| wire.send_data(stream, &envelope(&[]), false));
        // The answer to what came before the reset is taken off the wire, so that nothing may come behind it.
        assert_reset(Method::Relay, |wire, stream| {
            wire.send_data(stream, &envelope(&[]), false);
            wire.recv_headers(stream);
            wire.recv_message(stream);
        });
    });
}

#[test]
fn rst_after_the_half_close_cancels_the_call() {
    watched(|| {
        let request = envelope(&note_of(1).encode_to_vec());
        assert_reset(Method::Say, |wire, stream| wire.send_data(stream, &request, true));
    });
}

#[test]
fn rst_before_a_unary_request_is_whole_starts_no_handler() {
    watched(|| {
        let mut scene = ServerScene::start(Handlers::new().say(|_| panic!("the request never came")));
        let body = envelope(&note_of(1_000).encode_to_vec());
        for sent in [0, 3, 5, 500, body.len()] {
            let stream = scene.wire.open_call(Method::Say.path(), &[]);
            if sent > 0 {
                scene.wire.send_data(stream, &body[..sent], false);
            }
            scene.wire.sync();
            scene.wire.send_reset(stream, Reason::CANCEL);
            scene.wire.sync();
            assert_eq!(scene.wire.pending_of(stream), [], "{sent} bytes");
        }
        eventually("the bystander's handler is the only one", || scene.server.stats().running == 1);
        scene.end();
    });
}

#[test]
fn goaway_of_a_client_lets_its_calls_go_on_to_their_end() {
    watched(|| {
        let mut scene = ServerScene::start(Handlers::new());
        let running = scene.wire.open_call(Method::Gather.path(), &[]);
        scene.wire.send_goaway(0, Reason::NO_ERROR, "going");
        scene.wire.send_data(running, &envelope(&note_of(7).encode_to_vec()), true);
        let reply = scene.wire.recv_reply(running);
        let counted = Count { messages: 1, bytes: 7 };
        assert_eq!((reply.code(), reply.messages), (0, vec![counted.encode_to_vec()]));
        scene.end();
    });
}

#[test]
fn ping_around_headers_and_data_is_always_answered() {
    watched(|| {
        let mut scene = ServerScene::start(Handlers::new());
        for method in Method::ALL {
            scene.wire.sync();
            let stream = scene.wire.open_call(method.path(), &[]);
            scene.wire.sync();
            scene.wire.send_data(stream, &envelope(&note(1).encode_to_vec()), false);
            scene.wire.sync();
            scene.wire.send_data(stream, &[], true);
            scene.wire.sync();
            assert_eq!(scene.wire.recv_reply(stream).code(), 0, "{method:?}");
            scene.wire.sync();
        }
        scene.end();
    });
}

/// Sends one large message in frames of five bytes with this padding.
#[track_caller]
fn send_in_frames_of_five_bytes(padding: Option<u8>) {
    let mut scene = ServerScene::start(Handlers::new());
    let message = note_of(314_159).encode_to_vec();
    let stream = scene.wire.open_call(Method::Say.path(), &[]);
    scene.wire.hold();
    let mut frames = 0;
    for piece in envelope(&message).chunks(5) {
        match padding {
            None => scene.wire.send_data(stream, piece, false),
            Some(padding) => scene.wire.send_padded_data(stream, piece, padding, false),
        }
        frames += 1;
    }
    assert!(frames >= 62_832, "{frames} frames");
    scene.wire.send_data(stream, &[], true);
    let reply = scene.wire.recv_reply(stream);
    assert_eq!(reply.code(), 0);
    assert!(reply.messages == [message], "the large message came back changed");
    scene.assert_connection_serves();
    scene.end();
}

#[test]
fn data_frame_padding_of_255_bytes_counts_for_the_windows_and_arrives() {
    watched(|| send_in_frames_of_five_bytes(Some(255)));
}

#[test]
fn no_df_padding_sanity_test_of_frames_of_five_bytes_arrives() {
    watched(|| send_in_frames_of_five_bytes(None));
}

/// Calls that are answered while the client still sends: the answer, then a reset that is no error.
#[track_caller]
fn assert_early(scene: &mut ServerScene, path: &str, metadata: &[(&str, &str)], body: &[u8], code: i32) {
    let stream = scene.wire.open_call(path, metadata);
    if !body.is_empty() {
        scene.wire.send_data(stream, body, false);
    }
    let reply = scene.wire.recv_reply(stream);
    assert_eq!(reply.code(), code, "{path}: {}", reply.message());
    assert_eq!(scene.wire.recv_reset(stream), Reason::NO_ERROR, "{path}");
    // What was under way meanwhile harms nobody.
    scene.wire.send_data(stream, &envelope(&note_of(1_000).encode_to_vec()), true);
    scene.assert_connection_serves();
}

#[test]
fn an_early_answer_is_followed_by_a_reset_without_an_error() {
    watched(|| {
        let handlers = Handlers::new().gather(|_| Ok(Response::new(Count { messages: 0, bytes: 0 }))).relay(
            |requests, replies| match requests.metadata().get("x-refuse") {
                Some(_) => Err(Status::permission_denied("no")),
                None => relay(requests.into_inner(), &replies),
            },
        );
        let mut scene = ServerScene::start(handlers);
        let message = envelope(&note(1).encode_to_vec());
        for _ in 0..20 {
            assert_early(&mut scene, Method::Gather.path(), &[], &[], 0);
            assert_early(&mut scene, Method::Gather.path(), &[], &message, 0);
            assert_early(&mut scene, Method::Relay.path(), &[("x-refuse", "1")], &message, 7);
            assert_early(&mut scene, "/testing.v1.Echo/Shout", &[], &message, 12);
            assert_early(&mut scene, Method::Say.path(), &[("grpc-timeout", "soon")], &message, 13);
            // Known to be wrong before the request is whole.
            for method in Method::ONE_REQUEST {
                assert_early(&mut scene, method.path(), &[], &message.repeat(2), 12);
                assert_early(&mut scene, method.path(), &[], &[3, 0, 0, 0, 0], 13);
                assert_early(&mut scene, method.path(), &[], &[0, 0xff, 0, 0, 0], 8);
            }
        }
        scene.end();
    });
}
