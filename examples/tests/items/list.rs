//! `ListItems`.

use std::fs;
use std::time::Duration;

use stolid::Code;
use stolid_examples::items::proto::ListItemsRequest;

use super::output::PATIENCE;
use super::programs::ItemsServer;
use super::serving::Serving;

#[test]
fn a_list_holds_every_item_once_and_in_order() {
    let mut server = ItemsServer::start(&["--items", "250"]);
    let finished = server.run_client(&["list"], "");
    assert_eq!((finished.code, finished.errors.as_str()), (Some(0), ""));
    let lines: Vec<&str> = finished.output.lines().collect();
    assert_eq!(lines.len(), 251);
    for (index, line) in lines[..250].iter().enumerate() {
        let number = index + 1;
        let bytes = format!("This is item {number}.").len();
        assert_eq!(*line, format!("item-{number:06}  Item {number}  {bytes} bytes"));
    }
    assert_eq!(lines[250], "250 items, 4142 bytes");
    server.program.expect("ListItems: 250 items\n");
}

#[test]
fn a_client_that_has_seen_enough_ends_the_list() {
    let mut server = ItemsServer::start(&["--items", "1000000000000"]);
    let finished = server.run_client(&["list", "--limit", "3"], "");
    assert_eq!(finished.code, Some(0), "{}", finished.errors);
    assert!(finished.output.ends_with("\n3 items, 45 bytes\n"), "{}", finished.output);
    server.program.expect("ListItems: ");
    server.program.expect(" items, then CANCELLED: ");
}

#[test]
fn the_source_is_read_in_batches_of_100_by_cursor() {
    let serving = Serving::start();
    let items = serving.client.list_items(ListItemsRequest {}).expect("a stream");
    let items: Result<Vec<_>, _> = items.collect();
    assert_eq!(items.expect("all of them").len(), 250);
    assert_eq!(serving.watched.asked(), [(0, 100), (100, 100), (200, 100)]);
}

#[test]
fn nothing_more_is_read_for_a_call_that_was_cancelled() {
    let serving = Serving::blocked_at(Some(100), PATIENCE);
    let mut items = serving.client.list_items(ListItemsRequest {}).expect("a stream");
    for _ in 0..100 {
        items.message().expect("the call goes on").expect("an item of the first batch");
    }
    drop(items);
    assert_eq!(serving.log_line(), "ListItems: 100 items, then CANCELLED: the peer cancelled the call");
    assert_eq!(serving.watched.asked(), [(0, 100), (100, 100)]);
}

#[test]
fn nothing_more_is_read_for_a_call_that_is_out_of_time() {
    let serving = Serving::blocked_at(Some(100), Duration::from_secs(1));
    let items = serving.client.list_items(ListItemsRequest {}).expect("a stream");
    let last = items.last().expect("items, or at least the end");
    assert_eq!(last.expect_err("not all items").code(), Code::DeadlineExceeded);
    let line = serving.log_line();
    // A machine that is busy enough does not come as far as the first batch.
    assert!(line.starts_with("ListItems: ") && line.contains(" items, then DEADLINE_EXCEEDED: "), "{line}");
    assert!([(0, 100), (100, 100)].starts_with(&serving.watched.asked()), "{:?}", serving.watched.asked());
}

#[test]
fn a_source_that_cannot_be_read_is_internal() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("items");
    fs::write(&path, [0xff; 9]).expect("a file");
    let mut server = ItemsServer::start(&["--store", path.to_str().expect("UTF-8")]);
    let finished = server.run_client(&["list"], "");
    assert_eq!(finished.code, Some(1));
    let reason = "failed to fetch items: item at byte 0: no item is so large";
    assert_eq!(finished.errors, format!("items-client: INTERNAL: {reason}\n"));
    server.program.expect(&format!("ListItems: 0 items, then INTERNAL: {reason}\n"));
}

#[test]
fn without_a_server_the_client_says_so() {
    let gone = ItemsServer::start(&[]);
    let port = gone.port.clone();
    drop(gone);
    let command = super::programs::client_command(&port, &["list"]);
    let finished = super::program::Program::run(command, "");
    assert_eq!(finished.code, Some(1));
    assert!(finished.errors.starts_with("items-client: "), "{}", finished.errors);
    assert!(finished.errors.contains(&port), "{}", finished.errors);
}
