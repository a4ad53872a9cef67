//! `stolid-generate`: what it writes and how it exits.
#![cfg(feature = "cli")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn generate(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stolid-generate")).args(arguments).current_dir(directory).output().unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// A directory with `proto/chat/chat.proto`, which imports `proto/rooms/room.proto`.
fn protos() -> TempDir {
    let directory = TempDir::new().unwrap();
    for (name, text) in [
        ("proto/chat/chat.proto", "syntax = \"proto3\"; package chat; import \"rooms/room.proto\"; service Chat {}"),
        ("proto/rooms/room.proto", "syntax = \"proto3\"; package rooms; message Room {}"),
        ("proto/broken.proto", "syntax = \"proto3\"; message Room { Door door = 1; }"),
    ] {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

#[cfg(not(feature = "protoc"))]
#[test]
fn code_is_written_to_a_new_directory() {
    let directory = protos();
    let output = generate(directory.path(), &["--out", "src/generated", "-I", "proto", "proto/chat/chat.proto"]);

    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    let chat = fs::read_to_string(directory.path().join("src/generated/chat.rs")).unwrap();
    assert!(chat.contains("pub struct ChatClient"), "{chat}");
    assert!(directory.path().join("src/generated/rooms.rs").exists());
}

#[cfg(not(feature = "protoc"))]
#[test]
fn include_directories_can_be_left_out() {
    let directory = protos();
    let output = generate(directory.path(), &["--out", ".", "proto/rooms/room.proto"]);

    assert!(output.status.success(), "{output:?}");
    assert!(directory.path().join("rooms.rs").exists());
}

#[cfg(not(feature = "protoc"))]
#[test]
fn a_broken_file_is_exit_code_1() {
    let directory = protos();
    let output = generate(directory.path(), &["--out", ".", "proto/broken.proto"]);

    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("error: proto/broken.proto:1:35: name 'Door' is not defined\n"), "{output:?}");
}

#[test]
fn a_missing_file_is_exit_code_1() {
    let directory = protos();
    let output = generate(directory.path(), &["--out", ".", "proto/missing.proto"]);

    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "error: proto/missing.proto: no such file\n");
}

#[test]
fn a_directory_that_cannot_be_made_is_exit_code_1() {
    let directory = protos();
    let output = generate(directory.path(), &["--out", "proto/broken.proto/out", "proto/broken.proto"]);

    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("error: cannot create 'proto/broken.proto/out': "), "{output:?}");
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    let directory = protos();
    for arguments in [&["--out", "."][..], &["proto/broken.proto"], &["--out", ".", "--nonsense", "a.proto"]] {
        let output = generate(directory.path(), arguments);

        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains("Usage: "), "{output:?}");
    }
}

#[test]
fn help_is_exit_code_0() {
    let directory = protos();
    let output = generate(directory.path(), &["--help"]);

    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    for word in ["--out <DIR>", "-I, --include <DIR>", "<FILE.proto>...", "Exit codes"] {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
}
