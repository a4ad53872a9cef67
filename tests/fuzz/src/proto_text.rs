//! `.proto` files that are valid by their syntax, with names and comments that are hard on a generator.

use std::fmt::{self, Display, Formatter};

use arbitrary::Arbitrary;

/// Names that mean something in Rust, in the generated code, or in prost's.
const NAMES: [&str; 40] = [
    "Chat",
    "chat",
    "CHAT",
    "Room",
    "room",
    "type",
    "Type",
    "self",
    "Self",
    "super",
    "crate",
    "extern",
    "async",
    "fn",
    "new",
    "New",
    "connect",
    "clone",
    "into",
    "Status",
    "Request",
    "Response",
    "Streaming",
    "Sender",
    "Option",
    "Result",
    "Vec",
    "String",
    "Box",
    "T",
    "S",
    "Arc",
    "core",
    "std",
    "stolid",
    "prost",
    "_",
    "x1",
    "ChatServer",
    "chat_client",
];

const SCALARS: [&str; 15] = [
    "double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32",
    "sfixed64", "bool", "string", "bytes",
];

/// A name from the list, with or without something that makes it another one.
#[derive(Arbitrary, Debug)]
pub struct Name(u8, u8);

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES[usize::from(self.0) % NAMES.len()])?;
        match self.1 {
            0..200 => Ok(()),
            number @ 200..230 => write!(f, "{number}"),
            230..240 => f.write_str("_"),
            _ => f.write_str("Very_longNameThatGoesOnAndOnUntilNoLineOfCodeHasRoomForItAnyMore"),
        }
    }
}

/// A comment of any characters.
#[derive(Arbitrary, Debug)]
struct Comment(Option<String>);

impl Display for Comment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(text) = &self.0 else {
            return Ok(());
        };
        for line in text.split('\n') {
            // protoc refuses NUL anywhere; a line comment goes to the end of its line.
            writeln!(f, "// {}", line.replace('\0', " "))?;
        }
        Ok(())
    }
}

/// A whole file.
#[derive(Arbitrary, Debug)]
pub struct File {
    package: Vec<Name>,
    messages: Vec<Message>,
    enums: Vec<Enum>,
    services: Vec<Service>,
}

#[derive(Arbitrary, Debug)]
struct Message {
    comment: Comment,
    name: Name,
    fields: Vec<Field>,
    nested: Vec<Enum>,
}

#[derive(Arbitrary, Debug)]
enum Shape {
    Plain,
    Repeated,
    Optional,
    Map,
    Oneof(Name),
}

#[derive(Arbitrary, Debug)]
struct Field {
    comment: Comment,
    shape: Shape,
    /// A scalar, or one of the messages.
    of: u8,
    name: Name,
}

#[derive(Arbitrary, Debug)]
struct Enum {
    name: Name,
    values: Vec<Name>,
}

#[derive(Arbitrary, Debug)]
struct Service {
    comment: Comment,
    name: Name,
    methods: Vec<Method>,
}

#[derive(Arbitrary, Debug)]
struct Method {
    comment: Comment,
    name: Name,
    request: (bool, u8),
    response: (bool, u8),
    deprecated: bool,
}

impl File {
    /// A type that a method can take: a message of the file, or one of Google's.
    fn message(&self, index: u8) -> String {
        match self.messages.get(usize::from(index)) {
            Some(message) if self.package.is_empty() => format!(".{}", message.name),
            Some(message) => format!(".{}.{}", self.package(), message.name),
            None if index.is_multiple_of(2) => ".google.protobuf.Empty".to_owned(),
            None => ".google.protobuf.Timestamp".to_owned(),
        }
    }

    fn package(&self) -> String {
        let parts: Vec<String> = self.package.iter().take(4).map(Name::to_string).collect();
        parts.join(".")
    }

    fn field(&self, field: &Field, number: usize, f: &mut Formatter<'_>) -> fmt::Result {
        let Field { comment, shape, of, name } = field;
        let of = match SCALARS.get(usize::from(*of)) {
            Some(scalar) => (*scalar).to_owned(),
            None => self.message(of - 15),
        };
        write!(f, "{comment}")?;
        match shape {
            Shape::Plain => writeln!(f, "  {of} {name} = {number};"),
            Shape::Repeated => writeln!(f, "  repeated {of} {name} = {number};"),
            Shape::Optional => writeln!(f, "  optional {of} {name} = {number};"),
            Shape::Map => writeln!(f, "  map<string, {of}> {name} = {number};"),
            Shape::Oneof(oneof) => writeln!(f, "  oneof {oneof} {{\n    {of} {name} = {number};\n  }}"),
        }
    }
}

impl Display for Enum {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "enum {} {{\n  {}_UNSPECIFIED = 0;", self.name, self.name)?;
        for (number, value) in self.values.iter().enumerate() {
            writeln!(f, "  {value} = {};", number + 1)?;
        }
        writeln!(f, "}}")
    }
}

impl Display for File {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "syntax = \"proto3\";")?;
        if !self.package.is_empty() {
            writeln!(f, "package {};", self.package())?;
        }
        writeln!(f, "import \"google/protobuf/empty.proto\";\nimport \"google/protobuf/timestamp.proto\";")?;
        for message in &self.messages {
            writeln!(f, "{}message {} {{", message.comment, message.name)?;
            for (index, field) in message.fields.iter().enumerate() {
                self.field(field, index + 1, f)?;
            }
            for nested in &message.nested {
                write!(f, "{nested}")?;
            }
            writeln!(f, "}}")?;
        }
        for declared in &self.enums {
            write!(f, "{declared}")?;
        }
        for Service { comment, name, methods } in &self.services {
            writeln!(f, "{comment}service {name} {{")?;
            for Method { comment, name, request, response, deprecated } in methods {
                let side = |(stream, of): &(bool, u8)| {
                    format!("{}{}", if *stream { "stream " } else { "" }, self.message(*of))
                };
                let options = if *deprecated { " { option deprecated = true; }" } else { ";" };
                writeln!(f, "{comment}  rpc {name}({}) returns ({}){options}", side(request), side(response))?;
            }
            writeln!(f, "}}")?;
        }
        Ok(())
    }
}
