//! Messages in other formats than Protocol Buffers, calls by path, and servers for whatever is called.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;
use stolid::client::Grpc;
use stolid::codec::{BoxError, BytesCodec, Codec, DecodeBuf};
use stolid::server::{Methods, Service};
use stolid::{Code, Request, Response, Sender, Server, Status, Streaming};
use stolid_tests::config;
use stolid_tests::echo::Note;
use stolid_tests::handlers::{Handlers, note};
use stolid_tests::pair::{connect, serve, serve_with};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Wire, envelope};

/// Numbers as decimal text.
struct Decimal;

impl Codec<i64> for Decimal {
    const SUBTYPE: &'static str = "decimal";

    fn encode(message: &i64, buffer: &mut BytesMut) -> Result<(), BoxError> {
        if *message == i64::MIN {
            return Err("too small to be written".into());
        }
        buffer.put_slice(message.to_string().as_bytes());
        Ok(())
    }

    fn decode(mut buffer: DecodeBuf<'_>) -> Result<i64, BoxError> {
        let text = buffer.copy_to_bytes(buffer.remaining());
        Ok(std::str::from_utf8(&text)?.parse()?)
    }
}

/// One method of each kind, with messages in decimal.
struct Sums;

impl Service for Sums {
    const NAME: &'static str = "demo.Sums";

    fn register(self, methods: &mut Methods) {
        let mut methods = methods.with_codec::<Decimal>();
        methods.unary("Negate", |request: Request<i64>| Ok(Response::new(request.into_inner().wrapping_neg())));
        methods.server_streaming("Count", |request: Request<i64>, replies: Sender<i64>| {
            replies.send_all(0..request.into_inner())
        });
        methods.client_streaming("Sum", |requests: Request<Streaming<i64>>| {
            requests.into_inner().sum::<Result<i64, Status>>().map(Response::new)
        });
        methods.streaming("Double", |requests: Request<Streaming<i64>>, replies: Sender<i64>| {
            requests.into_inner().try_for_each(|number| replies.send(number? * 2))
        });
    }
}

fn sums() -> (Server, Grpc<Decimal>) {
    let server = config::server().add_service(Sums).start("127.0.0.1:0").expect("a loopback port is free");
    let grpc = Grpc::with(connect(server.local_addr()));
    (server, grpc)
}

#[test]
fn a_codec_of_ones_own_serves_all_four_kinds() {
    watched(|| {
        let (_server, grpc) = sums();
        let negated = grpc.unary::<i64, i64>("/demo.Sums/Negate", Request::new(7)).expect("the call is OK");
        assert_eq!(negated.into_inner(), -7);
        let counted = grpc.server_streaming::<i64, i64>("/demo.Sums/Count", Request::new(3)).expect("the call opens");
        assert_eq!(counted.collect::<Result<Vec<_>, _>>().expect("the call is OK"), [0, 1, 2]);
        let sum = grpc.client_streaming::<i64, i64>("/demo.Sums/Sum", Request::new(())).expect("the call opens");
        assert_eq!(sum.send_all([1, 2, 3]).and_then(|sum| sum.finish()).expect("the call is OK").into_inner(), 6);
        let double = grpc.streaming::<i64, i64>("/demo.Sums/Double", Request::new(())).expect("the call opens");
        let (requests, replies) = double.split();
        requests.send_all([4, 5]).expect("there is room");
        requests.close();
        assert_eq!(replies.collect::<Result<Vec<_>, _>>().expect("the call is OK"), [8, 10]);
    });
}

#[test]
fn the_content_type_names_the_format_and_another_format_is_unimplemented() {
    watched(|| {
        let (server, _grpc) = sums();
        let mut wire = Wire::client(server.local_addr());
        for (content_type, code) in [
            ("application/grpc+decimal", 0),
            ("application/grpc+DECIMAL;charset=utf-8", 0),
            ("application/grpc", 0),
            ("application/grpc+proto", Code::Unimplemented as i32),
            ("application/grpc+json", Code::Unimplemented as i32),
        ] {
            let fields = [
                (":method", "POST"),
                (":scheme", "http"),
                (":path", "/demo.Sums/Negate"),
                (":authority", "test"),
                ("content-type", content_type),
                ("te", "trailers"),
            ];
            let stream = wire.open_stream(&fields, false);
            wire.send_data(stream, &envelope(b"12"), true);
            let reply = wire.recv_reply(stream);
            assert_eq!(reply.code(), code, "{content_type}: {}", reply.message());
            if code == 0 {
                let headers = reply.headers.expect("the response has headers");
                assert_eq!(headers.get("content-type"), Some("application/grpc+decimal"));
                assert_eq!(reply.messages, [b"-12"]);
            }
        }
    });
}

#[test]
fn what_a_codec_cannot_write_or_read_is_internal_with_its_words() {
    watched(|| {
        let (server, grpc) = sums();
        let status =
            grpc.unary::<i64, i64>("/demo.Sums/Negate", Request::new(i64::MIN)).expect_err("the client cannot");
        assert_eq!(status.code(), Code::Internal);
        assert!(status.message().contains("too small to be written"), "{status}");
        let mut wire = Wire::client(server.local_addr());
        for (text, words) in [(&b"x"[..], "invalid digit"), (b"\xff", "utf-8"), (b"", "empty")] {
            let stream = wire.open_call("/demo.Sums/Negate", &[]);
            wire.send_data(stream, &envelope(text), true);
            let reply = wire.recv_reply(stream);
            assert_eq!(reply.code(), Code::Internal as i32);
            assert!(reply.message().contains(words), "{}", reply.message());
        }
        // The handler's answer can be too small as well: i64::MIN is its own negation.
        let stream = wire.open_call("/demo.Sums/Negate", &[]);
        wire.send_data(stream, &envelope(i64::MIN.to_string().as_bytes()), true);
        let reply = wire.recv_reply(stream);
        assert_eq!(reply.code(), Code::Internal as i32);
        assert!(reply.message().contains("too small"), "{}", reply.message());
    });
}

#[test]
fn bytes_pass_as_they_are_by_a_path_made_at_run_time() {
    watched(|| {
        let server = serve(Handlers::new());
        let grpc = Grpc::new(connect(server.local_addr())).with_codec::<BytesCodec>();
        let sent = Bytes::from(note(7).encode_to_vec());
        for method in ["Say", "Nothing"] {
            let path = format!("/testing.v1.Echo/{method}");
            match grpc.unary::<Bytes, Bytes>(path, Request::new(sent.clone())) {
                Ok(response) => assert_eq!((method, response.into_inner()), ("Say", sent.clone())),
                Err(status) => assert_eq!((method, status.code()), ("Nothing", Code::Unimplemented)),
            }
        }
        let status = grpc.unary::<Bytes, Bytes>("no path".to_owned(), Request::new(sent)).expect_err("it is no path");
        assert_eq!(status.code(), Code::Internal);
    });
}

/// A server that hands every call on to `target`, whatever it is.
fn proxy(target: Grpc<BytesCodec>) -> Server {
    let builder = config::server().unknown_service_handler(move |request, replies| {
        let path = request.context().method().to_owned();
        let (metadata, mut requests) = request.into_parts();
        let mut onward = Request::new(());
        *onward.metadata_mut() = metadata;
        let (sender, mut responses) = target.streaming::<Bytes, Bytes>(path, onward)?.split();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                while let Ok(Some(message)) = requests.message() {
                    if sender.send(message).is_err() {
                        break;
                    }
                }
                sender.close();
            });
            replies.set_headers(responses.headers()?.clone())?;
            while let Some(message) = responses.message()? {
                replies.send(message)?;
            }
            replies.set_trailers(responses.trailers().cloned().unwrap_or_default());
            Ok(())
        })
    });
    builder.start("127.0.0.1:0").expect("a loopback port is free")
}

#[test]
fn an_unknown_service_handler_makes_a_proxy_for_all_four_kinds() {
    watched(|| {
        let handlers = Handlers::new().say(|request| {
            let (metadata, note) = request.into_parts();
            if note.text == "fail" {
                return Err(Status::not_found("nobody here"));
            }
            let mut response = Response::new(note);
            *response.metadata_mut() = metadata.clone();
            *response.trailers_mut() = metadata;
            Ok(response)
        });
        let server = serve(handlers);
        let proxy = proxy(Grpc::new(connect(server.local_addr())).with_codec());
        let client = stolid_tests::pair::client_of(proxy.local_addr());

        let request = Request::new(note(1)).with_metadata("x-one", "1").expect("legal metadata");
        let response = client.say(request).expect("the call is OK");
        assert_eq!((response.metadata().get("x-one"), response.trailers().get("x-one")), (Some("1"), Some("1")));
        assert_eq!(response.into_inner(), note(1));
        let status = client.say(Note { text: "fail".to_owned(), ..note(1) }).expect_err("the handler fails");
        assert_eq!((status.code(), status.message()), (Code::NotFound, "nobody here"));

        let replies = client.repeat(note(3)).expect("the call opens");
        assert_eq!(replies.count(), 3);
        let count = client.gather(()).and_then(|call| call.send_all([note(1), note(2)])).and_then(|call| call.finish());
        assert_eq!(count.expect("the call is OK").into_inner().messages, 2);
        let (requests, mut replies) = client.relay(()).expect("the call opens").split();
        for number in 0..3 {
            requests.send(note(number)).expect("there is room");
            assert_eq!(replies.message().expect("the call runs"), Some(note(number)));
        }
        requests.close();
        assert_eq!(replies.message().expect("the call is OK"), None);
    });
}

#[test]
fn known_services_go_before_the_unknown_service_handler() {
    watched(|| {
        let server = serve_with(Handlers::new(), |builder| {
            builder.unknown_service_handler(|request, replies| {
                replies.send(Bytes::from(request.context().method().to_owned()))
            })
        });
        let grpc = Grpc::new(connect(server.local_addr())).with_codec::<BytesCodec>();
        let call =
            |path: &'static str| grpc.unary::<Bytes, Bytes>(path, Request::new(Bytes::new())).map(Response::into_inner);
        assert_eq!(call("/testing.v1.Echo/Say").expect("the call is OK"), "");
        for path in ["/testing.v1.Echo/say", "/testing.v1.Echo/", "/a/b/c", "/x"] {
            assert_eq!(call(path).expect("the call is OK"), path);
        }
        // Any format is taken there.
        let decimal: Grpc<Decimal> = Grpc::with(connect(server.local_addr()));
        let status = decimal.unary::<i64, i64>("/a/b", Request::new(1)).expect_err("a path is no number");
        assert_eq!(status.code(), Code::Internal);
    });
}
