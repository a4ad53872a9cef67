//! Rich errors that tonic's server sends and our client reads.

use super::calling;
use super::service::told;
use crate::details::assert_ours;

#[test]
fn all_ten_types_arrive_from_tonic() {
    calling(|client, _server| {
        let told = told("fail richly", 0);
        assert_ours(&client.say(told.clone()).expect_err("it fails"));
        let mut replies = client.repeat(told.clone()).expect("it is sent");
        assert_eq!(replies.message().expect("one came before"), Some(told));
        assert_ours(&replies.message().expect_err("it fails"));
    });
}
