//! A service in the words of the templates.

use std::collections::BTreeMap;

use crate::attributes;
use crate::docs::doc_lines;
use crate::names;
use crate::options::Options;

/// A service with all the names that its code needs.
#[derive(Debug)]
pub(crate) struct Service {
    /// `chat.v1.Chat`, by which patterns find it.
    pub(crate) full_name: String,
    /// The name that goes over the wire: the full one, unless the package is left out.
    pub(crate) wire_name: String,
    /// The trait: `Chat`.
    pub(crate) name: String,
    /// `ChatServer` and `chat_server`.
    pub(crate) server: String,
    pub(crate) server_module: String,
    /// `ChatClient` and `chat_client`.
    pub(crate) client: String,
    pub(crate) client_module: String,
    /// The trait of the client: `ChatApi`.
    pub(crate) client_trait: String,
    /// Lines of doc comment, none if the `.proto` file has none.
    pub(crate) docs: Vec<String>,
    pub(crate) deprecated: bool,
    pub(crate) methods: Vec<Method>,
}

/// A method of a service.
#[derive(Debug)]
pub(crate) struct Method {
    /// `GetRoom`.
    pub(crate) proto_name: String,
    /// `get_room`, escaped where it is a keyword.
    pub(crate) name: String,
    /// What the client calls it.
    pub(crate) client_name: String,
    /// The constant with its path: `GET_ROOM`.
    pub(crate) constant: String,
    /// `/chat.v1.Chat/GetRoom`.
    pub(crate) path: String,
    pub(crate) kind: MethodKind,
    /// The path of the message type, seen from a generated module.
    pub(crate) request: String,
    pub(crate) response: String,
    pub(crate) docs: Vec<String>,
    pub(crate) deprecated: bool,
}

/// Who sends a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MethodKind {
    Unary,
    ServerStreaming,
    ClientStreaming,
    /// Both sides.
    Streaming,
}

impl MethodKind {
    /// The runtime's function for such a call, which has the same name on both sides.
    pub(crate) fn function(self) -> &'static str {
        match self {
            Self::Unary => "unary",
            Self::ServerStreaming => "server_streaming",
            Self::ClientStreaming => "client_streaming",
            Self::Streaming => "streaming",
        }
    }

    /// What the documentation calls it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Unary => "unary",
            Self::ServerStreaming => "server-streaming",
            Self::ClientStreaming => "client-streaming",
            Self::Streaming => "bidirectional streaming",
        }
    }

    /// Whether the server sends a stream.
    pub(crate) fn server_streams(self) -> bool {
        matches!(self, Self::ServerStreaming | Self::Streaming)
    }
}

impl Service {
    /// `service` as prost describes it.
    pub(crate) fn new(service: &prost_build::Service, options: &Options) -> Self {
        let full_name = match service.package.as_str() {
            "" => service.proto_name.clone(),
            package => format!("{package}.{}", service.proto_name),
        };
        let wire_name = if options.emit_package { &full_name } else { &service.proto_name };
        let is_silent = |name: &str| {
            let mut patterns = options.without_comments.iter();
            patterns.any(|pattern| attributes::fits(pattern, name))
        };
        let methods = service.methods.iter().map(|method| {
            let silent = is_silent(&format!("{full_name}.{}", method.proto_name));
            Method {
                docs: if silent { Vec::new() } else { doc_lines(&method.comments) },
                ..Method::new(method, wire_name, &service.package, &options.messages)
            }
        });
        let stem = names::stem(&service.name);
        let module = names::module_stem(&service.name);
        Self {
            methods: methods.collect(),
            wire_name: wire_name.clone(),
            docs: if is_silent(&full_name) { Vec::new() } else { doc_lines(&service.comments) },
            name: service.name.clone(),
            server: format!("{stem}Server"),
            server_module: format!("{module}_server"),
            client: format!("{stem}Client"),
            client_module: format!("{module}_client"),
            client_trait: format!("{stem}Api"),
            deprecated: service.options.deprecated(),
            full_name,
        }
    }

    /// Why there can be no code for this service, if two of its methods want one name.
    pub(crate) fn clash(&self) -> Option<String> {
        let names = self.methods.iter().map(|method| (method.name.as_str(), method.proto_name.as_str()));
        let (_, first, second) = first_clash(names)?;
        Some(method_clash(first, second, &self.full_name))
    }
}

impl Method {
    fn new(method: &prost_build::Method, service: &str, package: &str, messages: &str) -> Self {
        let path = |rust, proto| names::type_path(rust, proto, package, messages);
        Self {
            proto_name: method.proto_name.clone(),
            client_name: names::client_method(&method.name),
            constant: names::constant(&method.name),
            name: method.name.clone(),
            path: format!("/{service}/{}", method.proto_name),
            kind: match (method.client_streaming, method.server_streaming) {
                (false, false) => MethodKind::Unary,
                (false, true) => MethodKind::ServerStreaming,
                (true, false) => MethodKind::ClientStreaming,
                (true, true) => MethodKind::Streaming,
            },
            request: path(&method.input_type, &method.input_proto_type),
            response: path(&method.output_type, &method.output_proto_type),
            docs: Vec::new(),
            deprecated: method.options.deprecated(),
        }
    }
}

/// The index of the second owner of the first name that comes twice, and both owners.
pub(crate) fn first_clash<'a, N: Ord>(names: impl Iterator<Item = (N, &'a str)>) -> Option<(usize, &'a str, &'a str)> {
    let mut owners = BTreeMap::new();
    names.enumerate().find_map(|(index, (name, owner))| {
        let earlier = owners.insert(name, owner)?;
        Some((index, earlier, owner))
    })
}

/// What to tell the author of two methods that get one name in Rust.
pub(crate) fn method_clash(first: &str, second: &str, service: &str) -> String {
    let name = names::snake(second);
    format!("methods '{first}' and '{second}' of service '{service}' both become '{name}' in Rust: rename one of them")
}
