//! Calls of all four kinds with tonic.

use std::error::Error;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt;

use super::rooms::rooms_client::RoomsClient;
use super::rooms::{Chunk, Event, GetRoomRequest, Room, WatchRequest};
use crate::Seen;

pub(crate) async fn all_four(address: String) -> Result<Seen, Box<dyn Error>> {
    let mut seen = Seen::default();

    let mut client = RoomsClient::connect(address).await?;
    let room = client.get_room(GetRoomRequest { name: "rust".into() }).await?.into_inner();
    seen.room = room;

    let request = WatchRequest { name: "rust".into(), events: 3 };
    let mut events = client.watch(request).await?.into_inner();
    while let Some(event) = events.message().await? {
        seen.events.push(event.text);
    }

    let chunks = (1..=3).map(|length| Chunk { data: vec![0; length] });
    let summary = client.upload(tokio_stream::iter(chunks)).await?.into_inner();
    seen.bytes = summary.bytes;

    let (events, stream) = mpsc::channel(16);
    let mut replies = client.join(ReceiverStream::new(stream)).await?.into_inner();
    for text in ["one", "two"] {
        events.send(Event { text: text.into() }).await?;
    }
    drop(events);
    while let Some(reply) = replies.message().await? {
        seen.replies.push(reply.text);
    }

    Ok(seen)
}

pub(crate) async fn configured(address: String) -> Result<Channel, tonic::transport::Error> {
    let channel = Endpoint::from_shared(address)?
        .connect_timeout(Duration::from_secs(2))
        .timeout(Duration::from_secs(30))
        .user_agent("my-program/1.0")?
        .connect()
        .await?;
    Ok(channel)
}

pub(crate) fn lazy(address: String) -> Result<Channel, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(address)?;
    Ok(endpoint.connect_lazy())
}

pub(crate) async fn two_at_once(client: &RoomsClient<Channel>) -> Result<(Room, Room), Status> {
    let (mut first, mut second) = (client.clone(), client.clone());
    let (rust, go) = tokio::join!(
        first.get_room(GetRoomRequest { name: "rust".into() }),
        second.get_room(GetRoomRequest { name: "go".into() }),
    );
    Ok((rust?.into_inner(), go?.into_inner()))
}

pub(crate) fn with_metadata(name: &str) -> Result<Request<GetRoomRequest>, Box<dyn Error>> {
    let mut request = Request::new(GetRoomRequest { name: name.to_owned() });
    request.set_timeout(Duration::from_secs(2));
    request.metadata_mut().insert("x-user", "ada".parse()?);
    request.metadata_mut().insert_bin("x-trace-bin", MetadataValue::from_bytes(&[1, 2]));
    Ok(request)
}

pub(crate) fn read(metadata: &MetadataMap) -> (Option<&str>, Option<Vec<u8>>) {
    let user = metadata.get("x-user").and_then(|value| value.to_str().ok());
    let trace = metadata.get_bin("x-trace-bin").and_then(|value| value.to_bytes().ok());
    (user, trace.map(Vec::from))
}

pub(crate) fn answer(room: Room) -> Result<Response<Room>, Box<dyn Error>> {
    let mut response = Response::new(room);
    response.metadata_mut().insert("x-region", "north".parse()?);
    Ok(response)
}

pub(crate) fn wrong_fields(status: &Status) -> Vec<String> {
    let mut fields = Vec::new();
    if status.code() == Code::InvalidArgument
        && let Some(request) = status.get_details_bad_request()
    {
        fields.extend(request.field_violations.into_iter().map(|violation| violation.field));
    }
    fields
}
