//! Template of the server side: the trait that users implement and the wrapper that a server takes.

use std::iter;

use crate::code::{CALL_WIDTH, Code};
use crate::constants;
use crate::generator::ALLOW;
use crate::model::{Method, MethodKind, Service};
use crate::names;
use crate::options::Options;

/// Writes `pub mod chat_server`.
pub(crate) fn write(service: &Service, options: &Options, code: &mut Code<'_>) {
    code.line("");
    code.docs([format!("The server side of `{}`.", service.full_name)]);
    code.feature(options.server_feature.as_deref());
    code.lines(options.server_module.of(&service.full_name));
    code.block(&format!("pub mod {} {{", service.server_module), "}", |code| {
        code.lines(ALLOW);
        code.line("");
        constants::write(service, code);
        code.line("");
        write_trait(service, options, code);
        code.line("");
        write_struct(service, options, code);
        code.line("");
        write_inherent_impl(service, code);
        code.line("");
        write_service_impl(service, options, code);
        code.line("");
        write_debug_impl(service, code);
        code.line("");
        write_clone_impl(service, code);
    });
}

fn write_trait(service: &Service, options: &Options, code: &mut Code<'_>) {
    if service.docs.is_empty() {
        code.docs([format!("The calls of `{}`, for a server to implement.", service.full_name)]);
    } else {
        code.docs(&service.docs);
    }
    if service.deprecated {
        code.line("#[deprecated]");
    }
    code.lines(options.r#trait.of(&service.full_name));
    let bounds = "::core::marker::Send + ::core::marker::Sync + 'static";
    code.trait_block(&format!("pub trait {}:", service.name), bounds, service.methods.is_empty(), |code| {
        for (index, method) in service.methods.iter().enumerate() {
            if index > 0 {
                code.line("");
            }
            write_trait_method(method, options, code);
        }
    });
}

fn write_trait_method(method: &Method, options: &Options, code: &mut Code<'_>) {
    if method.docs.is_empty() {
        code.docs([format!("Answers `{}`, a {} call.", method.path, method.kind.words())]);
    } else {
        code.docs(&method.docs);
    }
    if method.deprecated {
        code.line("#[deprecated]");
    }
    let receiver = if options.arc_self { "self: ::std::sync::Arc<Self>" } else { "&self" };
    let request = match method.kind {
        MethodKind::Unary | MethodKind::ServerStreaming => {
            format!("request: ::stolid::Request<{}>", method.request)
        }
        MethodKind::ClientStreaming | MethodKind::Streaming => {
            format!("requests: ::stolid::Request<::stolid::Streaming<{}>>", method.request)
        }
    };
    let replies = format!("replies: ::stolid::Sender<{}>", method.response);
    let (parameters, ok) = if method.kind.server_streams() {
        (vec![receiver, &request, &replies], "()".to_owned())
    } else {
        (vec![receiver, &request], format!("::stolid::Response<{}>", method.response))
    };
    let returns = format!("::core::result::Result<{ok}, ::stolid::Status>");
    let name = format!("fn {}", method.name);
    if !options.default_stubs {
        return code.declaration(&name, &parameters, &returns);
    }
    code.function(&name, &parameters, &returns, |code| write_default_body(method, code));
}

fn write_default_body(method: &Method, code: &mut Code<'_>) {
    match arguments(method.kind) {
        [one] => code.line(&format!("::core::mem::drop({one});")),
        several => code.line(&format!("::core::mem::drop(({}));", several.join(", "))),
    }
    code.unimplemented(&method.path);
}

/// The parameters of a handler, without the receiver.
fn arguments(kind: MethodKind) -> &'static [&'static str] {
    match kind {
        MethodKind::Unary => &["request"],
        MethodKind::ServerStreaming => &["request", "replies"],
        MethodKind::ClientStreaming => &["requests"],
        MethodKind::Streaming => &["requests", "replies"],
    }
}

fn write_struct(service: &Service, options: &Options, code: &mut Code<'_>) {
    let Service { name, server, .. } = service;
    code.docs([format!("A service made of a type that implements [`{name}`], for a server to take.")]);
    if service.deprecated {
        code.line("#[deprecated]");
    }
    code.lines(options.server_struct.of(&service.full_name));
    code.block(&format!("pub struct {server}<T> {{"), "}", |code| {
        code.line("inner: ::std::sync::Arc<T>,");
        code.line("options: ::stolid::server::ServiceOptions,");
    });
}

/// The functions that give the service back with one option changed: name, parameters and documentation.
const SETTINGS: [(&str, &[&str], &[&str]); 6] = [
    (
        "max_decoding_message_size",
        &["limit: usize"],
        &["The largest message that is taken from a client, in bytes; the server's limit unless set."],
    ),
    (
        "max_encoding_message_size",
        &["limit: usize"],
        &["The largest message that is sent to a client, in bytes; the server's limit unless set."],
    ),
    (
        "accept_compressed",
        &["encoding: ::stolid::CompressionEncoding"],
        &[
            "Takes requests compressed as `encoding`; more calls add more encodings.",
            "",
            "Without any, what the server takes.",
        ],
    ),
    (
        "send_compressed",
        &["encoding: ::stolid::CompressionEncoding"],
        &["Compresses responses as `encoding` for clients that accept it; as the server does unless set."],
    ),
    (
        "inline_handlers",
        &["inline: bool"],
        &["Whether quick unary handlers may run on the thread that reads; as the server has it unless set."],
    ),
    (
        "inline_method",
        &["name: &str", "inline: bool"],
        &[
            "The same for one unary method, by its name in the `.proto` file; as the service has it unless set.",
            "",
            "With `false` each call of the method has a thread of its own.",
        ],
    ),
];

fn write_inherent_impl(service: &Service, code: &mut Code<'_>) {
    code.block(&format!("impl<T> {}<T> {{", service.server), "}", |code| {
        code.docs(["The full name of the service, as the paths of its calls have it."]);
        code.line("pub const NAME: &'static str = SERVICE_NAME;");
        code.line("");
        code.docs(["A service that hands its calls to `inner`."]);
        code.line("#[must_use]");
        code.block("pub fn new(inner: T) -> Self {", "}", |code| {
            code.line("Self::from_arc(::std::sync::Arc::new(inner))");
        });
        code.line("");
        code.docs(["A service that hands its calls to an `inner` that others hold as well."]);
        code.line("#[must_use]");
        code.block("pub fn from_arc(inner: ::std::sync::Arc<T>) -> Self {", "}", |code| {
            code.block("Self {", "}", |code| {
                code.lines(["inner,", "options: ::core::default::Default::default(),"]);
            });
        });
        for (name, parameters, docs) in SETTINGS {
            let arguments: Vec<&str> = parameters.iter().filter_map(|parameter| parameter.split(':').next()).collect();
            let parameters: Vec<&str> = iter::once("self").chain(parameters.iter().copied()).collect();
            code.line("");
            code.docs(docs);
            code.line("#[must_use]");
            code.function(&format!("pub fn {name}"), &parameters, "Self", |code| {
                code.block("Self {", "}", |code| {
                    code.line("inner: self.inner,");
                    code.line(&format!("options: self.options.{name}({}),", arguments.join(", ")));
                });
            });
        }
    });
}

fn write_service_impl(service: &Service, options: &Options, code: &mut Code<'_>) {
    let Service { name, server, .. } = service;
    let t = names::type_parameter(name);
    let head = format!("impl<{t}: {name}> ::stolid::server::Service");
    code.implementation(&head, &format!("{server}<{t}>"), |code| {
        code.line("const NAME: &'static str = SERVICE_NAME;");
        code.line("");
        code.block("fn register(self, methods: &mut ::stolid::server::Methods) {", "}", |code| {
            code.line("methods.options(self.options);");
            if let Some(codec) = &options.codec
                && !service.methods.is_empty()
            {
                code.line(&format!("let mut methods = methods.with_codec::<{codec}>();"));
            }
            for method in &service.methods {
                write_registration(name, t, method, options, code);
            }
        });
    });
}

fn write_registration(service: &str, t: &str, method: &Method, options: &Options, code: &mut Code<'_>) {
    code.line("let inner = ::std::sync::Arc::clone(&self.inner);");
    let arguments = arguments(method.kind).join(", ");
    let inner = if options.arc_self { "::std::sync::Arc::clone(&inner)" } else { "&inner" };
    let open = format!("<{t} as {service}>::{}(", method.name);
    let call = format!("{open}{inner}, {arguments})");
    let name = &method.proto_name;
    let register = format!("methods.{}(", method.kind.function());
    let on_one_line = format!("\"{name}\", move |{arguments}| {call}");
    if on_one_line.len() <= CALL_WIDTH {
        return code.line(&format!("{register}{on_one_line});"));
    }
    code.block(&format!("{register}\"{name}\", move |{arguments}| {{"), "});", |code| {
        if code.fits(&call) {
            code.line(&call);
        } else {
            // rustfmt puts short arguments on one line, and a call is not short.
            let separator = if options.arc_self { ",\n" } else { ", " };
            let all = format!("{inner}, {arguments}").replace(", ", separator);
            code.block(&open, ")", |code| code.lines(format!("{all},").lines()));
        }
    });
}

fn write_debug_impl(service: &Service, code: &mut Code<'_>) {
    let server = &service.server;
    code.implementation("impl<T> ::core::fmt::Debug", &format!("{server}<T>"), |code| {
        let parameters = ["&self", "f: &mut ::core::fmt::Formatter<'_>"];
        code.function("fn fmt", &parameters, "::core::fmt::Result", |code| {
            let start = format!("f.debug_struct(\"{server}\")");
            let end = ".finish_non_exhaustive()";
            if start.len() + end.len() <= CALL_WIDTH {
                code.line(&(start + end));
            } else {
                code.line(&start);
                code.line(&format!("    {end}"));
            }
        });
    });
}

fn write_clone_impl(service: &Service, code: &mut Code<'_>) {
    let server = format!("{}<T>", service.server);
    code.implementation("impl<T> ::core::clone::Clone", &server, |code| {
        code.block("fn clone(&self) -> Self {", "}", |code| {
            code.block("Self {", "}", |code| {
                code.line("inner: ::std::sync::Arc::clone(&self.inner),");
                code.line("options: ::core::clone::Clone::clone(&self.options),");
            });
        });
    });
}
