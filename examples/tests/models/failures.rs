//! The remote models with servers that fail: each failure is a clear message without the key.

use std::net::TcpListener;

use stolid_examples::model::ModelErrorKind as Kind;
use stolid_examples::model::Turn;

use crate::scripted_http::{STREAM_HEAD, ScriptedServer, Step, answer, chunk, stream};
use crate::{KEY, assert_hidden, assert_says, failure, gemini, history, model, openai, patient, read, watched};

const JSON: &str = "content-type: application/json\r\n";
const HTML: &str = "content-type: text/html; charset=utf-8\r\n";
const PAGE: &str = "<!DOCTYPE html><html><title>Welcome</title></html>";

const GEMINI_PIECE: &str = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hello \"}]}}]}\r\n\r\n";
const OPENAI_PIECE: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hello \"}}]}\n\n";

/// What Gemini and OpenAI say to an answer of the server.
fn both(bytes: &[u8]) -> [stolid_examples::model::ModelError; 2] {
    [gemini, openai].map(|make| {
        let server = ScriptedServer::answering(bytes);
        let failure = failure(&*make(&server.url()));
        server.finish();
        failure
    })
}

#[test]
fn a_refused_key_names_its_variable() {
    watched(|| {
        let body = format!("{{\"error\":{{\"message\":\"Incorrect API key provided: {KEY}\"}}}}");
        let refused = answer("401 Unauthorized", JSON, &body);
        let [of_gemini, of_openai] = both(&refused);
        assert_says(&of_gemini, Kind::Unauthorized, &["Gemini API", "401", "Check GEMINI_API_KEY."]);
        assert_says(&of_openai, Kind::Unauthorized, &["401", "Check OPENAI_API_KEY."]);

        let server = ScriptedServer::answering(refused.clone());
        let other = model(&[("GOOGLE_API_KEY", KEY), ("GEMINI_BASE_URL", &server.url())]).expect("a model");
        assert_says(&failure(&*other), Kind::Unauthorized, &["Check GOOGLE_API_KEY."]);
        server.finish();

        let server = ScriptedServer::answering(refused);
        let keyless = model(&[("OPENAI_BASE_URL", &server.url())]).expect("a model");
        let (_, missing) = read(keyless.answer(&history(), &patient()));
        assert_says(&missing.expect("a failure"), Kind::Unauthorized, &["asks for a key", "Set OPENAI_API_KEY."]);
        server.finish();
    });
}

#[test]
fn a_key_that_gemini_calls_a_bad_request_names_its_variable() {
    watched(|| {
        let body = "[{\"error\":{\"code\":400,\"message\":\"API key not valid.\",\"status\":\"INVALID_ARGUMENT\",\
            \"details\":[{\"reason\":\"API_KEY_INVALID\"}]}}]";
        let [of_gemini, _] = both(&answer("400 Bad Request", JSON, body));
        assert_says(&of_gemini, Kind::Unauthorized, &["does not accept the key", "GEMINI_API_KEY"]);
    });
}

#[test]
fn other_refusals_repeat_what_the_server_says() {
    watched(|| {
        for (status, body, kind, parts) in [
            ("400 Bad Request", "{\"error\":{\"message\":\"too long\"}}", Kind::Rejected, &["400", "\"too long\""][..]),
            (
                "403 Forbidden",
                "{\"error\":\"not in your country\"}",
                Kind::Unauthorized,
                &["403", "_API_KEY", "\"not in your country\""],
            ),
            (
                "404 Not Found",
                "[{\"error\":{\"message\":\"no such model\"}}]",
                Kind::Rejected,
                &["404", "GENAI_MODEL_ID", "_BASE_URL", "\"no such model\""],
            ),
            ("422 Unprocessable Entity", "plain\n text", Kind::Rejected, &["422", "\"plain text\""]),
            (
                "500 Internal Server Error",
                "{\"error\":{\"message\":\"out of memory\"}}",
                Kind::Failed,
                &["500 Internal Server Error", "Try again later.", "\"out of memory\""],
            ),
            ("503 Service Unavailable", "{}", Kind::Failed, &["503"]),
            ("529 Overloaded", "", Kind::Failed, &["529", "Try again later."]),
        ] {
            for failure in both(&answer(status, "", body)) {
                assert_says(&failure, kind, parts);
            }
        }
    });
}

#[test]
fn too_many_requests_tells_when_to_come_back() {
    watched(|| {
        for (field, wanted) in [
            ("", "Try again later."),
            ("retry-after: 1\r\n", "Try again in 1 second."),
            ("retry-after: 37\r\n", "Try again in 37 seconds."),
            ("retry-after: Fri, 31 Dec 1999 23:59:59 GMT\r\n", "Try again after Fri, 31 Dec 1999 23:59:59 GMT."),
        ] {
            let body = "{\"error\":{\"message\":\"quota used up\"}}";
            for failure in both(&answer("429 Too Many Requests", field, body)) {
                assert_says(&failure, Kind::Limited, &["429", wanted, "\"quota used up\""]);
            }
        }
    });
}

#[test]
fn a_page_for_browsers_is_not_an_answer() {
    watched(|| {
        for failure in both(&answer("200 OK", HTML, PAGE)) {
            assert_says(&failure, Kind::Malformed, &["a page for browsers", "_BASE_URL"]);
        }
        for failure in both(&answer("502 Bad Gateway", HTML, PAGE)) {
            assert_says(&failure, Kind::Failed, &["502 Bad Gateway"]);
            assert!(!failure.to_string().contains('<'), "{failure}");
        }
        for failure in both(&answer("200 OK", "content-type: text/plain\r\n", "It works!\n")) {
            assert_says(&failure, Kind::Malformed, &["not an answer", "_BASE_URL"]);
        }
        for failure in both(&answer("200 OK", JSON, "{\"half\":")) {
            assert_says(&failure, Kind::Malformed, &["not JSON"]);
        }
    });
}

#[test]
fn an_event_that_is_not_json_is_shown_as_it_may_be() {
    watched(|| {
        let event = format!("data: \u{1b}[31mkey {KEY} {}\n\n", "x".repeat(5000));
        for failure in both(&stream(&[&event])) {
            assert_says(&failure, Kind::Malformed, &["not JSON", "[key]", "…"]);
            let text = failure.to_string();
            assert!(!text.contains('\u{1b}') && text.len() < 500, "{text}");
        }
    });
}

#[test]
fn no_failure_repeats_the_key() {
    watched(|| {
        let error = format!("{{\"error\":{{\"message\":\"key {KEY} used up\",\"type\":\"{KEY}\"}}}}");
        let event = format!("data: {error}\n\n");
        for bytes in [
            answer("500 Internal Server Error", JSON, &error),
            answer("403 Forbidden", "", &format!("{KEY} {KEY}")),
            answer("429 Too Many Requests", &format!("retry-after: {KEY}\r\n"), &error),
            stream(&[&event]),
        ] {
            for failure in both(&bytes) {
                assert!(failure.to_string().contains("[key]"), "{failure}");
            }
        }
    });
}

#[test]
fn an_error_inside_the_answer_comes_after_its_pieces() {
    watched(|| {
        let error = "data: {\"error\":{\"code\":503,\"message\":\"The model is overloaded.\"}}\r\n\r\n";
        for (make, piece) in [(gemini as fn(&str) -> _, GEMINI_PIECE), (openai, OPENAI_PIECE)] {
            let server = ScriptedServer::answering(stream(&[piece, error]));
            let (pieces, failure) = read(make(&server.url()).answer(&history(), &patient()));
            assert_eq!(pieces, ["Hello "]);
            assert_says(
                &failure.expect("a failure"),
                Kind::Failed,
                &["during the answer", "\"The model is overloaded.\""],
            );
            server.finish();
        }
    });
}

#[test]
fn an_answer_that_the_model_ends_early_says_why() {
    watched(|| {
        let finish = |reason: &str| {
            [
                format!("data: {{\"candidates\":[{{\"finishReason\":\"{reason}\"}}]}}\r\n\r\n"),
                format!("data: {{\"choices\":[{{\"delta\":{{}},\"finish_reason\":\"{reason}\"}}]}}\n\n"),
            ]
        };
        let [max_tokens, _] = finish("MAX_TOKENS");
        let [safety, _] = finish("SAFETY");
        let [empty, _] = finish("STOP");
        let [_, length] = finish("length");
        let [_, filter] = finish("content_filter");
        let [_, stop] = finish("stop");
        let blocked = "data: {\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"}}\r\n\r\n";
        for (make, events, count, parts) in [
            (gemini as fn(&str) -> _, [GEMINI_PIECE, &max_tokens], 1, &["limit of tokens", "incomplete"][..]),
            (gemini, [GEMINI_PIECE, &safety], 1, &["stopped the answer", "SAFETY"]),
            (gemini, ["", &safety], 0, &["refused to answer", "SAFETY"]),
            (gemini, ["", blocked], 0, &["refused to answer", "PROHIBITED_CONTENT"]),
            (gemini, ["", &empty], 0, &["empty answer"]),
            (openai, [OPENAI_PIECE, &length], 1, &["limit of tokens", "incomplete"]),
            (openai, [OPENAI_PIECE, &filter], 1, &["stopped the answer", "content_filter"]),
            (openai, ["", &stop], 0, &["empty answer"]),
            (openai, ["", "data: [DONE]\n\n"], 0, &["empty answer"]),
        ] {
            let events: Vec<&str> = events.into_iter().filter(|event| !event.is_empty()).collect();
            let server = ScriptedServer::answering(stream(&events));
            let (pieces, failure) = read(make(&server.url()).answer(&history(), &patient()));
            assert_eq!(pieces.len(), count);
            assert_says(&failure.expect("a failure"), Kind::Stopped, parts);
            server.finish();
        }
    });
}

#[test]
fn an_answer_without_its_end_was_cut() {
    watched(|| {
        for (make, piece) in [(gemini as fn(&str) -> _, GEMINI_PIECE), (openai, OPENAI_PIECE)] {
            // The HTTP message is whole; what is missing is the end that the API promises.
            let server = ScriptedServer::answering(stream(&[piece, piece]));
            let (pieces, failure) = read(make(&server.url()).answer(&history(), &patient()));
            assert_eq!(pieces, ["Hello ", "Hello "]);
            assert_says(&failure.expect("a failure"), Kind::Cut, &["The answer was cut"]);
            server.finish();
        }
        for failure in both(b"") {
            assert_says(&failure, Kind::Cut, &["closed the connection without an answer"]);
        }
    });
}

#[test]
fn a_redirect_is_not_followed() {
    watched(|| {
        let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
        other.set_nonblocking(true).expect("a listener");
        let target = other.local_addr().expect("an address");
        for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"] {
            let location = format!("location: http://{target}/\r\n");
            for failure in both(&answer(status, &location, "")) {
                assert_says(&failure, Kind::Rejected, &[status, "_BASE_URL"]);
            }
        }
        assert!(other.accept().is_err(), "nobody may come with the key");
    });
}

#[test]
fn a_server_that_is_not_there_is_told() {
    watched(|| {
        // Bound and closed again: nobody listens there.
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        drop(listener);
        for (make, variable) in [(gemini as fn(&str) -> _, "GEMINI_BASE_URL"), (openai, "OPENAI_BASE_URL")] {
            let refused = failure(&*make(&format!("http://{address}")));
            assert_says(&refused, Kind::Unreachable, &[&address, "connection refused", variable]);
            // A label longer than 63 bytes cannot be in the DNS, so nobody is asked for it.
            let host = format!("{}.invalid", "x".repeat(64));
            let unknown = failure(&*make(&format!("http://{host}:80")));
            assert_says(&unknown, Kind::Unreachable, &[&host, "no host of that name", variable]);
        }
    });
}

#[test]
fn a_server_that_speaks_something_else_is_told() {
    watched(|| {
        for failure in both(b"SSH-2.0-OpenSSH_9.6\r\n\r\n") {
            assert_says(&failure, Kind::Malformed, &["is not HTTP", "_BASE_URL"]);
        }
        for make in [gemini, openai] {
            let server = ScriptedServer::answering(answer("400 Bad Request", HTML, PAGE));
            let url = format!("https://{}", server.address());
            let plain = failure(&*make(&url));
            assert_says(&plain, Kind::Unreachable, &["no secure connection", "_BASE_URL"]);
            server.finish();
        }
    });
}

#[test]
fn an_endless_event_is_given_up() {
    watched(|| {
        let line = format!("data: {}\n", "x".repeat(64 * 1024));
        for make in [gemini, openai] {
            let mut script = vec![Step::Send(STREAM_HEAD.into())];
            script.extend((0..40).map(|_| Step::Send(chunk(&line))));
            script.push(Step::WaitForHangUp);
            let server = ScriptedServer::start(vec![script]);
            assert_says(&failure(&*make(&server.url())), Kind::Malformed, &["endless event"]);
            server.finish();
        }
    });
}

#[test]
fn a_blank_message_is_not_sent() {
    for make in [gemini, openai] {
        // Port 9 would refuse the connection, were there one.
        let model = make("http://127.0.0.1:9");
        for history in [&[][..], &[Turn::user(" \n")]] {
            let error = model.answer(history, &patient()).expect_err("an error");
            assert_says(&error, Kind::Rejected, &["empty"]);
        }
        assert_hidden(&format!("{model:?}"));
        assert_ne!(model.name(), "");
    }
}
