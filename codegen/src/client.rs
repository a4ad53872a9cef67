//! Template of the client side: the stub.

use crate::code::{CALL_WIDTH, Code};
use crate::generator::ALLOW;
use crate::model::{Method, MethodKind, Service};
use crate::options::Options;
use crate::{client_trait, constants};

/// Writes `pub mod chat_client`.
pub(crate) fn write(service: &Service, options: &Options, code: &mut Code<'_>) {
    code.line("");
    code.docs([format!("The client side of `{}`.", service.full_name)]);
    code.feature(options.client_feature.as_deref());
    code.lines(options.client_module.of(&service.full_name));
    code.block(&format!("pub mod {} {{", service.client_module), "}", |code| {
        code.lines(ALLOW);
        code.line("");
        constants::write(service, code);
        code.line("");
        write_struct(service, options, code);
        code.line("");
        code.block(&format!("impl {} {{", service.client), "}", |code| {
            write_constructors(options, code);
            write_settings(code);
            for method in &service.methods {
                code.line("");
                write_method(method, code);
            }
        });
        if options.client_trait {
            client_trait::write(service, options, code);
        }
    });
}

fn write_struct(service: &Service, options: &Options, code: &mut Code<'_>) {
    if service.docs.is_empty() {
        code.docs([format!("A client of `{}`.", service.full_name)]);
    } else {
        code.docs(&service.docs);
    }
    if service.deprecated {
        code.line("#[deprecated]");
    }
    code.line("#[derive(::core::fmt::Debug, ::core::clone::Clone)]");
    code.lines(options.client_struct.of(&service.full_name));
    code.block(&format!("pub struct {} {{", service.client), "}", |code| match &options.codec {
        Some(codec) => code.line(&format!("inner: ::stolid::client::Grpc<{codec}>,")),
        None => code.line("inner: ::stolid::client::Grpc,"),
    });
}

fn write_constructors(options: &Options, code: &mut Code<'_>) {
    code.docs([
        "Connects to `target`, for example `http://localhost:50051`.",
        "",
        "# Errors",
        "",
        "The address is not valid, or nobody answers there.",
    ]);
    let parameters = ["target: impl ::core::convert::AsRef<str>"];
    let returns = "::core::result::Result<Self, ::stolid::Error>";
    code.function("pub fn connect", &parameters, returns, |code| {
        code.line("::stolid::Channel::connect(target).map(Self::new)");
    });
    code.line("");
    code.docs(["A client that sends its calls over `channel`."]);
    code.line("#[must_use]");
    code.block("pub fn new(channel: ::stolid::Channel) -> Self {", "}", |code| {
        let Some(codec) = &options.codec else {
            return code.block("Self {", "}", |code| code.line("inner: ::stolid::client::Grpc::new(channel),"));
        };
        code.line("let inner = ::stolid::client::Grpc::new(channel);");
        code.block("Self {", "}", |code| code.line(&format!("inner: inner.with_codec::<{codec}>(),")));
    });
}

/// The functions that give the client back with one option changed: name, parameter and documentation.
const SETTINGS: [(&str, &str, &[&str]); 4] = [
    (
        "max_decoding_message_size",
        "limit: usize",
        &["The largest message that is taken from the server, in bytes; the channel's limit unless set."],
    ),
    (
        "max_encoding_message_size",
        "limit: usize",
        &["The largest message that is sent to the server, in bytes; the channel's limit unless set."],
    ),
    (
        "accept_compressed",
        "encoding: ::stolid::CompressionEncoding",
        &[
            "Takes responses compressed as `encoding`; more calls add more encodings.",
            "",
            "Without any, what the channel takes.",
        ],
    ),
    (
        "send_compressed",
        "encoding: ::stolid::CompressionEncoding",
        &["Compresses requests as `encoding`, which the server must know."],
    ),
];

fn write_settings(code: &mut Code<'_>) {
    for (name, parameter, docs) in SETTINGS {
        let argument = parameter.split(':').next().unwrap_or_default();
        code.line("");
        code.docs(docs);
        code.line("#[must_use]");
        code.function(&format!("pub fn {name}"), &["self", parameter], "Self", |code| {
            code.block("Self {", "}", |code| {
                code.line(&format!("inner: self.inner.{name}({argument}),"));
            });
        });
    }
}

/// The doc comments and attributes of a call.
pub(crate) fn write_call_docs(method: &Method, code: &mut Code<'_>) {
    if method.docs.is_empty() {
        code.docs([format!("Calls `{}`, a {} call.", method.path, method.kind.words())]);
    } else {
        code.docs(&method.docs);
    }
    if method.client_name != method.name {
        code.docs([
            "",
            &format!("The underscore tells this call from the function `{}` that the client has anyway.", method.name),
        ]);
    }
    if method.deprecated {
        code.line("#[deprecated]");
    }
}

/// The message that a call begins with, and what it returns when it does not fail.
pub(crate) fn call_types(method: &Method) -> (&str, String) {
    let Method { request, response, .. } = method;
    match method.kind {
        MethodKind::Unary => (request, format!("::stolid::Response<{response}>")),
        MethodKind::ServerStreaming => (request, format!("::stolid::Streaming<{response}>")),
        MethodKind::ClientStreaming => ("()", format!("::stolid::ClientStreaming<{request}, {response}>")),
        MethodKind::Streaming => ("()", format!("::stolid::BidiStreaming<{request}, {response}>")),
    }
}

fn write_method(method: &Method, code: &mut Code<'_>) {
    write_call_docs(method, code);
    let (request, response) = call_types(method);
    let request = format!("request: impl ::stolid::IntoRequest<{request}>");
    let name = format!("pub fn {}", method.client_name);
    let returns = format!("::core::result::Result<{response}, ::stolid::Status>");
    code.function(&name, &["&self", &request], &returns, |code| {
        code.line("let request = ::stolid::IntoRequest::into_request(request);");
        write_call(method, code);
    });
}

/// `self.inner.unary(path, request)`, broken by the width of the arguments and of the chain.
fn write_call(method: &Method, code: &mut Code<'_>) {
    let path = format!("paths::{}", method.constant);
    let call = format!(".{}(", method.kind.function());
    let arguments = format!("{path}, request");
    if arguments.len() > CALL_WIDTH {
        return code.block(&format!("self.inner{call}"), ")", |code| {
            code.line(&format!("{path},"));
            code.line("request,");
        });
    }
    let on_one_line = format!("self.inner{call}{arguments})");
    if on_one_line.len() <= CALL_WIDTH {
        return code.line(&on_one_line);
    }
    code.line("self.inner");
    code.line(&format!("    {call}{arguments})"));
}
