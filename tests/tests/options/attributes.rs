//! The attributes above generated items.

use stolid::{Request, Response};
use stolid_tests::watchdog::watched;

use super::generated::marked::{self, chat_server::MockChat};
use super::serve;

/// The lints that are expected here are those of the attributes; the mock is made by one.
#[test]
#[expect(deprecated, reason = "that they are marked is what is tested")]
fn attributes_are_above_what_they_are_for() {
    watched(|| {
        let mut mock = MockChat::new();
        mock.expect_get_room().times(1).returning(|request: Request<marked::GetRoomRequest>| {
            Ok(Response::new(marked::Room { name: request.into_inner().name, people: 4 }))
        });
        let (_server, channel) = serve(marked::chat_server::ChatServer::new(mock));
        let client = marked::chat_client::ChatClient::new(channel);

        let room = client.get_room(marked::GetRoomRequest { name: "hall".into() }).unwrap().into_inner();
        assert_eq!((room.name.as_str(), room.people), ("hall", 4));
    });
}
