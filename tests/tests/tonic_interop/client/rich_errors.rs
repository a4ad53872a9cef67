//! Rich errors that our server sends, or sends on, and tonic reads.

use stolid::Status;
use stolid_tests::handlers::{Handlers, note};
use stolid_tests::pair;
use stolid_tests::watchdog::watched;

use super::{calling, connected};
use crate::details::{assert_theirs, ours};
use crate::echo::echo_client::EchoClient;
use crate::runtime;
use crate::server::{TonicServer, told};

#[test]
fn all_ten_types_arrive_at_tonic() {
    let handlers = Handlers::new().say(|_request| Err(ours())).repeat(|request, replies| {
        replies.send(request.into_inner())?;
        Err(ours())
    });
    calling(handlers, async |mut client| {
        assert_theirs(&client.say(note(0)).await.expect_err("it fails"));
        let replies = client.repeat(note(1)).await.expect("it begins well");
        let mut replies = replies.into_inner();
        assert_eq!(replies.message().await.expect("one came before"), Some(note(1)));
        assert_theirs(&replies.message().await.expect_err("it fails"));
    });
}

#[test]
fn details_of_tonic_pass_through_us_with_forward_all() {
    watched(|| {
        let behind = TonicServer::start(|builder| builder);
        let client = pair::client_of(behind.addr());
        let front = pair::serve(
            Handlers::new().say(move |request| client.say(request.into_inner()).map_err(Status::forward_all)),
        );
        runtime().block_on(async {
            let mut client = EchoClient::new(connected(front.local_addr()).await);
            let status = client.say(told("fail richly", 0)).await.expect_err("it fails");
            assert_theirs(&status);
        });
    });
}
