//! `UploadItems`.

use std::fs::{self, File};
use std::time::Duration;

use rexpect::process::PtyProcess;
use stolid::Code;
use stolid_examples::items::proto::Item;
use stolid_tests::process::Process;
use stolid_tests::watchdog::watched_for;

use super::output::Output;
use super::programs::{ItemsServer, client_command};
use super::serving::Serving;

const MEBIBYTE: u64 = 1024 * 1024;

/// A file of this many zeros, which takes no room on the disk, and the directory that holds it.
fn file_of_zeros(bytes: u64) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("zeros");
    File::create(&path).and_then(|file| file.set_len(bytes)).expect("a file");
    let path = path.to_str().expect("UTF-8").to_owned();
    (directory, path)
}

#[test]
fn an_upload_is_counted_and_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).to_str().expect("UTF-8").to_owned();
    fs::write(path("letters"), vec![b'x'; 100_000]).expect("a file");
    let mut server = ItemsServer::start(&["--store", &path("store")]);
    assert_eq!(server.run_client(&["list"], "").output, "0 items, 0 bytes\n");
    let finished = server.run_client(&["upload", &path("letters")], "");
    assert_eq!((finished.code, finished.errors.as_str()), (Some(0), ""), "{}", finished.output);
    assert!(finished.output.starts_with("Uploaded 4 items, 100000 bytes in "), "{}", finished.output);
    server.program.expect("UploadItems: 4 items, 100000 bytes\n");
    drop(server);
    // Also by a server that starts later.
    let server = ItemsServer::start(&["--store", &path("store")]);
    let list = server.run_client(&["list"], "").output;
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines[0], "letters-000001  letters  32768 bytes");
    assert_eq!(lines[3..], ["letters-000004  letters  1696 bytes", "4 items, 100000 bytes"]);
}

#[test]
fn an_empty_file_is_no_item() {
    let server = ItemsServer::start(&[]);
    let (_directory, path) = file_of_zeros(0);
    let finished = server.run_client(&["upload", &path], "");
    assert_eq!(finished.code, Some(0), "{}", finished.errors);
    assert!(finished.output.starts_with("Uploaded 0 items, 0 bytes in "), "{}", finished.output);
    let missing = server.run_client(&["upload", "/nowhere/at/all"], "");
    assert_eq!(missing.code, Some(1));
    assert!(missing.errors.starts_with("items-client: cannot read /nowhere/at/all: "), "{}", missing.errors);
}

#[test]
fn what_cannot_be_saved_is_internal() {
    let mut server = ItemsServer::start(&["--store", "/dev/full"]);
    let (_directory, path) = file_of_zeros(MEBIBYTE);
    let finished = server.run_client(&["upload", &path], "");
    assert_eq!(finished.code, Some(1), "{}", finished.output);
    let expected = "items-client: INTERNAL: failed to save items: No space left on device";
    assert!(finished.errors.starts_with(expected), "{}", finished.errors);
    server.program.expect("UploadItems: 0 items, 0 bytes, then INTERNAL: failed to save items: ");

    let serving = Serving::start();
    let mut upload = serving.client.upload_items(()).expect("a call");
    upload.send(Item::default()).expect("the server takes the first item");
    let status = upload.finish().expect_err("the shelf is full");
    assert_eq!((status.code(), status.message()), (Code::Internal, "failed to save items: the shelf is full"));
}

#[test]
fn an_upload_that_breaks_off_has_no_answer() {
    let mut server = ItemsServer::start(&[]);
    let channel = format!("http://localhost:{}", server.port);
    let client = stolid_examples::items::proto::stream_service_client::StreamServiceClient::connect(channel);
    let mut upload = client.expect("the server listens").upload_items(()).expect("a call");
    // More than can be on its way: the server has begun to read.
    for number in 0..100 {
        upload.send(Item { id: number.to_string(), data: vec![0; 32 * 1024], ..Item::default() }).expect("an item");
    }
    drop(upload);
    server.program.expect("UploadItems: ");
    server.program.expect(", then CANCELLED: ");
}

#[test]
fn a_gibibyte_goes_through_a_server_that_stays_small() {
    watched_for(Duration::from_secs(300), || {
        let mut server = ItemsServer::start(&["--store", "/dev/null"]);
        // Idle is a server that has done its work before.
        let (_small_directory, small) = file_of_zeros(MEBIBYTE);
        assert_eq!(server.run_client(&["upload", &small], "").code, Some(0));
        let process = Process::with_id(server.program.id());
        let idle = process.resident_bytes();
        let (_directory, path) = file_of_zeros(1024 * MEBIBYTE);
        let mut client = server.client(&["upload", &path]);
        // A machine with other things to do may need longer than anything else here does.
        client.expect_within("Uploaded 32768 items, 1073741824 bytes in ", Duration::from_secs(240));
        server.program.expect("UploadItems: 32768 items, 1073741824 bytes\n");
        let grown = process.peak_resident_bytes().saturating_sub(idle) / MEBIBYTE;
        assert!(grown < 64, "the server grew by {grown} MiB");
        assert_eq!(client.finish().code, Some(0));
    });
}

#[test]
fn a_terminal_sees_the_progress() {
    let server = ItemsServer::start(&[]);
    let (_directory, path) = file_of_zeros(10 * MEBIBYTE);
    let mut command = client_command(&server.port, &["upload", &path]);
    command.env("TERM", "xterm-256color");
    let mut process = PtyProcess::new(command).expect("the program starts on a terminal");
    process.set_kill_timeout(Some(5000));
    let screen = Output::of(process.get_file_handle().expect("a screen"));
    screen.wait_for("[##############################] 100%  10.5 MB of 10.5 MB", 0);
    screen.wait_for("Uploaded 320 items, 10485760 bytes in ", 0);
    let status = format!("{:?}", process.wait().expect("our own child"));
    assert!(status.ends_with(", 0)"), "{status}");
}
