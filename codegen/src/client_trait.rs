//! Template of the client's trait: the calls of a client, for others to implement.

use crate::client;
use crate::code::Code;
use crate::model::{Method, Service};
use crate::options::Options;

/// Writes `pub trait ChatApi` and that the client has it. It has no type parameters and no generic functions, so that
/// `dyn ChatApi` is a type.
pub(crate) fn write(service: &Service, options: &Options, code: &mut Code<'_>) {
    let Service { client, client_trait, .. } = service;
    code.line("");
    code.docs([
        format!("The calls of [`{client}`], for code that takes any client: this one, or one that a test has written."),
        String::new(),
        "Not to be confused with the trait that servers implement.".to_owned(),
    ]);
    if service.deprecated {
        code.line("#[deprecated]");
    }
    code.lines(options.client_traits.of(&service.full_name));
    let bounds = "::core::marker::Send + ::core::marker::Sync";
    code.trait_block(&format!("pub trait {client_trait}:"), bounds, service.methods.is_empty(), |code| {
        for (index, method) in service.methods.iter().enumerate() {
            if index > 0 {
                code.line("");
            }
            write_declaration(method, options, code);
        }
    });
    code.line("");
    let head = format!("impl {client_trait}");
    if service.methods.is_empty() {
        return code.line(&format!("{head} for {client} {{}}"));
    }
    code.implementation(&head, client, |code| {
        for (index, method) in service.methods.iter().enumerate() {
            if index > 0 {
                code.line("");
            }
            write_implementation(method, code);
        }
    });
}

fn write_declaration(method: &Method, options: &Options, code: &mut Code<'_>) {
    client::write_call_docs(method, code);
    let (name, request, returns) = signature(method);
    let parameters = ["&self", &request];
    if !options.default_stubs {
        return code.declaration(&name, &parameters, &returns);
    }
    code.function(&name, &parameters, &returns, |code| {
        code.line("::core::mem::drop(request);");
        code.unimplemented(&method.path);
    });
}

fn write_implementation(method: &Method, code: &mut Code<'_>) {
    let (name, request, returns) = signature(method);
    code.function(&name, &["&self", &request], &returns, |code| {
        // The client's own function of this name comes before the trait's.
        let call = format!("Self::{}(", method.client_name);
        let on_one_line = format!("{call}self, request)");
        if code.fits(&on_one_line) {
            code.line(&on_one_line);
        } else {
            code.block(&call, ")", |code| code.line("self, request,"));
        }
    });
}

fn signature(method: &Method) -> (String, String, String) {
    let (request, response) = client::call_types(method);
    (
        format!("fn {}", method.client_name),
        format!("request: ::stolid::Request<{request}>"),
        format!("::core::result::Result<{response}, ::stolid::Status>"),
    )
}
