//! What is said about `.proto` files that cannot be compiled: file, line, column and reason.
#![cfg(not(feature = "protoc"))]

use std::fs;
use std::path::Path;

use tempfile::TempDir;

/// Compiles `chat.proto` with this text and gives what is said about it, without the directory.
#[track_caller]
fn error_of(chat: &str) -> String {
    error_of_all(&[("chat.proto", chat)], &["chat.proto"])
}

/// Writes the files, compiles `protos` and gives what is said about them, without the directory.
#[track_caller]
fn error_of_all(files: &[(&str, &str)], protos: &[&str]) -> String {
    let directory = TempDir::new().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let protos: Vec<_> = protos.iter().map(|proto| directory.path().join(proto)).collect();
    let out = directory.path().join("out");
    fs::create_dir(&out).unwrap();
    let error = stolid_build::configure().out_dir(&out).compile_protos(&protos, &[directory.path()]).unwrap_err();
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0, "code has been written");

    // What cargo prints when a build script's main returns the error.
    let boxed: Box<dyn std::error::Error> = Box::new(error);
    assert_eq!(format!("{boxed:?}"), boxed.to_string());
    without_directory(&boxed.to_string(), directory.path())
}

fn without_directory(text: &str, directory: &Path) -> String {
    let directory = directory.to_str().unwrap();
    text.replace(&format!("{directory}{}", std::path::MAIN_SEPARATOR), "").replace(directory, "DIR")
}

#[test]
fn a_type_that_does_not_exist() {
    let text = "syntax = \"proto3\";\n\nservice Chat {\n\trpc GetRoom(Rom) returns (Room);\n}\n\nmessage Room {}\n";

    assert_eq!(
        error_of(text),
        "chat.proto:4:14: name 'Rom' is not defined\n   \
           |\n \
         4 | \trpc GetRoom(Rom) returns (Room);\n   \
           | \t            ^^^"
    );
}

#[test]
fn several_things_at_once() {
    let text = "syntax = \"proto3\";\nmessage A {\n  B b = 1;\n  C c = 2;\n  string d = 2;\n}\n";
    let error = error_of(text);

    assert!(error.starts_with("chat.proto:3:3: name 'B' is not defined\n"), "{error}");
    assert!(error.contains("\n\nchat.proto:4:3: name 'C' is not defined\n"), "{error}");
}

#[test]
fn a_conflict_shows_both_places() {
    assert_eq!(
        error_of("syntax = \"proto3\";\nmessage A {\n  string b = 1;\n  string c = 1;\n}\n"),
        "chat.proto:4:14: field number '1' is already used\n   \
           |\n \
         4 |   string c = 1;\n   \
           |              ^\n   \
           |\n \
         3 |   string b = 1;\n   \
           |              ^ first defined here"
    );
}

#[test]
fn a_syntax_error() {
    assert_eq!(
        error_of("syntax = \"proto3\";\nservice Chat {\n  rpc GetRoom(Room) return (Room);\n}\n"),
        "chat.proto:3:21: expected 'returns', but found 'return'\n   \
           |\n \
         3 |   rpc GetRoom(Room) return (Room);\n   \
           |                     ^^^^^^"
    );
}

#[test]
fn a_file_that_ends_too_early() {
    let error = error_of("syntax = \"proto3\";\nmessage Room {\n  string ä = 1;\n\n");

    assert!(error.starts_with("chat.proto:3:"), "{error}");

    let error = error_of("syntax = \"proto3\";\nmessage Room {\n  string a = 1;\n\n");

    assert_eq!(
        error,
        "chat.proto:3:16: expected a message field, oneof, reserved range, enum, message, option or '}', but reached end of file\n   \
           |\n \
         3 |   string a = 1;\n   \
           |                ^"
    );
}

#[test]
fn a_missing_import() {
    assert_eq!(
        error_of("syntax = \"proto3\";\nimport \"rooms/v1/room.proto\";\n"),
        "chat.proto:2:1: import 'rooms/v1/room.proto' not found\n   \
           |\n \
         2 | import \"rooms/v1/room.proto\";\n   \
           | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  \
           = help: searched from the include directories on: 'DIR'"
    );
}

#[test]
fn a_missing_import_of_an_import() {
    let error = error_of_all(
        &[
            ("chat.proto", "syntax = \"proto3\";\nimport \"rooms/room.proto\";\n"),
            ("rooms/room.proto", "syntax = \"proto3\";\n\nimport \"door.proto\";\n"),
        ],
        &["chat.proto"],
    );

    assert!(error.starts_with("rooms/room.proto:3:1: import 'door.proto' not found\n"), "{error}");
}

#[test]
fn an_import_cycle() {
    let error = error_of_all(
        &[
            ("a.proto", "syntax = \"proto3\";\nimport \"b.proto\";\n"),
            ("b.proto", "syntax = \"proto3\";\nimport \"a.proto\";\n"),
        ],
        &["a.proto"],
    );

    assert_eq!(error, "a.proto: import cycle detected: a.proto -> b.proto -> a.proto");
}

#[test]
fn missing_files() {
    assert_eq!(
        error_of_all(&[("here.proto", "syntax = \"proto3\";")], &["here.proto", "chat.proto", "gone/room.proto"]),
        "chat.proto: no such file\ngone/room.proto: no such file"
    );
    let error = stolid_build::compile_protos("no/such/chat.proto").unwrap_err();
    assert_eq!(error.to_string(), "no/such/chat.proto: no such file");
}

#[test]
fn a_file_outside_the_include_directories() {
    let directory = TempDir::new().unwrap();
    fs::create_dir(directory.path().join("proto")).unwrap();
    fs::write(directory.path().join("chat.proto"), "syntax = \"proto3\";").unwrap();
    let error = stolid_build::configure()
        .out_dir(directory.path())
        .compile_protos(&[directory.path().join("chat.proto")], &[directory.path().join("proto")])
        .unwrap_err();

    assert_eq!(
        without_directory(&error.to_string(), directory.path()),
        "file 'chat.proto' is not in any include path\n  = help: searched from the include directories on: 'proto'"
    );
}

#[test]
fn a_file_that_is_not_text() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("chat.proto");
    fs::write(&path, [0x6d, 0xff, 0xfe]).unwrap();
    let error =
        stolid_build::configure().out_dir(directory.path()).compile_protos(&[&path], &[directory.path()]).unwrap_err();

    assert_eq!(
        without_directory(&error.to_string(), directory.path()),
        "chat.proto: file 'chat.proto' is not valid utf-8"
    );
}

#[test]
fn editions() {
    assert_eq!(
        error_of("edition = \"2023\";\n").split_once("\n  = help: ").unwrap().1,
        "editions are not supported; write syntax = \"proto3\" or \"proto2\""
    );
}

#[test]
fn methods_that_get_one_name() {
    let text = "syntax = \"proto3\";\npackage chat.v1;\n\nservice Chat {\n  rpc GetRoom(Room) returns (Room);\n  \
                rpc get_room(Room) returns (Room);\n}\nmessage Room {}\n";

    assert_eq!(
        error_of(text),
        "chat.proto:6:7: methods 'GetRoom' and 'get_room' of service 'chat.v1.Chat' both become 'get_room' in Rust: \
         rename one of them"
    );
}

#[test]
fn services_that_get_one_name() {
    let error = error_of_all(
        &[
            ("a.proto", "syntax = \"proto3\";\npackage chat;\nservice Chat {}\n"),
            ("b.proto", "syntax = \"proto3\";\npackage chat;\nservice chat_ {}\n"),
        ],
        &["a.proto", "b.proto"],
    );

    assert_eq!(
        error,
        "b.proto:3:9: service 'chat.Chat' and service 'chat.chat_' both need the module 'chat_server' in Rust: \
         rename one of them"
    );
}

#[test]
fn a_message_that_needs_the_module_of_a_service() {
    let message = "message ChatServer { map<string, string> a = 1; optional string b = 2; }";
    let nested = "message ChatClient { message Inner {} }";
    let text = |message| format!("syntax = \"proto3\";\nservice Chat {{}}\n{message}\n");

    assert_eq!(
        error_of(&text(nested)),
        "chat.proto:2:9: message 'ChatClient' and service 'Chat' both need the module 'chat_client' in Rust: \
         rename one of them"
    );

    // Neither a map nor an optional field makes a module.
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("chat.proto"), text(message)).unwrap();
    stolid_build::configure()
        .out_dir(directory.path())
        .compile_protos(&[directory.path().join("chat.proto")], &[directory.path()])
        .unwrap();
}

#[test]
fn a_directory_that_cannot_be_written() {
    let directory = TempDir::new().unwrap();
    let proto = directory.path().join("chat.proto");
    fs::write(&proto, "syntax = \"proto3\";\nmessage Room {}\n").unwrap();
    let error = stolid_build::configure()
        .out_dir(directory.path().join("missing"))
        .compile_protos(&[&proto], &[directory.path()])
        .unwrap_err();

    let text = without_directory(&error.to_string(), directory.path());
    assert!(text.starts_with("cannot generate code in 'missing': "), "{text}");

    let error = stolid_build::configure()
        .out_dir(directory.path())
        .file_descriptor_set_path(directory.path().join("missing/set.bin"))
        .compile_protos(&[&proto], &[directory.path()])
        .unwrap_err();

    let text = without_directory(&error.to_string(), directory.path());
    assert!(text.starts_with("cannot write 'missing/set.bin': "), "{text}");
}

#[test]
fn one_package_in_two_calls() {
    let directory = TempDir::new().unwrap();
    let out = directory.path().join("out");
    fs::create_dir(&out).unwrap();
    let compile = |name: &str, text: &str| {
        fs::write(directory.path().join(name), text).unwrap();
        stolid_build::configure().out_dir(&out).compile_protos(&[directory.path().join(name)], &[directory.path()])
    };

    compile("a.proto", "syntax = \"proto3\";\npackage twice.v1;\nmessage A {}\n").unwrap();
    // The same again, and another package, do no harm.
    compile("a.proto", "syntax = \"proto3\";\npackage twice.v1;\nmessage A {}\n").unwrap();
    compile("c.proto", "syntax = \"proto3\";\npackage once.v1;\nmessage C {}\n").unwrap();
    let error = compile("b.proto", "syntax = \"proto3\";\npackage twice.v1;\nmessage B {}\n").unwrap_err();

    assert_eq!(
        error.to_string(),
        "the code of package 'twice.v1' has been generated twice, and the second call replaced what the first had \
         written: give all .proto files of a package to one call of compile_protos"
    );
}

#[test]
fn an_empty_file() {
    for text in ["", "// Later.\n", "syntax = \"proto3\";\n"] {
        assert_eq!(error_of(text), "chat.proto: the file is empty", "{text:?}");
    }
}

#[test]
fn a_byte_order_mark() {
    assert_eq!(
        error_of("\u{feff}syntax = \"proto3\";\nmessage Room {}\n"),
        "chat.proto:1:1: the file begins with a byte order mark: save it as UTF-8 without one"
    );
}

#[test]
fn a_file_that_imports_itself() {
    assert_eq!(
        error_of("syntax = \"proto3\";\nimport \"chat.proto\";\n"),
        "chat.proto: import cycle detected: chat.proto -> chat.proto"
    );
}

#[test]
fn messages_within_each_other() {
    let nested = |depth| format!("syntax = \"proto3\";\n{}{}", "message A {".repeat(depth), "}".repeat(depth));
    let error = error_of(&nested(33));

    assert!(error.starts_with("chat.proto:2:"), "{error}");
    assert!(error.contains(": reached maximum recursion limit for nested messages\n"), "{error}");
    // The line is long, and what is shown of it is not.
    assert!(error.lines().all(|line| line.len() < 200), "{error}");
    assert_eq!(error_of(&nested(100_000)), "chat.proto:2:1111: more than 100 brackets or comments are open here");
}

/// The most that is allowed does not fill the stack either.
#[test]
fn options_within_each_other() {
    let nested = |depth| {
        format!(
            "syntax = \"proto3\";\nimport \"google/protobuf/descriptor.proto\";\nmessage M {{ M m = 1; }}\n\
             extend google.protobuf.FileOptions {{ M m = 50001; }}\noption (m) = {{ {} {} }};\n",
            "m {".repeat(depth),
            "}".repeat(depth)
        )
    };
    let directory = TempDir::new().unwrap();
    let proto = directory.path().join("chat.proto");
    fs::write(&proto, nested(99)).unwrap();
    stolid_build::configure().out_dir(directory.path()).compile_protos(&[&proto], &[directory.path()]).unwrap();

    assert_eq!(error_of(&nested(100)), "chat.proto:5:315: more than 100 brackets or comments are open here");
    assert_eq!(error_of(&nested(100_000)), "chat.proto:5:315: more than 100 brackets or comments are open here");
}

#[test]
fn comments_within_each_other() {
    let error = error_of("syntax = \"proto3\";\n/* one /* two */ */\nmessage Room {}\n");

    assert!(error.starts_with("chat.proto:2:8: nested block comments are not supported\n"), "{error}");
    assert_eq!(error_of(&"/* ".repeat(50_000)), "chat.proto:1:1: more than 100 brackets or comments are open here");
}

#[test]
fn a_name_too_long_for_a_file() {
    let error = error_of(&format!("syntax = \"proto3\";\npackage a{};\nmessage Room {{}}\n", "b".repeat(1_000)));

    assert!(error.starts_with("cannot generate code in 'out': "), "{error}");
}

/// Bytes of no kind whatever are an error, not a panic: random ones, and files cut off or with a byte changed.
#[test]
fn files_that_are_broken_anywhere() {
    let whole = include_str!("golden/kinds.proto").as_bytes();
    let directory = TempDir::new().unwrap();
    let proto = directory.path().join("kinds.proto");
    let mut compiled = 0;
    let mut compile = |bytes: &[u8]| {
        fs::write(&proto, bytes).unwrap();
        let builder = stolid_build::configure().out_dir(directory.path()).emit_rerun_if_changed(false);
        match builder.compile_protos(&[&proto], &[directory.path()]) {
            Ok(()) => compiled += 1,
            // The generated file of an earlier round is another one.
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    };
    for position in (0..whole.len()).step_by(17) {
        compile(&whole[..position]);
        let mut changed = whole.to_vec();
        changed[position] = [b'{', b'"', b'_', 0, 0xff, b'/'][position % 6];
        compile(&changed);
    }
    assert!(compiled > 0, "a change in a comment does no harm");
}
