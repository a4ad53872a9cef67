//! What the programs compress, as the peer sees it on the wire.

use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Wire, WireListener, envelope};

use super::programs::{ChatServer, Program, command};

#[test]
fn the_client_compresses_unless_told_not_to() {
    watched(|| {
        for (flags, encoding) in [(&[][..], Some("gzip")), (&["--no-compression"], None)] {
            let listener = WireListener::bind();
            let port = listener.addr().port().to_string();
            let arguments = [&["--host", "127.0.0.1", "--port", &port], flags].concat();
            let _client = Program::start(command("chat-client", &arguments));
            let mut wire = listener.accept();
            let call = wire.recv_headers(1);
            assert_eq!(call.fields.get("grpc-encoding"), encoding, "{flags:?}");
            let accepted = call.fields.get("grpc-accept-encoding").expect("it accepts something");
            assert!(accepted.split(',').any(|name| name == "gzip"), "{accepted}");
        }
    });
}

#[test]
fn the_server_compresses_for_a_client_that_accepts_it_unless_told_not_to() {
    watched(|| {
        for (flags, encoding) in [(&[][..], Some("gzip")), (&["--no-compression"], None)] {
            let server = ChatServer::start(&[&["--host", "127.0.0.1"], flags].concat());
            let mut wire = Wire::client(format!("127.0.0.1:{}", server.port).parse().expect("an address"));
            for _ in 0..20 {
                let stream = wire.open_call("/chat.v1.ChatService/CreateSession", &[]);
                wire.send_data(stream, &envelope(b""), true);
                assert_eq!(wire.recv_reply(stream).code(), 0);
            }
            for (accepted, encoding) in [("gzip", encoding), ("identity", None)] {
                let metadata = [("grpc-accept-encoding", accepted)];
                let stream = wire.open_call("/chat.v1.ChatService/ListSessions", &metadata);
                wire.send_data(stream, &envelope(b""), true);
                let head = wire.recv_headers(stream);
                assert_eq!(head.fields.get("grpc-encoding"), encoding, "{flags:?} for {accepted}");
                let (body, _trailers) = wire.recv_data_until_trailers(stream);
                assert_eq!(body[0] == 1, encoding.is_some(), "{flags:?} for {accepted}");
            }
        }
    });
}
