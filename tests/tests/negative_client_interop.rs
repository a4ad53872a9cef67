//! gRPC's negative HTTP/2 interoperability tests, and answers that come before the request is complete.
//!
//! Names begin with those of the official cases. The resets among them (`rst_after_header`, `rst_during_data`,
//! `rst_after_data`) are in `negative_client.rs`.

use std::thread::{self, JoinHandle};

use prost::Message;
use stolid::{Code, Response, Status};
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::echo::{Count, Note};
use stolid_tests::handlers::note_of;
use stolid_tests::pair::{client_of, scripted_server};
use stolid_tests::process::{ThreadProbe, eventually};
use stolid_tests::scene::ClientScene;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Frame, Reason, Setting, Wire, WireListener, envelope};

/// The body of a large request, bytes.
const UP: usize = 271_828;

/// The body of its answer, bytes.
const DOWN: usize = 314_159;

/// What a server has counted of an upload, and a note with the same bytes.
const COUNT: Count = Count { messages: 2, bytes: 0 };

type LargeCall = JoinHandle<Result<Response<Note>, Status>>;

/// Makes the large unary call of the interoperability tests in a thread of its own.
fn calling(client: &EchoClient) -> LargeCall {
    let client = client.clone();
    thread::spawn(move || client.say(note_of(UP)))
}

/// Reads such a call off the wire to its end; gives its stream.
#[track_caller]
fn recv_large_call(wire: &mut Wire) -> u32 {
    let stream = wire.recv_call().stream;
    let body = wire.recv_data_until_half_close(stream);
    assert!(body == envelope(&note_of(UP).encode_to_vec()), "the request of {UP} bytes came changed");
    stream
}

fn large_answer() -> Vec<u8> {
    note_of(DOWN).encode_to_vec()
}

#[track_caller]
fn assert_answered(calling: LargeCall) {
    let answer = calling.join().expect("the caller does not panic");
    assert!(answer.expect("the call is OK").into_inner() == note_of(DOWN), "the answer of {DOWN} bytes came changed");
}

#[test]
fn goaway_after_a_call_sends_the_next_over_a_new_connection() {
    watched(|| {
        let listener = WireListener::bind();
        let addr = listener.addr();
        let connecting = thread::spawn(move || client_of(addr));
        let mut first = listener.accept();
        let client = connecting.join().expect("connecting does not panic");

        let call = calling(&client);
        let stream = recv_large_call(&mut first);
        first.send_goaway(stream, Reason::NO_ERROR, "");
        first.send_unary_reply(stream, &large_answer());
        assert_answered(call);

        let call = calling(&client);
        let mut second = listener.accept();
        let stream = recv_large_call(&mut second);
        second.send_unary_reply(stream, &large_answer());
        assert_answered(call);
        first.recv_eof();
    });
}

#[test]
fn ping_around_headers_and_data_is_always_answered() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let call = calling(&client);
        let stream = recv_large_call(&mut wire);
        wire.sync();
        wire.send_response_headers(stream);
        wire.sync();
        wire.send_body(stream, &envelope(&large_answer()), false);
        wire.sync();
        wire.send_trailers(stream, "0");
        wire.sync();
        assert_answered(call);
    });
}

#[test]
fn max_streams_of_one_are_kept_to_by_ten_callers() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let call = calling(&client);
        let stream = recv_large_call(&mut wire);
        wire.send_settings(&[(Setting::MAX_CONCURRENT_STREAMS, 1)]);
        wire.send_unary_reply(stream, &large_answer());
        assert_answered(call);

        let calls = Vec::from_iter((0..10).map(|_| calling(&client)));
        for _ in 0..10 {
            let stream = recv_large_call(&mut wire);
            wire.sync();
            let more = wire.pending().into_iter().filter(|frame| matches!(frame, Frame::Headers { .. }));
            assert_eq!(more.count(), 0, "a second stream was opened beside stream {stream}");
            wire.send_unary_reply(stream, &large_answer());
        }
        calls.into_iter().for_each(assert_answered);
    });
}

/// Answers a large call in frames of five bytes with this padding.
#[track_caller]
fn answer_in_frames_of_five_bytes(padding: Option<u8>) {
    let (client, mut wire) = scripted_server();
    let call = calling(&client);
    let stream = recv_large_call(&mut wire);
    wire.send_response_headers(stream);
    wire.hold();
    let mut frames = 0;
    for piece in envelope(&large_answer()).chunks(5) {
        match padding {
            None => wire.send_data(stream, piece, false),
            Some(padding) => wire.send_padded_data(stream, piece, padding, false),
        }
        frames += 1;
    }
    assert!(frames >= 62_832, "{frames} frames");
    wire.send_trailers(stream, "0");
    wire.flush();
    assert_answered(call);
    wire.sync();
}

#[test]
fn data_frame_padding_of_255_bytes_counts_for_the_windows_and_arrives() {
    watched(|| answer_in_frames_of_five_bytes(Some(255)));
}

#[test]
fn no_df_padding_sanity_test_of_frames_of_five_bytes_arrives() {
    watched(|| answer_in_frames_of_five_bytes(None));
}

/// How a server ends an upload that it does not want to the end.
#[derive(Clone, Copy, Debug)]
struct EarlyAnswer {
    code: Code,
    /// RST_STREAM(NO_ERROR) behind the trailers, as RFC 9113 §8.1 has it.
    resets: bool,
}

impl EarlyAnswer {
    fn all() -> impl Iterator<Item = Self> {
        let codes = [Code::Ok, Code::PermissionDenied];
        codes.into_iter().flat_map(|code| [true, false].map(|resets| Self { code, resets }))
    }

    fn send(self, wire: &mut Wire, stream: u32) {
        wire.hold();
        match self.code {
            Code::Ok => wire.send_unary_reply(stream, &COUNT.encode_to_vec()),
            code => {
                let code = i32::from(code).to_string();
                let refused = [
                    (":status", "200"),
                    ("content-type", "application/grpc"),
                    ("grpc-status", &code),
                    ("grpc-message", "enough"),
                ];
                wire.send_headers(stream, &refused, true);
            }
        }
        if self.resets {
            wire.send_reset(stream, Reason::NO_ERROR);
        }
        wire.flush();
    }

    #[track_caller]
    fn assert_sending_refused(self, status: &Status) {
        // A send of a call that went well has no status of its own.
        let code = if self.code == Code::Ok { Code::FailedPrecondition } else { self.code };
        assert_eq!(status.code(), code, "{self:?}: {status}");
    }

    /// The client says that it sends no more, and does not.
    #[track_caller]
    fn assert_upload_stopped(self, scene: &mut ClientScene, stream: u32) {
        if !self.resets {
            assert_eq!(scene.wire.recv_reset(stream), Reason::NO_ERROR, "{self:?}");
        }
        scene.wire.sync();
        let late = scene.wire.pending_of(stream);
        assert!(!late.iter().any(|frame| matches!(frame, Frame::Headers { .. })), "{self:?}: {late:?}");
    }
}

#[test]
fn an_early_answer_ends_an_upload_that_waits_for_its_window() {
    watched(|| {
        let mut scene = ClientScene::start();
        for answer in EarlyAnswer::all() {
            scene.wire.auto.windows = false;
            let mut call = scene.client.gather(()).expect("the call opens");
            let (tell, told) = std::sync::mpsc::channel();
            let uploading = thread::spawn(move || {
                tell.send(ThreadProbe::current()).expect("the test listens");
                loop {
                    if let Err(status) = call.send(note_of(10_000)) {
                        return (status, call.finish());
                    }
                }
            });
            let stream = scene.wire.recv_call().stream;
            let probe = told.recv().expect("the thread says who it is");
            let sent = scene.wire.recv_data_of(stream, 1).len();
            assert!(sent > 0);
            eventually("the upload waits for its window", || probe.is_asleep());
            scene.wire.sync();
            answer.send(&mut scene.wire, stream);

            let (status, outcome) = uploading.join().expect("the caller does not panic");
            answer.assert_sending_refused(&status);
            match outcome {
                Ok(response) => {
                    assert_eq!(answer.code, Code::Ok);
                    assert_eq!(response.into_inner(), COUNT);
                }
                Err(status) => assert_eq!((status.code(), status.message()), (answer.code, "enough")),
            }
            answer.assert_upload_stopped(&mut scene, stream);
            give_windows_back(&mut scene.wire);
            scene.assert_connection_serves();
        }
        scene.end();
    });
}

/// What the script took with shut windows.
fn give_windows_back(wire: &mut Wire) {
    wire.auto.windows = true;
    wire.send_window_update(0, 60_000);
    wire.sync();
}

#[test]
fn an_early_answer_stops_send_all_and_is_what_finish_gives() {
    watched(|| {
        let mut scene = ClientScene::start();
        for answer in EarlyAnswer::all() {
            let call = scene.client.gather(()).expect("the call opens");
            let context = call.context();
            let uploading = thread::spawn(move || {
                let endless = std::iter::repeat_with(|| note_of(100));
                call.send_all(endless)?.finish()
            });
            let stream = scene.wire.recv_call().stream;
            scene.wire.recv_data_of(stream, 1_000);
            answer.send(&mut scene.wire, stream);
            match uploading.join().expect("the caller does not panic") {
                Ok(response) => assert_eq!((answer.code, response.into_inner()), (Code::Ok, COUNT)),
                Err(status) => assert_eq!((status.code(), status.message()), (answer.code, "enough")),
            }
            assert_eq!(context.cancelled(), None, "{answer:?}: the call has ended, nobody cancelled it");
            answer.assert_upload_stopped(&mut scene, stream);
            scene.assert_connection_serves();
        }
        scene.end();
    });
}

#[test]
fn an_early_answer_ends_both_halves_of_a_call() {
    watched(|| {
        let mut scene = ClientScene::start();
        for answer in EarlyAnswer::all() {
            let (sender, mut replies) = scene.client.relay(()).expect("the call opens").split();
            let stream = scene.wire.recv_call().stream;
            answer.send(&mut scene.wire, stream);
            match answer.code {
                Code::Ok => {
                    assert!(replies.message().expect("the answer has a message").is_some());
                    assert_eq!(replies.message().expect("the call is OK"), None);
                }
                code => assert_eq!(replies.message().expect_err("the server refuses").code(), code),
            }
            answer.assert_sending_refused(&sender.send(note_of(1)).expect_err("the call is over"));
            answer.assert_upload_stopped(&mut scene, stream);
            scene.assert_connection_serves();
        }
        scene.end();
    });
}

#[test]
fn an_early_reset_without_an_answer_is_no_answer() {
    watched(|| {
        let mut scene = ClientScene::start();
        let mut call = scene.client.gather(()).expect("the call opens");
        let stream = scene.wire.recv_call().stream;
        scene.wire.send_reset(stream, Reason::NO_ERROR);
        let refused = loop {
            if let Err(status) = call.send(note_of(10)) {
                break status;
            }
        };
        assert_eq!(refused.code(), Code::Internal, "{refused}");
        assert_eq!(call.finish().expect_err("there is no response").code(), Code::Internal);
        scene.assert_connection_serves();
        scene.end();
    });
}

#[test]
fn a_window_of_an_upload_that_overflows_is_internal() {
    watched(|| {
        let mut scene = ClientScene::start();
        let mut call = scene.client.gather(()).expect("the call opens");
        let stream = scene.wire.recv_call().stream;
        scene.wire.send_window_update(stream, 0x7fff_ffff);
        assert_eq!(scene.wire.recv_reset(stream), Reason::FLOW_CONTROL_ERROR);
        eventually("the upload is refused", || call.send(note_of(10)).is_err());
        let status = call.finish().expect_err("the call was reset");
        assert_eq!(status.code(), Code::Internal, "{status}");
        assert!(status.message().contains("reset on this side"), "{status}");
        assert!(status.message().contains("FLOW_CONTROL_ERROR"), "{status}");
        scene.assert_connection_serves();
        scene.end();
    });
}
