//! The .proto file of what is registered, written from the descriptors of its messages.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use prost_types::field_descriptor_proto::Label;
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};

use super::method::Method;

/// The file for a service with these methods: the service, and of the messages in `descriptors` those that it needs.
///
/// # Panics
/// When the service is in no package, or what it needs is not all in one file of that package.
pub fn print<'a>(
    descriptors: &FileDescriptorSet,
    service: &str,
    methods: impl IntoIterator<Item = &'a Method>,
) -> String {
    let (package, service) = service.rsplit_once('.').expect("the service is in a package");
    let in_package = |file: &&FileDescriptorProto| file.package() == package;
    let file = descriptors.file.iter().find(in_package).expect("the package is among the descriptors");
    let mut printer = Printer { prefix: format!(".{package}."), comments: comments(file), text: String::new() };
    let mut needed = BTreeSet::new();
    printer.line(0, format_args!("syntax = \"proto3\";\n\npackage {package};\n\nservice {service} {{"));
    for Method { name, request, response, streaming, .. } in methods {
        let (request, response) = (printer.short(request), printer.short(response));
        let stream = if *streaming { "stream " } else { "" };
        printer.line(1, format_args!("rpc {name}({request}) returns ({stream}{response});"));
        needed.extend([request, response]);
    }
    printer.line(0, "}");
    let needed = with_what_they_hold(file, needed, &printer);
    for (index, message) in file.message_type.iter().enumerate() {
        if needed.contains(message.name()) {
            printer.text.push('\n');
            printer.message(0, message, &[4, index as i32]);
        }
    }
    for (index, declared) in file.enum_type.iter().enumerate() {
        if needed.contains(declared.name()) {
            printer.text.push('\n');
            printer.enumeration(0, declared, &[5, index as i32]);
        }
    }
    printer.text
}

/// What these messages of the file are called, and all that their fields hold.
///
/// # Panics
/// When something is from another file.
fn with_what_they_hold(file: &FileDescriptorProto, names: BTreeSet<String>, printer: &Printer) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<String> = names.into_iter().collect();
    while let Some(name) = open.pop() {
        let message = file.message_type.iter().find(|message| message.name() == name);
        let declared = message.is_some() || file.enum_type.iter().any(|declared| declared.name() == name);
        assert!(declared, "{} does not declare {name}", file.name());
        if found.insert(name) {
            let held = message.into_iter().flat_map(fields).filter_map(|field| field.type_name.as_deref());
            // What is nested belongs to the outermost message.
            open.extend(held.map(|name| printer.short(name).split('.').take(1).collect()));
        }
    }
    found
}

/// The fields of a message and of those nested in it.
fn fields(message: &DescriptorProto) -> Box<dyn Iterator<Item = &FieldDescriptorProto> + '_> {
    Box::new(message.field.iter().chain(message.nested_type.iter().flat_map(fields)))
}

/// The comments above declarations, by the declaration's path: numbers of the fields in descriptor.proto that lead there,
/// and of the places in their lists (`SourceCodeInfo.Location.path`).
fn comments(file: &FileDescriptorProto) -> BTreeMap<Vec<i32>, String> {
    let locations = file.source_code_info.iter().flat_map(|info| &info.location);
    locations.map(|location| (location.path.clone(), location.leading_comments().to_owned())).collect()
}

/// Writes declarations, with names as they are said inside the package.
struct Printer {
    prefix: String,
    comments: BTreeMap<Vec<i32>, String>,
    text: String,
}

impl Printer {
    fn line(&mut self, depth: usize, line: impl std::fmt::Display) {
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{:1$}{line}", "", 2 * depth);
    }

    /// A full name as it is said in this package.
    fn short(&self, name: &str) -> String {
        let full = format!(".{}", name.trim_start_matches('.'));
        full.strip_prefix(&self.prefix).unwrap_or_else(|| &full[1..]).to_owned()
    }

    fn comment(&mut self, depth: usize, path: &[i32]) {
        let comment = self.comments.get(path).cloned().unwrap_or_default();
        for line in comment.lines() {
            self.line(depth, format_args!("//{line}"));
        }
    }

    fn message(&mut self, depth: usize, message: &DescriptorProto, path: &[i32]) {
        self.comment(depth, path);
        if message.field.is_empty() {
            return self.line(depth, format_args!("message {} {{}}", message.name()));
        }
        self.line(depth, format_args!("message {} {{", message.name()));
        for (index, nested) in message.enum_type.iter().enumerate() {
            self.enumeration(depth + 1, nested, &[path, &[4, index as i32]].concat());
            self.text.push('\n');
        }
        for (index, nested) in message.nested_type.iter().enumerate() {
            if !is_map_entry(nested) {
                self.message(depth + 1, nested, &[path, &[3, index as i32]].concat());
                self.text.push('\n');
            }
        }
        let mut oneof = None;
        for (index, field) in message.field.iter().enumerate() {
            // An optional field is described as the only one of a oneof.
            let within = field.oneof_index.filter(|_| !field.proto3_optional());
            if oneof != within {
                if oneof.is_some() {
                    self.line(depth + 1, "}");
                }
                if let Some(declared) = within.and_then(|index| message.oneof_decl.get(index as usize)) {
                    self.line(depth + 1, format_args!("oneof {} {{", declared.name()));
                }
                oneof = within;
            }
            let depth = depth + 1 + usize::from(oneof.is_some());
            self.comment(depth, &[path, &[2, index as i32]].concat());
            let kind = self.kind(field, message);
            self.line(depth, format_args!("{kind} {} = {};", field.name(), field.number()));
        }
        if oneof.is_some() {
            self.line(depth + 1, "}");
        }
        self.line(depth, "}");
    }

    fn enumeration(&mut self, depth: usize, declared: &EnumDescriptorProto, path: &[i32]) {
        self.comment(depth, path);
        self.line(depth, format_args!("enum {} {{", declared.name()));
        for (index, value) in declared.value.iter().enumerate() {
            self.comment(depth + 1, &[path, &[2, index as i32]].concat());
            self.line(depth + 1, format_args!("{} = {};", value.name(), value.number()));
        }
        self.line(depth, "}");
    }

    /// Label and type of a field, as they are written before its name.
    fn kind(&self, field: &FieldDescriptorProto, message: &DescriptorProto) -> String {
        let name = field.type_name.as_deref().map(|name| self.short(name));
        // TYPE_SINT32 is the scalar type sint32, and so on.
        let scalar = || field.r#type().as_str_name().trim_start_matches("TYPE_").to_lowercase();
        let last = name.as_deref().and_then(|name| name.rsplit('.').next());
        let entry = message.nested_type.iter().find(|nested| is_map_entry(nested) && last == Some(nested.name()));
        match entry.map(|entry| entry.field.as_slice()) {
            Some([key, value]) => format!("map<{}, {}>", self.kind(key, message), self.kind(value, message)),
            _ => {
                let label = match field.label() {
                    Label::Repeated => "repeated ",
                    _ if field.proto3_optional() => "optional ",
                    _ => "",
                };
                format!("{label}{}", name.unwrap_or_else(scalar))
            }
        }
    }
}

/// A map is described as a repeated message of keys and values, made for it alone.
fn is_map_entry(message: &DescriptorProto) -> bool {
    message.options.as_ref().is_some_and(|options| options.map_entry())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const RICH: &str = r#"
        syntax = "proto3";
        package rich.v1;
        message Unused { Unused again = 1; }
        // A request.
        //
        // Of two paragraphs.
        message AskRequest {
          message Part {
            enum Kind { NONE = 0; SOME = 1; }
            Kind kind = 1;
            repeated Part parts = 2;
          }
          oneof body {
            // In words.
            string text = 1;
            Part part = 2;
          }
          bytes raw = 3;
          oneof other { sint32 number = 4; fixed64 large = 5; }
          optional bool sure = 6;
          map<string, Part> named = 7;
          map<int32, double> weights = 8;
        }
        message AskResponse { repeated Shared shared = 1; Weather weather = 2; }
        message Shared {}
        // What it is like outside.
        enum Weather { UNKNOWN = 0; SUNNY = 3; }
    "#;

    fn described(text: &str) -> FileDescriptorSet {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file.proto"), text).unwrap();
        let mut compiler = protox::Compiler::new([folder.path()]).unwrap();
        compiler.include_source_info(true).open_file("file.proto").unwrap();
        compiler.file_descriptor_set()
    }

    fn ask() -> Method {
        let [model, name, request, response] =
            ["ask", "PredictAsk", "rich.v1.AskRequest", "rich.v1.AskResponse"].map(str::to_owned);
        Method { model, name, request, response, streaming: true }
    }

    #[test]
    fn what_is_printed_declares_the_same() {
        let before = described(RICH);
        let text = print(&before, "rich.v1.Oracle", [&ask()]);
        let after = described(&text);
        let (before, after) = (&before.file[0], &after.file[0]);
        let method = &after.service[0].method[0];
        assert_eq!((method.name(), method.input_type()), ("PredictAsk", ".rich.v1.AskRequest"));
        assert_eq!((method.server_streaming(), method.client_streaming()), (true, false));
        assert_eq!((&after.message_type, &after.enum_type), (&before.message_type[1..].to_vec(), &before.enum_type));
        for comment in ["// A request.\n//\n// Of two paragraphs.\nmessage", "    // In words.\n", "outside.\nenum"] {
            assert!(text.contains(comment), "{text}");
        }
    }

    #[test]
    #[should_panic(expected = "file.proto does not declare Nowhere")]
    fn what_is_not_declared_is_missed() {
        let nowhere = Method { request: "rich.v1.Nowhere".to_owned(), ..ask() };
        print(&described(RICH), "rich.v1.Oracle", [&nowhere]);
    }
}
