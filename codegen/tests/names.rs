//! Names that protobuf allows and Rust cannot have: file, line, column and reason, whatever prost makes of them.
#![cfg(not(feature = "protoc"))]

use std::fs;

use stolid_build::{Config, configure};
use tempfile::TempDir;

/// Compiles `chat.proto` with this text as `config` wants it, and gives the code or what is said about it.
fn compile(text: &str, config: Config) -> Result<String, String> {
    let directory = TempDir::new().unwrap();
    let (proto, out) = (directory.path().join("chat.proto"), directory.path().join("out"));
    fs::write(&proto, text).unwrap();
    fs::create_dir(&out).unwrap();
    let compiled = configure().out_dir(&out).compile_protos_with_config(config, &[&proto], &[directory.path()]);
    let error = compiled.map_err(|error| error.to_string().replace(&format!("{}/", directory.path().display()), ""));
    error.map(|()| fs::read_to_string(out.join("_.rs")).unwrap())
}

#[track_caller]
fn error_of(syntax: &str, text: &str) -> String {
    compile(&format!("syntax = \"{syntax}\";\n{text}\n"), Config::new()).unwrap_err()
}

#[test]
fn types_that_get_one_name() {
    assert_eq!(
        error_of("proto3", "message ChatRoom {}\nmessage chat_room {}"),
        "chat.proto:3:9: types 'ChatRoom' and 'chat_room' both become 'ChatRoom' in Rust: rename one of them"
    );
    assert_eq!(
        error_of("proto3", "message Room { message A1 {}\n  enum a_1 { X = 0; } }"),
        "chat.proto:3:8: types 'A1' and 'a_1' both become 'A1' in Rust: rename one of them"
    );
    assert_eq!(
        error_of("proto3", "enum self { X = 0; }\nmessage Self {}"),
        "chat.proto:2:6: types 'Self' and 'self' both become 'Self_' in Rust: rename one of them"
    );
}

#[test]
fn types_of_two_files_that_get_one_name() {
    let directory = TempDir::new().unwrap();
    let protos = ["Room", "ROOM"].map(|name| {
        let path = directory.path().join(format!("{name}.proto"));
        fs::write(&path, format!("syntax = \"proto3\";\npackage names;\nmessage {name} {{}}\n")).unwrap();
        path
    });
    let error = configure().out_dir(directory.path()).compile_protos(&protos, &[directory.path()]).unwrap_err();

    assert_eq!(
        error.to_string(),
        format!(
            "{}:3:9: types 'Room' and 'ROOM' both become 'Room' in Rust: rename one of them",
            directory.path().join("ROOM.proto").display()
        )
    );
}

#[test]
fn fields_that_get_one_name() {
    assert_eq!(
        error_of("proto2", "message A {\n  optional int32 RoomId = 1;\n  optional int32 room_id = 2;\n}"),
        "chat.proto:4:18: fields 'RoomId' and 'room_id' of 'A' both become 'room_id' in Rust: rename one of them"
    );
    assert_eq!(
        error_of("proto3", "message A {\n  int32 RoomId = 1;\n  oneof room_id { int32 b = 2; }\n}"),
        "chat.proto:4:9: fields 'RoomId' and 'room_id' of 'A' both become 'room_id' in Rust: rename one of them"
    );
    assert_eq!(
        error_of("proto2", "message A {\n  oneof b { int32 RoomId = 1; int32 room_id = 2; }\n}"),
        "chat.proto:3:9: fields 'RoomId' and 'room_id' of 'A.b' both become 'RoomId' in Rust: rename one of them"
    );
}

#[test]
fn values_that_get_one_name() {
    let text = "enum Kind {\n  KIND_OPEN = 0;\n  Open = 1;\n}";

    assert_eq!(
        error_of("proto3", text),
        "chat.proto:4:3: values 'KIND_OPEN' and 'Open' of 'Kind' both become 'Open' in Rust: rename one of them"
    );
    // Two names of one number are one variant.
    let alias = "syntax = \"proto3\"; enum Kind { option allow_alias = true; KIND_OPEN = 0; Open = 0; }";
    assert!(compile(alias, Config::new()).is_ok());
}

#[test]
fn names_that_the_config_keeps_apart() {
    let text = "syntax = \"proto3\";\nenum Kind {\n  KIND_OPEN = 0;\n  OPEN = 1;\n}";
    let mut config = Config::new();
    config.retain_enum_prefix();
    let code = compile(text, config).unwrap();

    assert!(code.contains("KindOpen = 0") && code.contains("Open = 1"), "{code}");

    // A type from elsewhere can be called as it likes.
    let mut config = Config::new();
    config.extern_path(".chat_room", "crate::OtherRoom");
    let text = "syntax = \"proto3\";\nmessage ChatRoom {}\nmessage chat_room {}";

    assert!(compile(text, config).unwrap().contains("pub struct ChatRoom {"));
}

#[test]
fn names_without_a_letter() {
    let nameless = |text: &str, place: &str| {
        let error = error_of("proto3", text);
        assert_eq!(error, format!("chat.proto:{place}: '_' cannot be a name in Rust: give it a letter"), "{text}");
    };

    nameless("package _;", "2:1");
    nameless("message _ {}", "2:9");
    nameless("message A { int32 _ = 1; }", "2:19");
    nameless("message A { oneof _ { int32 a = 1; } }", "2:19");
    nameless("message A { message B { enum _ { X = 0; } } }", "2:30");
    nameless("enum A { _ = 0; }", "2:10");
    nameless("service _ {}", "2:9");
    nameless("message A {}\nservice S { rpc _(A) returns (A); }", "3:17");
}

#[test]
fn keywords_are_no_problem() {
    let names = ["self", "super", "crate", "extern", "type", "async", "gen", "Self", "r", "core", "std", "prost"];
    let messages = names.map(|name| format!("message M{name} {{ int32 {name} = 1; }} message {name}_ {{}}\n"));
    let messages: String = messages.into_iter().filter(|text| !text.contains("Self")).collect();

    assert!(compile(&format!("syntax = \"proto3\";\n{messages}"), Config::new()).is_ok());
}
