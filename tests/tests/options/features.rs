//! `build_server`, `build_client`, `server_feature` and `client_feature`: one half alone.

use stolid::{Request, Response, Sender, Status, Streaming};
use stolid_tests::watchdog::watched;

use super::generated::{client_alone, gated, messages_alone, server_alone};
use super::{Answer, call_all, chat, serve};

struct Rooms;
chat!(server_alone for Rooms);
chat!(gated for Rooms);

#[test]
fn the_halves_of_two_crates_fit_together() {
    watched(|| {
        let (_server, channel) = serve(server_alone::chat_server::ChatServer::new(Rooms));

        call_all!(client_alone, client_alone::chat_client::ChatClient::new(channel));
        assert_eq!(messages_alone::Room::default().people, 0);
    });
}

#[test]
fn a_feature_switches_a_half_on() {
    watched(|| {
        let (_server, channel) = serve(gated::chat_server::ChatServer::new(Rooms));

        call_all!(client_alone, client_alone::chat_client::ChatClient::new(channel.clone()));
        #[cfg(feature = "generated-client")]
        call_all!(gated, gated::chat_client::ChatClient::new(channel));
    });
}
