//! `codec_path`: messages in a format of one's own, and messages that are no messages of prost's at all.

use bytes::{Buf, Bytes, BytesMut};
use stolid::codec::{BoxError, Codec, DecodeBuf};
use stolid::{Code, Request, Response, Sender, Status, Streaming};
use stolid_tests::watchdog::watched;

use super::generated::flipped;
use super::generated::mirror::mirror_client::MirrorClient;
use super::generated::mirror::mirror_server::{Mirror, MirrorServer};
use super::{Answer, call_all, chat, serve};

/// protobuf with every bit turned over.
#[derive(Debug)]
pub(crate) struct Flipped;

impl<M: prost::Message + Default> Codec<M> for Flipped {
    const SUBTYPE: &'static str = "flipped";

    fn encode(message: &M, buffer: &mut BytesMut) -> Result<(), BoxError> {
        buffer.extend(message.encode_to_vec().into_iter().map(|byte| !byte));
        Ok(())
    }

    fn decode(mut buffer: DecodeBuf<'_>) -> Result<M, BoxError> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        let bytes: Vec<u8> = bytes.into_iter().map(|byte| !byte).collect();
        Ok(M::decode(&*bytes)?)
    }
}

struct Rooms;
chat!(flipped for Rooms);

#[test]
fn both_sides_use_the_codec() {
    watched(|| {
        let (_server, channel) = serve(flipped::chat_server::ChatServer::new(Rooms));

        call_all!(flipped, flipped::chat_client::ChatClient::new(channel.clone()));
        // Whoever does not, is not understood.
        let plain = stolid::client::Grpc::new(channel);
        let request = Request::new(flipped::GetRoomRequest { name: "hall".into() });
        let error = plain.unary::<_, flipped::Room>(flipped::chat_client::paths::GET_ROOM, request).unwrap_err();
        assert_ne!(error.code(), Code::Ok);
    });
}

struct Glass;

impl Mirror for Glass {
    fn show(&self, request: Request<Bytes>) -> Answer<Bytes> {
        Ok(Response::new(request.into_inner()))
    }

    fn shine(&self, requests: Request<Streaming<Bytes>>, replies: Sender<Bytes>) -> Result<(), Status> {
        requests.into_inner().try_for_each(|bytes| replies.send(bytes?))
    }
}

#[test]
fn messages_can_be_any_type_that_the_codec_knows() {
    watched(|| {
        let (_server, channel) = serve(MirrorServer::new(Glass));
        let client = MirrorClient::new(channel);

        let bytes = Bytes::from_static(&[0, 1, 0xff]);
        assert_eq!(client.show(bytes.clone()).unwrap().into_inner(), bytes);
        let mut call = client.shine(()).unwrap();
        call.send(bytes.clone()).unwrap();
        assert_eq!(call.message().unwrap(), Some(bytes));
    });
}
