//! The constants with the names that go over the wire, and `emit_package`.

use stolid::client::Grpc;
use stolid::{Request, Response, Sender, Status, Streaming};
use stolid_tests::watchdog::watched;

use super::generated::no_package as bare;
use super::{Answer, call_all, chat, serve};

struct Rooms;
chat!(bare for Rooms);

#[test]
fn the_paths_of_all_calls_are_constants() {
    use super::generated::with_trait::{chat_client, chat_server};

    assert_eq!(chat_client::SERVICE_NAME, "kinds.v1.Chat");
    assert_eq!(chat_client::paths::GET_ROOM, "/kinds.v1.Chat/GetRoom");
    let all = ["/kinds.v1.Chat/GetRoom", "/kinds.v1.Chat/Watch", "/kinds.v1.Chat/Upload", "/kinds.v1.Chat/Join"];
    assert_eq!(chat_client::METHODS, all);
    assert_eq!(chat_server::METHODS, all);
    assert_eq!(chat_server::paths::JOIN, all[3]);
    assert_eq!(chat_server::SERVICE_NAME, chat_server::ChatServer::<()>::NAME);
    // They are known when the crate is compiled, and can be patterns.
    let is_room = |path: &str| matches!(path, chat_client::paths::GET_ROOM);
    assert!(is_room("/kinds.v1.Chat/GetRoom") && !is_room("/kinds.v1.Chat/Watch"));
}

#[test]
fn the_package_can_be_left_out_of_the_paths() {
    watched(|| {
        assert_eq!(bare::chat_server::SERVICE_NAME, "Chat");
        assert_eq!(bare::chat_client::METHODS, ["/Chat/GetRoom", "/Chat/Watch", "/Chat/Upload", "/Chat/Join"]);
        let (_server, channel) = serve(bare::chat_server::ChatServer::new(Rooms));
        call_all!(bare, bare::chat_client::ChatClient::new(channel.clone()));

        let request = Request::new(bare::GetRoomRequest { name: "hall".into() });
        let room: Response<bare::Room> = Grpc::new(channel).unary("/Chat/GetRoom", request).unwrap();
        assert_eq!(room.get_ref().name, "hall");
    });
}
