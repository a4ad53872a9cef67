//! Rust names and paths for what a `.proto` file names.

use prost_build::Module;

/// The functions of a generated client that are not calls: its own, and those that every value has. `into` and its like
/// take `self`, and such a function comes before a call, which takes `&self`. A call of such a name gets a trailing
/// underscore on the client, which no name made from a `.proto` file can have.
const CLIENT_FUNCTIONS: [&str; 10] = [
    "accept_compressed",
    "clone",
    "connect",
    "into",
    "into_request",
    "max_decoding_message_size",
    "max_encoding_message_size",
    "new",
    "send_compressed",
    "try_into",
];

/// The client's method for a call whose name on the server is `method`.
pub(crate) fn client_method(method: &str) -> String {
    if CLIENT_FUNCTIONS.contains(&method) { format!("{method}_") } else { method.to_owned() }
}

/// The constant with the path of a call whose name on the server is `method`.
pub(crate) fn constant(method: &str) -> String {
    method.trim_start_matches("r#").trim_end_matches('_').to_ascii_uppercase()
}

/// A service's name without the underscore that a keyword got.
pub(crate) fn stem(service: &str) -> &str {
    service.trim_end_matches('_')
}

/// `chat_room` for `ChatRoom`: the beginning of the names of a service's modules, as tonic has them.
pub(crate) fn module_stem(service: &str) -> String {
    let mut name = String::new();
    for (index, letter) in stem(service).char_indices() {
        if letter.is_ascii_uppercase() && index > 0 {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// The type parameter of the server, which must not be the name of the trait.
pub(crate) fn type_parameter(service: &str) -> &'static str {
    if service == "T" { "S" } else { "T" }
}

/// The Rust name that prost gives to a method, field or module of the name `name`.
pub(crate) fn snake(name: &str) -> String {
    Module::from_protobuf_package_name(name).to_string()
}

/// The Rust name that prost gives to a message, enum or variant of the name `name`: the words of [`snake`] in capitals.
pub(crate) fn camel(name: &str) -> String {
    let snake = snake(name);
    let words = snake.trim_start_matches("r#").split('_').filter(|word| !word.is_empty());
    let capitalized = words.flat_map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters)
    });
    let camel: String = capitalized.collect();
    match camel.as_str() {
        "Self" => "Self_".to_owned(),
        _ if camel.starts_with(|letter: char| letter.is_numeric()) => format!("_{camel}"),
        _ => camel,
    }
}

/// The path, seen from a generated module, of the type that is `rust` for prost in the module of `package`, and
/// `proto` (`.chat.v1.Room`) in the `.proto` file. The module of the package is `messages`, usually `super`.
///
/// A path that prost made itself is relative to the package's module; one that comes from an `extern_path` (also `()`
/// for `google.protobuf.Empty`) is written for any place and stays.
pub(crate) fn type_path(rust: &str, proto: &str, package: &str, messages: &str) -> String {
    if is_made_by_prost(rust, proto, package) {
        below(messages, rust)
    } else if let Some(rest) = rust.strip_prefix("self::") {
        format!("super::{rest}")
    } else if rust.starts_with("super::") {
        format!("super::{rust}")
    } else {
        rust.to_owned()
    }
}

/// `rust` as seen from the module `module`. `super` may stand at the beginning of a path only, so elsewhere it takes
/// away the part before it.
fn below(module: &str, rust: &str) -> String {
    let (mut module, mut rust) = (module, rust);
    while let Some(rest) = rust.strip_prefix("super::")
        && let Some((parent, last)) = module.rsplit_once("::")
        && last != "super"
    {
        (module, rust) = (parent, rest);
    }
    format!("{module}::{rust}")
}

/// Whether `rust` is the relative path that prost derives from the names alone.
fn is_made_by_prost(rust: &str, proto: &str, package: &str) -> bool {
    let (scope, _) = proto.trim_start_matches('.').rsplit_once('.').unwrap_or(("", proto));
    let here: Vec<&str> = package.split('.').filter(|part| !part.is_empty()).collect();
    let there: Vec<&str> = scope.split('.').filter(|part| !part.is_empty()).collect();
    let common = here.iter().zip(&there).take_while(|(a, b)| a == b).count();

    let up = here[common..].iter().map(|_| "super".to_owned());
    let down = there[common..].iter().map(|part| snake(part));
    let expected: Vec<String> = up.chain(down).collect();
    let mut found: Vec<&str> = rust.split("::").collect();
    found.pop();
    found == expected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_names_are_tonics() {
        for (service, module) in
            [("Chat", "chat"), ("ChatRoom", "chat_room"), ("V1Api", "v1_api"), ("T", "t"), ("Self_", "self")]
        {
            assert_eq!(module_stem(service), module);
        }
    }

    #[test]
    fn calls_give_way_to_the_clients_own_functions() {
        assert_eq!(client_method("clone"), "clone_");
        assert_eq!(client_method("new"), "new_");
        assert_eq!(client_method("get_room"), "get_room");
        assert_eq!(client_method("r#type"), "r#type");
    }

    #[test]
    fn no_proto_name_makes_a_name_with_a_trailing_underscore_of_ours() {
        for name in ["New_", "new_", "_New_", "Clone__", "CONNECT_"] {
            assert!(!snake(name).ends_with('_'), "{name}");
        }
    }

    #[test]
    fn paths_made_by_prost_get_one_more_super() {
        assert_eq!(type_path("Room", ".chat.v1.Room", "chat.v1", "super"), "super::Room");
        assert_eq!(type_path("room::Kind", ".chat.v1.Room.Kind", "chat.v1", "super"), "super::room::Kind");
        assert_eq!(
            type_path("super::super::common::Empty", ".common.Empty", "chat.v1", "super"),
            "super::super::super::common::Empty"
        );
        assert_eq!(type_path("r#type::Room", ".type.Room", "", "super"), "super::r#type::Room");
        assert_eq!(type_path("Room", ".Room", "", "super"), "super::Room");
        assert_eq!(type_path("Bool", ".bool", "", "super"), "super::Bool");
    }

    #[test]
    fn messages_can_be_in_another_module() {
        let path = |rust, proto| type_path(rust, proto, "chat.v1", "crate::chat::v1");

        assert_eq!(path("Room", ".chat.v1.Room"), "crate::chat::v1::Room");
        assert_eq!(path("room::Kind", ".chat.v1.Room.Kind"), "crate::chat::v1::room::Kind");
        assert_eq!(path("super::v2::Room", ".chat.v2.Room"), "crate::chat::v2::Room");
        assert_eq!(path("super::super::common::Empty", ".common.Empty"), "crate::common::Empty");
        assert_eq!(path("super::super::Empty", ".Empty"), "crate::Empty");
        assert_eq!(type_path("super::b::A", ".b.A", "a", "super::super::a"), "super::super::b::A");
        assert_eq!(path("()", ".google.protobuf.Empty"), "()");
    }

    #[test]
    fn types_are_named_as_prost_names_them() {
        for (name, rust) in [
            ("Room", "Room"),
            ("chat_room", "ChatRoom"),
            ("HTTPRequest", "HttpRequest"),
            ("a1", "A1"),
            ("a_1", "A1"),
            ("self", "Self_"),
            ("type", "Type"),
            ("_1", "_1"),
            ("_", ""),
            ("ärger_übel", "ärgerübel"),
        ] {
            assert_eq!(camel(name), rust, "{name}");
        }
    }

    #[test]
    fn constants_are_in_capitals() {
        for (method, name) in [("get_room", "GET_ROOM"), ("r#type", "TYPE"), ("self_", "SELF"), ("_1", "_1")] {
            assert_eq!(constant(method), name);
        }
    }

    #[test]
    fn paths_from_elsewhere_stay() {
        for (rust, proto) in [
            ("()", ".google.protobuf.Empty"),
            ("bool", ".google.protobuf.BoolValue"),
            ("::prost::alloc::string::String", ".google.protobuf.StringValue"),
            ("::prost_types::Timestamp", ".google.protobuf.Timestamp"),
            ("crate::Room", ".chat.v1.Room"),
            ("rooms::Room", ".chat.v1.Room"),
            ("Vec<u8>", ".google.protobuf.BytesValue"),
        ] {
            assert_eq!(type_path(rust, proto, "chat.v1", "super"), rust);
        }
    }

    #[test]
    fn relative_paths_from_elsewhere_follow_the_module() {
        assert_eq!(type_path("self::rooms::Room", ".chat.Room", "chat", "super"), "super::rooms::Room");
        assert_eq!(type_path("super::rooms::Room", ".chat.Room", "chat", "super"), "super::super::rooms::Room");
    }
}
