//! What a generated server can be told about its own service: limits and compression.

use stolid::{Code, CompressionEncoding, Request, Response, Sender, Status, Streaming};
use stolid_tests::watchdog::watched;

use super::generated::with_trait::chat_client::ChatClient;
use super::generated::with_trait::chat_server::{Chat, ChatServer};
use super::generated::with_trait::{Chunk, Event, GetRoomRequest, Room, Said, Summary, WatchRequest};
use super::{Answer, serve};

/// Answers with the name that it was asked for, and with whether the request came compressed.
struct Echo;

impl Chat for Echo {
    fn get_room(&self, request: Request<GetRoomRequest>) -> Answer<Room> {
        let people = u32::from(request.was_compressed());
        Ok(Response::new(Room { name: request.into_inner().name, people }))
    }

    fn watch(&self, _: Request<WatchRequest>, _: Sender<Event>) -> Result<(), Status> {
        Ok(())
    }

    fn upload(&self, _: Request<Streaming<Chunk>>) -> Answer<Summary> {
        Ok(Response::new(Summary::default()))
    }

    fn join(&self, _: Request<Streaming<Said>>, _: Sender<Event>) -> Result<(), Status> {
        Ok(())
    }
}

fn name(length: usize) -> GetRoomRequest {
    GetRoomRequest { name: "x".repeat(length) }
}

#[test]
fn a_service_has_limits_of_its_own() {
    watched(|| {
        let service = ChatServer::new(Echo).max_decoding_message_size(1_000).max_encoding_message_size(500);
        let (_server, channel) = serve(service);
        let client = ChatClient::new(channel);

        assert!(client.get_room(name(400)).is_ok());
        assert_eq!(client.get_room(name(2_000)).unwrap_err().code(), Code::ResourceExhausted);
        assert_eq!(client.get_room(name(700)).unwrap_err().code(), Code::ResourceExhausted);
    });
}

#[test]
fn a_service_compresses_on_its_own_terms() {
    watched(|| {
        let service = ChatServer::new(Echo)
            .send_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd);
        // A clone is served as the original is.
        let copy = service.clone();
        drop(service);
        let (_server, channel) = serve(copy);
        let client = ChatClient::new(channel);

        let plain = client.get_room(name(2_000)).unwrap();
        assert!(plain.was_compressed());
        assert_eq!(plain.get_ref().people, 0);
        let zstd = client.clone().send_compressed(CompressionEncoding::Zstd).get_room(name(2_000)).unwrap();
        assert_eq!(zstd.get_ref().people, 1);
        let deflate = client.clone().send_compressed(CompressionEncoding::Deflate);
        assert_eq!(deflate.get_room(name(2_000)).unwrap_err().code(), Code::Unimplemented);

        // A client that takes deflate alone gets nothing in gzip.
        let picky = client.accept_compressed(CompressionEncoding::Deflate).get_room(name(2_000)).unwrap();
        assert!(!picky.was_compressed());
    });
}
