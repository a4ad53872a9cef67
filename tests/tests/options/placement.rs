//! Where messages come from: `extern_path`, `proto_path`, `service_generator` and `skip_protoc_run`.

use bytes::Bytes;
use stolid::{Request, Response, Sender, Status, Streaming};
use stolid_tests::watchdog::watched;

use super::generated::{by_path, described, elsewhere, guest};
use super::{Answer, call_all, chat, serve};

struct Rooms;
chat!(by_path for Rooms);
chat!(described for Rooms);
chat!(elsewhere for Rooms);
chat!(guest for Rooms);

#[test]
fn messages_can_be_named_by_their_place_in_the_crate() {
    watched(|| {
        let (_server, channel) = serve(by_path::chat_server::ChatServer::new(Rooms));

        call_all!(by_path, by_path::chat_client::ChatClient::new(channel));
    });
}

#[test]
fn messages_can_come_from_another_crate() {
    watched(|| {
        let (_server, channel) = serve(elsewhere::chat_server::ChatServer::new(Rooms));

        // There is one type of each message: one module's client takes the other's.
        call_all!(by_path, elsewhere::chat_client::ChatClient::new(channel));
    });
}

#[test]
fn the_generator_is_a_guest_in_a_run_of_prost() {
    watched(|| {
        let (_server, channel) = serve(guest::chat_server::ChatServer::new(Rooms));
        let client = guest::chat_client::ChatClient::new(channel);

        let chunk = guest::Chunk { data: Bytes::from_static(b"as the config says") };
        assert_eq!(chunk.data.len(), 18);
        let _has_the_options_of_services: &dyn guest::chat_client::ChatApi = &client;
        call_all!(guest, client);
    });
}

#[test]
fn descriptors_can_come_from_a_file() {
    watched(|| {
        let (_server, channel) = serve(described::chat_server::ChatServer::new(Rooms));

        call_all!(described, described::chat_client::ChatClient::new(channel));
    });
}
