//! `grpc-status`, `grpc-message` and `grpc-status-details-bin`, and what stands in for them when they are missing.

use std::thread;

use bytes::Bytes;
use stolid::{Code, Response, Status};
use stolid_tests::handlers::{Handlers, note};
use stolid_tests::pair::{Pair, scripted_server};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reason, envelope};

use crate::script::{GOOD, SAY, assert_calls, served, status_after};

#[test]
fn every_grpc_status_is_read_as_its_code_and_every_other_number_as_unknown() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let known = (1..=16).map(|number| (number.to_string(), Code::from_i32(number)));
        let unknown =
            ["17", "99", "2147483648", "99999999999999999999", "-1", "+5", "5.0", "0x5", "five", "", "05", "00"];
        let unknown = unknown.into_iter().map(|text| (text.to_owned(), Code::Unknown));
        for (text, code) in known.chain(unknown) {
            let status = status_after(&client, &mut wire, |wire, stream| {
                wire.send_response_headers(stream);
                wire.send_headers(stream, &[("grpc-status", &text), ("grpc-message", "why")], true);
            });
            assert_eq!(status.code(), code, "{text:?}: {status}");
            assert!(status.message().contains("why"), "{text:?}: {status}");
        }
    });
}

#[test]
fn a_status_is_sent_in_decimal_without_leading_zeros() {
    watched(|| {
        let handlers = Handlers::new().say(|request| {
            let code = Code::from_i32(i32::try_from(request.get_ref().number).expect("a small number"));
            if code == Code::Ok { Ok(Response::new(note(0))) } else { Err(Status::new(code, "")) }
        });
        let (_server, mut wire) = served(handlers);
        for number in 0..=16 {
            let reply = wire.unary_call(SAY, &prost::Message::encode_to_vec(&note(number)));
            assert_eq!(reply.trailers.all("grpc-status"), [number.to_string().as_str()]);
        }
    });
}

/// HTTP statuses and the codes that stand for them when there is no `grpc-status`.
const HTTP: [(&str, Code); 19] = [
    ("200", Code::Unknown),
    ("204", Code::Unknown),
    ("301", Code::Unknown),
    ("400", Code::Internal),
    ("401", Code::Unauthenticated),
    ("403", Code::PermissionDenied),
    ("404", Code::Unimplemented),
    ("405", Code::Unknown),
    ("408", Code::Unknown),
    ("413", Code::Unknown),
    ("415", Code::Unknown),
    ("429", Code::Unavailable),
    ("431", Code::Internal),
    ("500", Code::Unknown),
    ("501", Code::Unknown),
    ("502", Code::Unavailable),
    ("503", Code::Unavailable),
    ("504", Code::Unavailable),
    ("599", Code::Unknown),
];

#[test]
fn an_http_status_without_grpc_status_is_mapped_by_the_table() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for (http, code) in HTTP {
            for (content_type, end) in [("text/html", true), ("text/html", false), ("application/grpc", true)] {
                let status = status_after(&client, &mut wire, |wire, stream| {
                    wire.send_headers(stream, &[(":status", http), ("content-type", content_type)], end);
                    if !end {
                        wire.send_data(stream, b"<h1>sorry</h1>", true);
                    }
                });
                assert_eq!(status.code(), code, "{http} {content_type}: {status}");
            }
        }
        assert_calls(&client, &mut wire);
    });
}

#[test]
fn a_grpc_status_wins_over_every_http_status() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for (http, _) in HTTP {
            let status = status_after(&client, &mut wire, |wire, stream| {
                wire.send_headers(stream, &[(":status", http), GOOD[1], ("grpc-status", "9")], true);
            });
            assert_eq!(status.code(), Code::FailedPrecondition, "{http}: {status}");
        }
    });
}

#[test]
fn a_stream_that_ends_without_a_status_is_unknown() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for script in 0..4 {
            let status = status_after(&client, &mut wire, |wire, stream| match script {
                0 => wire.send_headers(stream, &GOOD, true),
                1 => {
                    wire.send_response_headers(stream);
                    wire.send_data(stream, &[], true);
                }
                2 => {
                    wire.send_response_headers(stream);
                    wire.send_data(stream, &envelope(&[]), true);
                }
                _ => {
                    wire.send_response_headers(stream);
                    wire.send_headers(stream, &[("x-one", "1")], true);
                }
            });
            assert_eq!(status.code(), Code::Unknown, "{script}: {status}");
            assert!(status.message().contains("grpc-status"), "{script}: {status}");
        }
    });
}

#[test]
fn a_foreign_answer_is_told_by_its_status_its_type_and_a_bounded_piece_of_its_body() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let page = format!("<html>the proxy is sad {}", "and sorry ".repeat(10_000));
        let status = status_after(&client, &mut wire, |wire, stream| {
            wire.send_headers(stream, &[(":status", "502"), ("content-type", "text/html; charset=utf-8")], false);
            for piece in page.as_bytes().chunks(1_000) {
                wire.send_data(stream, piece, false);
            }
            wire.recv_reset(stream);
        });
        assert_eq!(status.code(), Code::Unavailable);
        for part in ["502", "text/html; charset=utf-8", "the proxy is sad"] {
            assert!(status.message().contains(part), "{part} is missing: {status}");
        }
        assert!(status.message().len() < 1_000, "{} bytes", status.message().len());
        let binary = status_after(&client, &mut wire, |wire, stream| {
            wire.send_headers(stream, &[(":status", "200"), ("content-type", "application/octet-stream")], false);
            wire.send_data(stream, &[0, 0xff, b'\n', 0x1b, 0xc3], true);
        });
        assert!(!binary.message().contains(['\n', '\u{1b}']), "{binary}");
        assert_calls(&client, &mut wire);
    });
}

/// The message of the interoperability test `special_status_message`, and how it is sent.
const SPECIAL: (&str, &str) = (
    "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n",
    "%09%0Atest with whitespace%0D%0Aand Unicode BMP %E2%98%BA and non-BMP %F0%9F%98%88%09%0A",
);

#[test]
fn a_message_is_percent_encoded_with_uppercase_digits() {
    watched(|| {
        let texts = [SPECIAL.0, "100 %", "~ !\"#$&'()*+,-./:;<=>?@[]^_`{|}", "\u{7f}é", ""];
        let handlers = Handlers::new().say(move |request| {
            let number = usize::try_from(request.get_ref().number).expect("a small number");
            Err(Status::internal(texts[number]))
        });
        let (_server, mut wire) = served(handlers);
        let sent = [SPECIAL.1, "100 %25", texts[2], "%7F%C3%A9", ""];
        for (number, text) in (0..).zip(sent) {
            let reply = wire.unary_call(SAY, &prost::Message::encode_to_vec(&note(number)));
            assert_eq!(reply.message(), text);
        }
    });
}

#[test]
fn every_message_survives_the_way_there_and_back() {
    watched(|| {
        let pair = Pair::start(Handlers::new().say(|request| Err(Status::internal(request.into_inner().text))));
        let every: String = (0..=0x2ff).filter_map(char::from_u32).collect();
        for text in [SPECIAL.0, every.as_str(), " spaces at both ends ", "%41%", "\0", "\u{10ffff}", "   "] {
            let mut ask = note(0);
            text.clone_into(&mut ask.text);
            assert_eq!(pair.client.say(ask).expect_err("it always fails").message(), text);
        }
    });
}

#[test]
fn a_broken_percent_encoding_never_fails_the_decoder() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for (sent, message) in [
            ("%", "%"),
            ("100%", "100%"),
            ("%4", "%4"),
            ("%zz%41", "%zzA"),
            ("%%41", "%A"),
            ("%e2%98%ba", "☺"),
            ("%FF", "\u{fffd}"),
            ("%E2%98", "\u{fffd}"),
            ("☺", "☺"),
        ] {
            let status = status_after(&client, &mut wire, |wire, stream| {
                wire.send_headers(stream, &[GOOD[0], GOOD[1], ("grpc-status", "2"), ("grpc-message", sent)], true);
            });
            assert_eq!((status.code(), status.message()), (Code::Unknown, message), "{sent:?}");
        }
    });
}

#[test]
fn a_long_message_is_cut_so_that_the_trailers_stay_below_8_kib() {
    watched(|| {
        let handlers = Handlers::new().say(|_request| {
            let mut status = Status::with_details(Code::Internal, "☺".repeat(50_000), Bytes::from(vec![7; 50_000]));
            status.metadata_mut().insert("x-long", "v".repeat(50_000)).expect("legal metadata");
            Err(status)
        });
        let (_server, mut wire) = served(handlers);
        let fields = wire.unary_call(SAY, &[]).trailers.0;
        let size: usize = fields.iter().map(|(name, value)| name.len() + value.len() + 32).sum();
        assert!(size <= 8 * 1024, "{size}");
        let message = &fields.iter().find(|(name, _)| name == "grpc-message").expect("a message").1;
        assert!(message.len() > 1_000 && message.len() % "%E2%98%BA".len() == 0, "cut between characters");
    });
}

#[test]
fn grpc_status_is_trusted_where_the_details_disagree() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let status = status_after(&client, &mut wire, |wire, stream| {
            // A google.rpc.Status with code 5 and message "x".
            let details = ("grpc-status-details-bin", "CAUSAXg");
            wire.send_headers(stream, &[GOOD[0], GOOD[1], ("grpc-status", "3"), ("grpc-message", "y"), details], true);
        });
        assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "y"));
        assert_eq!(status.details(), [8, 5, 18, 1, b'x']);
    });
}

/// What a client makes of RST_STREAM, by its error code.
const RESETS: [(u32, Code); 16] = [
    (0, Code::Internal),
    (1, Code::Internal),
    (2, Code::Internal),
    (3, Code::Internal),
    (4, Code::Internal),
    (5, Code::Internal),
    (6, Code::Internal),
    (7, Code::Unavailable),
    (8, Code::Cancelled),
    (9, Code::Internal),
    (10, Code::Internal),
    (11, Code::ResourceExhausted),
    (12, Code::PermissionDenied),
    (13, Code::Internal),
    (14, Code::Internal),
    (u32::MAX, Code::Internal),
];

#[test]
fn a_reset_is_mapped_by_the_table_on_a_client() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for (number, code) in RESETS {
            // A stream is not tried again, so that REFUSED_STREAM shows too.
            let mut replies = client.repeat(note(1)).expect("the call opens");
            let stream = wire.recv_call().stream;
            wire.send_response_headers(stream);
            wire.send_reset(stream, Reason(number));
            let status = replies.message().expect_err("the server resets");
            assert_eq!(status.code(), code, "{number}: {status}");
        }
        assert_calls(&client, &mut wire);
    });
}

#[test]
fn every_reset_is_a_cancellation_on_a_server() {
    watched(|| {
        let (tell, told) = std::sync::mpsc::channel();
        let tell = std::sync::Mutex::new(tell);
        let handlers = Handlers::new().gather(move |requests| {
            let context = requests.context();
            let cause = context.wait_cancelled(None);
            let code = requests.into_inner().message().expect_err("the call is over").code();
            tell.lock().expect("no handler panics").send((cause, code)).expect("the test listens");
            Err(context.check().expect_err("the call is over"))
        });
        let (server, mut wire) = served(handlers);
        for (number, _) in RESETS {
            let stream = wire.open_call(crate::script::GATHER, &[]);
            stolid_tests::process::eventually("the handler runs", || server.stats().running == 1);
            wire.send_reset(stream, Reason(number));
            let told = told.recv().expect("the handler runs");
            assert_eq!(told, (Some(stolid::CancelCause::PeerReset), Code::Cancelled), "{number}");
            stolid_tests::process::eventually("the handler is gone", || server.stats().running == 0);
        }
    });
}

#[test]
fn a_cancel_of_the_server_after_our_deadline_is_deadline_exceeded() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let request = stolid::Request::new(note(1)).with_timeout(std::time::Duration::from_millis(100));
        let began = std::time::Instant::now();
        let mut replies = client.repeat(request).expect("the call opens");
        let stream = wire.recv_call().stream;
        let reading = thread::spawn(move || replies.message().expect_err("nobody answers").code());
        stolid_tests::process::eventually("the deadline has passed", || began.elapsed().as_millis() >= 100);
        wire.send_reset(stream, Reason::CANCEL);
        assert_eq!(reading.join().expect("the reader does not panic"), Code::DeadlineExceeded);
    });
}
