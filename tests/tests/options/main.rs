//! Every option of the generator, compiled and called: one chat of the four kinds, generated again with each.

mod attributes;
mod codec;
mod features;
#[expect(missing_docs, reason = "messages are written by prost, with the comments of their files")]
pub mod generated;
mod messages;
mod mock;
mod paths;
mod placement;
mod services;

use stolid::{Channel, Response, Server, Status};
use stolid_tests::config;

/// What unary and client-streaming handlers return.
type Answer<T> = Result<Response<T>, Status>;

/// A server on a free port of this machine with one service, and a channel to it.
fn serve(service: impl stolid::server::Service) -> (Server, Channel) {
    let server = config::server().add_service(service).start("127.0.0.1:0").unwrap();
    let channel = config::channel(format!("http://{}", server.local_addr())).connect().unwrap();
    (server, channel)
}

/// Implements the generated trait of the module `$module` for `$rooms`: a chat of rooms named like their messages.
macro_rules! chat {
    ($module:ident for $rooms:ident) => {
        impl $module::chat_server::Chat for $rooms {
            fn get_room(&self, request: Request<$module::GetRoomRequest>) -> Answer<$module::Room> {
                Ok(Response::new($module::Room { name: request.into_inner().name, people: 7 }))
            }

            fn watch(
                &self,
                request: Request<$module::WatchRequest>,
                replies: Sender<$module::Event>,
            ) -> Result<(), Status> {
                let $module::WatchRequest { room, events } = request.into_inner();
                replies.send_all((1..=u64::from(events)).map(|number| $module::Event { number, text: room.clone() }))
            }

            fn upload(&self, requests: Request<Streaming<$module::Chunk>>) -> Answer<$module::Summary> {
                let mut summary = $module::Summary::default();
                for chunk in requests.into_inner() {
                    summary.chunks += 1;
                    summary.bytes += chunk?.data.len() as u64;
                }
                Ok(Response::new(summary))
            }

            fn join(
                &self,
                requests: Request<Streaming<$module::Said>>,
                replies: Sender<$module::Event>,
            ) -> Result<(), Status> {
                for (number, said) in (1..).zip(requests.into_inner()) {
                    replies.send($module::Event { number, text: said?.text })?;
                }
                Ok(())
            }
        }
    };
}
use chat;

/// Makes a call of each kind with the generated client of the module `$module`.
macro_rules! call_all {
    ($module:ident, $client:expr) => {{
        let client = $client;
        let room = client.get_room($module::GetRoomRequest { name: "hall".into() }).unwrap().into_inner();
        assert_eq!((room.name.as_str(), room.people), ("hall", 7));
        let events = client.watch($module::WatchRequest { room: "hall".into(), events: 3 }).unwrap();
        let numbers: Vec<u64> = events.map(|event| event.unwrap().number).collect();
        assert_eq!(numbers, [1, 2, 3]);
        let chunks = [10, 0, 300].map(|length| $module::Chunk { data: vec![1; length].into() });
        let summary = client.upload(()).unwrap().send_all(chunks).unwrap().finish().unwrap().into_inner();
        assert_eq!((summary.bytes, summary.chunks), (310, 3));
        let (sender, mut events) = client.join(()).unwrap().split();
        sender.send($module::Said { text: "one".into() }).unwrap();
        assert_eq!(events.message().unwrap().unwrap().text, "one");
        drop(sender);
        assert_eq!(events.message().unwrap(), None);
    }};
}
use call_all;
