//! Template of what both halves of a service begin with: the names that go over the wire.

use crate::code::{ARRAY_WIDTH, Code};
use crate::model::Service;

/// Writes `SERVICE_NAME`, `METHODS` and the module `paths`. The paths have a module of their own because a method may
/// be called `Methods`.
pub(crate) fn write(service: &Service, code: &mut Code<'_>) {
    code.docs(["The full name of the service, as the paths of its calls have it."]);
    code.assignment("pub const SERVICE_NAME: &str", &format!("{:?}", service.wire_name));
    code.line("");
    code.docs(["The paths of all calls, in the order of the `.proto` file."]);
    write_list(service, code);
    code.line("");
    code.docs(["The path of each call."]);
    if service.methods.is_empty() {
        return code.line("pub mod paths {}");
    }
    code.block("pub mod paths {", "}", |code| {
        for method in &service.methods {
            code.docs([format!("The path of `{}`.", method.proto_name)]);
            code.assignment(&format!("pub const {}: &str", method.constant), &format!("{:?}", method.path));
        }
    });
}

fn write_list(service: &Service, code: &mut Code<'_>) {
    let names: Vec<String> = service.methods.iter().map(|method| format!("paths::{}", method.constant)).collect();
    let head = "pub const METHODS: &[&str] = &[";
    let items = names.join(", ");
    let line = format!("{head}{items}];");
    if items.len() <= ARRAY_WIDTH && code.fits(&line) {
        return code.line(&line);
    }
    code.block(head, "];", |code| code.lines(names.iter().map(|name| format!("{name},"))));
}
