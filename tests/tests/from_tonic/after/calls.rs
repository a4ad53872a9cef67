//! Calls of all four kinds with Stolid.

use std::error::Error;
use std::thread;
use std::time::Duration;

use stolid::{Channel, Code, Metadata, Request, Response, Status};

use super::rooms::rooms_client::RoomsClient;
use super::rooms::{Chunk, Event, GetRoomRequest, Room, WatchRequest};
use crate::Seen;

pub(crate) fn all_four(address: String) -> Result<Seen, Box<dyn Error>> {
    let mut seen = Seen::default();

    let client = RoomsClient::connect(address)?;
    let room = client.get_room(GetRoomRequest { name: "rust".into() })?.into_inner();
    seen.room = room;

    let request = WatchRequest { name: "rust".into(), events: 3 };
    for event in client.watch(request)? {
        seen.events.push(event?.text);
    }

    let chunks = (1..=3).map(|length| Chunk { data: vec![0; length] });
    let summary = client.upload(())?.send_all(chunks)?.finish()?.into_inner();
    seen.bytes = summary.bytes;

    let (events, replies) = client.join(())?.split();
    for text in ["one", "two"] {
        events.send(Event { text: text.into() })?;
    }
    events.close();
    for reply in replies {
        seen.replies.push(reply?.text);
    }

    Ok(seen)
}

pub(crate) fn configured(address: &str) -> Result<Channel, stolid::Error> {
    let channel = Channel::builder(address)
        .connect_timeout(Duration::from_secs(2))
        .timeout(Duration::from_secs(30))
        .user_agent("my-program/1.0")
        .connect()?;
    Ok(channel)
}

pub(crate) fn lazy(address: &str) -> Result<Channel, stolid::Error> {
    Channel::connect_lazy(address)
}

pub(crate) fn two_at_once(client: &RoomsClient) -> Result<(Room, Room), Status> {
    let (rust, go) = thread::scope(|scope| {
        let rust = scope.spawn(|| client.get_room(GetRoomRequest { name: "rust".into() }));
        let go = client.get_room(GetRoomRequest { name: "go".into() });
        (rust.join().expect("it does not panic"), go)
    });
    Ok((rust?.into_inner(), go?.into_inner()))
}

pub(crate) fn with_metadata(name: &str) -> Result<Request<GetRoomRequest>, Box<dyn Error>> {
    let mut request = Request::new(GetRoomRequest { name: name.to_owned() });
    request.set_timeout(Duration::from_secs(2));
    request.metadata_mut().insert("x-user", "ada")?;
    request.metadata_mut().insert_bin("x-trace-bin", [1, 2])?;
    Ok(request)
}

pub(crate) fn read(metadata: &Metadata) -> (Option<&str>, Option<Vec<u8>>) {
    let user = metadata.get("x-user");
    let trace = metadata.get_bin("x-trace-bin");
    (user, trace.map(Vec::from))
}

pub(crate) fn answer(room: Room) -> Result<Response<Room>, Box<dyn Error>> {
    let mut response = Response::new(room);
    response.metadata_mut().insert("x-region", "north")?;
    response.trailers_mut().insert("x-cost", "7")?;
    Ok(response)
}

pub(crate) fn wrong_fields(status: &Status) -> Vec<String> {
    let mut fields = Vec::new();
    if status.code() == Code::InvalidArgument
        && let Some(request) = status.error_details().bad_request()
    {
        fields.extend(request.field_violations.iter().map(|violation| violation.field.clone()));
    }
    fields
}
