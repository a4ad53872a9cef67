//! The remote models with servers that answer: what is sent, and the pieces however they are split.

use std::sync::{Arc, mpsc};

use stolid_examples::model::{Model, ModelErrorKind, Turn};

use crate::scripted_http::{STREAM_HEAD, ScriptedServer, Step, answer, chunk, stream};
use crate::{KEY, assert_hidden, gemini, history, model, openai, patient, read, watched};

/// Makes the model for the server at a URL.
type Maker = fn(&str) -> Arc<dyn Model>;

const GEMINI_SHORT: [&str; 3] = [
    "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\
     \"parts\":[{\"text\":\"Grü\"},{\"text\":\"ße \"}]}}]}\r\n\r\n",
    ": still there\r\n\r\ndata: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"aus 🙂\"}]}}],\
     \"usageMetadata\":{}}\r\n\r\n",
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"!\"}]},\"finishReason\":\"STOP\"}]}\r\n\r\n",
];

const OPENAI_SHORT: [&str; 4] = [
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"Grüße \"},\"finish_reason\":\"\"}]}\n\ndata:\n\n: OPENROUTER\n\n",
    "event: chunk\nid: 3\ndata: {\"choices\":\ndata: [{\"delta\":{\"content\":\"aus 🙂\"}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"!\"}}]}\n\ndata: {\"choices\":[]}\n\ndata: [DONE]\n\n",
];

const PIECES: [&str; 3] = ["Grüße ", "aus 🙂", "!"];

/// Both APIs: the model's maker and the short answer in chunks.
fn both() -> [(Maker, Vec<u8>); 2] {
    [(gemini as Maker, stream(&GEMINI_SHORT)), (openai as Maker, stream(&OPENAI_SHORT))]
}

#[test]
fn every_split_of_an_answer_gives_the_same_pieces() {
    watched(|| {
        for (make, bytes) in both() {
            let scripts = (1..bytes.len())
                .map(|at| {
                    let (first, second) = bytes.split_at(at);
                    vec![Step::Send(first.to_vec()), Step::Send(second.to_vec())]
                })
                .collect();
            let server = ScriptedServer::start(scripts);
            let model = make(&server.url());
            for at in 1..bytes.len() {
                let (pieces, failure) = read(model.answer(&history(), &patient()));
                assert_eq!(failure, None, "split at byte {at}");
                assert_eq!(pieces, PIECES, "split at byte {at}");
            }
            server.finish();
        }
    });
}

#[test]
fn an_answer_may_come_byte_by_byte() {
    watched(|| {
        let words: Vec<String> = (0..60).map(|number| format!("{number}. Wörtchen 🙂 ")).collect();
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let mut of_gemini: Vec<String> = words
            .iter()
            .map(|word| {
                let word = text(word);
                format!("data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":{word}}}]}}}}]}}\r\n\r\n")
            })
            .collect();
        of_gemini.push("data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\r\n\r\n".to_owned());
        let mut of_openai: Vec<String> = words
            .iter()
            .map(|word| format!("data: {{\"choices\":[{{\"delta\":{{\"content\":{}}}}}]}}\n\n", text(word)))
            .collect();
        of_openai.push("data: [DONE]\n\n".to_owned());
        for (make, events) in [(gemini as Maker, of_gemini), (openai as Maker, of_openai)] {
            let events: Vec<&str> = events.iter().map(String::as_str).collect();
            let (signal, signalled) = mpsc::channel();
            let server = ScriptedServer::start(vec![vec![Step::SendByByte(stream(&events), signalled)]]);
            // The limits are asked before each read: so each read finds the one byte sent for it.
            let limits = patient().with_cancelled(Arc::new(move || {
                // The server has let go of its end once all is sent.
                let _ = signal.send(());
                false
            }));
            let (pieces, failure) = read(make(&server.url()).answer(&history(), &limits));
            assert_eq!(failure, None);
            assert_eq!(pieces, words);
            drop(limits);
            server.finish();
        }
    });
}

#[test]
fn a_piece_is_there_before_the_next_is_sent() {
    watched(|| {
        for (make, events) in [(gemini as Maker, &GEMINI_SHORT[..]), (openai as Maker, &OPENAI_SHORT[..])] {
            let mut script = vec![Step::Send(STREAM_HEAD.into())];
            let mut signals = Vec::new();
            for event in events {
                let (signal, signalled) = mpsc::channel();
                script.push(Step::Wait(signalled));
                script.push(Step::Send(chunk(event)));
                signals.push(signal);
            }
            script.push(Step::WaitForHangUp);
            let server = ScriptedServer::start(vec![script]);
            let mut signals = signals.into_iter();
            let mut next = || signals.next().map(|signal| signal.send(()));
            let mut answer = make(&server.url()).answer(&history(), &patient()).expect("an answer");
            assert!(!answer.complete);
            if events.len() > PIECES.len() {
                // The first event of this answer has no text.
                next();
            }
            for piece in PIECES {
                next();
                assert_eq!(answer.pieces.next(), Some(Ok(piece.to_owned())));
            }
            assert_eq!(answer.pieces.next(), None);
            // The stream is still open, and the client does not wait for its end.
            server.finish();
        }
    });
}

#[test]
fn every_cut_is_told_after_the_pieces_before_it() {
    watched(|| {
        let until_close = |events: &[&str]| {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
            [head, &events.concat()].concat().into_bytes()
        };
        // The bytes with which the API says that the answer is whole. Where the framing does not
        // tell a cut from the end, the blank line after them may be missing.
        for (make, bytes, end) in [
            (gemini as Maker, stream(&GEMINI_SHORT), "\"STOP\"}]}\r\n\r"),
            (openai, stream(&OPENAI_SHORT), "[DONE]\n\n"),
            (gemini, until_close(&GEMINI_SHORT), "\"STOP\"}]}"),
            (openai, until_close(&OPENAI_SHORT), "[DONE]"),
        ] {
            let is_whole = |bytes: &[u8]| bytes.windows(end.len()).any(|it| it == end.as_bytes());
            let cuts = 0..bytes.len();
            let scripts = cuts.clone().map(|at| vec![Step::Send(bytes[..at].to_vec())]);
            let server = ScriptedServer::start(scripts.collect());
            let model = make(&server.url());
            let mut seen = [false; 4];
            for at in cuts {
                let (pieces, failure) = read(model.answer(&history(), &patient()));
                assert_eq!(pieces, PIECES[..pieces.len()], "cut at byte {at}");
                seen[pieces.len()] = true;
                if is_whole(&bytes[..at]) {
                    assert_eq!((pieces.len(), failure), (3, None), "cut at byte {at}");
                    continue;
                }
                let failure = failure.expect("a failure");
                assert_eq!(failure.kind(), ModelErrorKind::Cut, "cut at byte {at}: {failure}");
                let text = failure.to_string();
                assert!(text.contains("was cut") || text.contains("closed"), "{text}");
            }
            assert_eq!(seen, [true; 4], "each piece was once the last");
            server.finish();
        }
    });
}

#[test]
fn an_answer_may_have_any_framing() {
    watched(|| {
        let events: [(Maker, String); 2] = [(gemini, GEMINI_SHORT.concat()), (openai, OPENAI_SHORT.concat())];
        for (make, events) in events {
            let typed = "content-type: text/event-stream\r\n";
            let until_close = format!("HTTP/1.1 200 OK\r\n{typed}connection: close\r\n\r\n{events}");
            // Without the blank line that would end the last event.
            let unfinished = until_close.trim_end().to_owned();
            let untyped = answer("200 OK", "", &events);
            for bytes in [answer("200 OK", typed, &events), until_close.into(), unfinished.into(), untyped] {
                let server = ScriptedServer::answering(bytes);
                let (pieces, failure) = read(make(&server.url()).answer(&history(), &patient()));
                assert_eq!((pieces, failure), (PIECES.map(str::to_owned).into(), None));
                server.finish();
            }
        }
    });
}

#[test]
fn a_server_that_does_not_stream_is_understood() {
    watched(|| {
        let body = "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"All of it.\"},\
            \"finish_reason\":\"stop\"}]}";
        let server = ScriptedServer::answering(answer("200 OK", "content-type: application/json\r\n", body));
        let (pieces, failure) = read(openai(&server.url()).answer(&history(), &patient()));
        assert_eq!((pieces, failure), (vec!["All of it.".to_owned()], None));
        server.finish();
    });
}

#[test]
fn gemini_gets_the_whole_history() {
    watched(|| {
        let server = ScriptedServer::answering(stream(&GEMINI_SHORT));
        let history = [
            Turn::assistant("The rest of a longer conversation."),
            Turn::user("My name is \"Ada\"\n🙂"),
            Turn::assistant("Hello, Ada."),
            Turn::assistant("  "),
            Turn::user("Who am I?"),
        ];
        let model = gemini(&format!("{}/", server.url()));
        let (_, failure) = read(model.answer(&history, &patient()));
        assert_eq!(failure, None);
        let request = server.request();
        assert_eq!(request.line, "POST /v1beta/models/gemini-2.0-flash:streamGenerateContent?alt=sse HTTP/1.1");
        assert!(request.head.contains(&format!("x-goog-api-key: {}\r\n", KEY.to_lowercase())));
        assert!(request.head.contains("content-type: application/json\r\n"));
        assert!(!request.head.contains("authorization") && !request.head.contains("accept-encoding"));
        assert_hidden(&request.line);
        assert_hidden(&request.body);
        let body: serde_json::Value = serde_json::from_str(&request.body).expect("JSON");
        let wanted = serde_json::json!({ "contents": [
            { "role": "user", "parts": [{ "text": "My name is \"Ada\"\n🙂" }] },
            { "role": "model", "parts": [{ "text": "Hello, Ada." }] },
            { "role": "user", "parts": [{ "text": "Who am I?" }] },
        ] });
        assert_eq!(body, wanted);
        server.finish();
    });
}

#[test]
fn openai_gets_the_whole_history() {
    watched(|| {
        let server = ScriptedServer::answering(stream(&OPENAI_SHORT));
        let history = [Turn::user("I'm Ada"), Turn::assistant("Hello."), Turn::user("Who am I?")];
        let (_, failure) = read(openai(&server.url()).answer(&history, &patient()));
        assert_eq!(failure, None);
        let request = server.request();
        assert_eq!(request.line, "POST /v1/chat/completions HTTP/1.1");
        assert!(request.head.contains(&format!("authorization: bearer {}\r\n", KEY.to_lowercase())));
        assert!(request.head.contains("accept: text/event-stream\r\n"));
        assert_hidden(&request.body);
        let body: serde_json::Value = serde_json::from_str(&request.body).expect("JSON");
        let wanted = serde_json::json!({
            "model": "gpt-4o-mini",
            "stream": true,
            "messages": [
                { "role": "user", "content": "I'm Ada" },
                { "role": "assistant", "content": "Hello." },
                { "role": "user", "content": "Who am I?" },
            ],
        });
        assert_eq!(body, wanted);
        server.finish();
    });
}

#[test]
fn base_urls_may_be_written_in_many_ways() {
    watched(|| {
        for (suffix, path) in [
            ("", "/v1/chat/completions"),
            ("/", "/v1/chat/completions"),
            ("/v1", "/v1/chat/completions"),
            ("/v1/", "/v1/chat/completions"),
            ("/api/v1", "/api/v1/chat/completions"),
            ("/v1beta/openai/", "/v1beta/openai/chat/completions"),
        ] {
            let server = ScriptedServer::answering(stream(&OPENAI_SHORT));
            let url = format!("{}{suffix}", server.url());
            let model = model(&[("OPENAI_BASE_URL", &url), ("GENAI_MODEL_ID", "local/model:7b")]).expect("a model");
            let (pieces, failure) = read(model.answer(&history(), &patient()));
            assert_eq!((pieces.len(), failure), (3, None));
            let request = server.request();
            assert_eq!(request.line, format!("POST {path} HTTP/1.1"));
            assert!(request.body.contains("\"local/model:7b\""), "{}", request.body);
            assert!(!request.head.contains("authorization"), "no key, no header: {}", request.head);
            server.finish();
        }
        for (suffix, id, path) in [
            ("", "gemini-2.5-pro", "/v1beta/models/gemini-2.5-pro"),
            ("/v1beta/", "models/gemini-2.5-pro", "/v1beta/models/gemini-2.5-pro"),
            ("/proxy", "tunedModels/mine", "/proxy/v1beta/tunedModels/mine"),
        ] {
            let server = ScriptedServer::answering(stream(&GEMINI_SHORT));
            let url = format!("{}{suffix}", server.url());
            let variables = [("GOOGLE_API_KEY", KEY), ("GEMINI_BASE_URL", &url), ("GENAI_MODEL_ID", id)];
            let model = model(&variables).expect("a model");
            let (pieces, failure) = read(model.answer(&history(), &patient()));
            assert_eq!((pieces.len(), failure), (3, None));
            let line = server.request().line;
            assert_eq!(line, format!("POST {path}:streamGenerateContent?alt=sse HTTP/1.1"));
            server.finish();
        }
    });
}

#[test]
fn thoughts_are_not_a_part_of_the_answer() {
    watched(|| {
        let server = ScriptedServer::answering(stream(&[
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hm, what now?\",\
             \"thought\":true}]}}]}\r\n\r\n",
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hello.\"}]},\
             \"finishReason\":\"STOP\"}]}\r\n\r\n",
        ]));
        let (pieces, failure) = read(gemini(&server.url()).answer(&history(), &patient()));
        assert_eq!((pieces, failure), (vec!["Hello.".to_owned()], None));
        server.finish();
    });
}

#[test]
fn a_model_serves_many_threads_at_once() {
    watched(|| {
        let (release, released) = mpsc::channel();
        // The first connection is held until the second was served.
        let held = ScriptedServer::start(vec![vec![Step::Wait(released), Step::Send(stream(&OPENAI_SHORT))]]);
        let quick = ScriptedServer::answering(stream(&OPENAI_SHORT));
        let (slow, fast) = (openai(&held.url()), openai(&quick.url()));
        let waiting = std::thread::spawn(move || read(slow.answer(&history(), &patient())));
        assert!(held.request().line.starts_with("POST"));
        assert_eq!(read(fast.answer(&history(), &patient())).0, PIECES);
        release.send(()).expect("a waiting server");
        assert_eq!(waiting.join().expect("an answer").0, PIECES);
        held.finish();
        quick.finish();
    });
}
