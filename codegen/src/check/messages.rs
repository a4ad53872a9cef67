//! Names in messages and enums that are different in protobuf and the same in Rust.

use std::collections::BTreeMap;

use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};

use super::{is_name, nameless, place};
use crate::model::first_clash;
use crate::names::{camel, snake};

/// Two names that get one name in Rust, if prost writes the types that they are in.
#[derive(Debug)]
pub(crate) struct Suspect {
    /// The name of the file in the set.
    pub(crate) file: String,
    /// Behind the path of the file: line, column and reason.
    pub(crate) text: String,
    proof: Proof,
}

/// What must be in prost's code for a suspect to be a problem: types can come from elsewhere, or have names of the
/// user's own.
#[derive(Debug)]
enum Proof {
    /// This type so many times.
    Type(String, usize),
    /// prost does not write enums with a variant that comes twice.
    Panic,
    /// No code can be right.
    Nothing,
}

impl Suspect {
    /// Whether the code of messages has the problem; `None` when prost could not write it.
    pub(crate) fn is_in(&self, code: Option<&str>) -> bool {
        let Some(code) = code else { return true };
        match &self.proof {
            Proof::Type(name, times) => {
                let heads = [format!("pub struct {name} {{"), format!("pub enum {name} {{")];
                let lines = code.lines().filter(|line| heads.iter().any(|head| line.trim_start().starts_with(head)));
                lines.count() >= *times
            }
            Proof::Panic => false,
            Proof::Nothing => true,
        }
    }
}

/// All suspects of a set.
pub(crate) fn suspects(set: &FileDescriptorSet) -> Vec<Suspect> {
    let mut suspects = Vec::new();
    let mut packages: BTreeMap<&str, BTreeMap<String, &str>> = BTreeMap::new();
    for file in &set.file {
        let types = packages.entry(file.package()).or_default();
        let mut finder = Finder { file, path: Vec::new(), suspects: &mut suspects };
        finder.types(types, [4, 5], &file.message_type, &file.enum_type);
        finder.messages(4, &file.message_type);
        finder.enums(5, &file.enum_type);
    }
    suspects
}

struct Finder<'a, 'b> {
    file: &'a FileDescriptorProto,
    /// The field numbers of `descriptor.proto` that lead to what is looked at.
    path: Vec<i32>,
    suspects: &'b mut Vec<Suspect>,
}

impl<'a> Finder<'a, '_> {
    /// The types of one scope, of which `found` are those that other files have there.
    fn types(
        &mut self,
        found: &mut BTreeMap<String, &'a str>,
        numbers: [i32; 2],
        messages: &'a [DescriptorProto],
        enums: &'a [EnumDescriptorProto],
    ) {
        let messages = (0..).zip(messages).filter(|(_, message)| !is_map_entry(message));
        let messages = messages.map(|(index, message)| (numbers[0], index, message.name()));
        let enums = (0..).zip(enums).map(|(index, item)| (numbers[1], index, item.name()));
        for (number, index, name) in messages.chain(enums) {
            let rust = camel(name);
            if rust.is_empty() {
                self.add_nameless(&[number, index, 1], name);
            } else if let Some(other) = found.insert(rust.clone(), name) {
                let proof = Proof::Type(rust.clone(), 2);
                self.add(&[number, index, 1], &format!("types '{other}' and '{name}'"), &rust, proof);
            }
        }
    }

    fn messages(&mut self, number: i32, messages: &'a [DescriptorProto]) {
        for (index, message) in (0..).zip(messages) {
            if is_map_entry(message) {
                continue;
            }
            self.path.extend([number, index]);
            self.fields(message);
            self.types(&mut BTreeMap::new(), [3, 4], &message.nested_type, &message.enum_type);
            self.messages(3, &message.nested_type);
            self.enums(4, &message.enum_type);
            self.path.truncate(self.path.len() - 2);
        }
    }

    fn fields(&mut self, message: &'a DescriptorProto) {
        let struct_name = camel(message.name());
        let names = (0..).zip(&message.field).map(|(index, field)| ([2, index, 1], field.name()));
        let oneofs = (0..).zip(&message.oneof_decl).map(|(index, oneof)| ([8, index, 1], oneof.name()));
        for (path, name) in names.chain(oneofs) {
            if !is_name(name) {
                return self.add_nameless(&path, name);
            }
        }
        let alone = message.field.iter().filter(|field| oneof(field).is_none()).map(FieldDescriptorProto::name);
        let oneofs = (0..).zip(&message.oneof_decl);
        let oneofs = oneofs.filter(|(index, _)| message.field.iter().any(|field| oneof(field) == Some(*index)));
        let names = alone.chain(oneofs.clone().map(|(_, item)| item.name()));
        if let Some((_, first, second)) = first_clash(names.map(|name| (snake(name), name))) {
            let of = format!("fields '{first}' and '{second}' of '{}'", message.name());
            let index = message.field.iter().position(|field| field.name() == second);
            let path = index.map_or([8, 0, 1], |index| [2, super::number(index), 1]);
            self.add(&path, &of, &snake(second), Proof::Type(struct_name.clone(), 1));
        }
        for (index, item) in oneofs {
            let fields = message.field.iter().filter(|field| oneof(field) == Some(index));
            if let Some((_, first, second)) = first_clash(fields.map(|field| (camel(field.name()), field.name()))) {
                let of = format!("fields '{first}' and '{second}' of '{}.{}'", message.name(), item.name());
                self.add(&[8, index, 1], &of, &camel(second), Proof::Type(struct_name.clone(), 1));
            }
        }
    }

    fn enums(&mut self, number: i32, enums: &'a [EnumDescriptorProto]) {
        for (index, item) in (0..).zip(enums) {
            if let Some((value, name)) = (0..).zip(&item.value).find(|(_, value)| !is_name(value.name())) {
                self.add_nameless(&[number, index, 2, value, 1], name.name());
                continue;
            }
            let mut numbers = BTreeMap::new();
            // A second name of a number is no variant.
            let values = item.value.iter().filter(|value| numbers.insert(value.number(), ()).is_none());
            let variants = values.map(|value| (variant(item.name(), value.name()), value.name()));
            if let Some((_, first, second)) = first_clash(variants) {
                let of = format!("values '{first}' and '{second}' of '{}'", item.name());
                let value = item.value.iter().position(|value| value.name() == second).unwrap_or(0);
                let path = [number, index, 2, super::number(value), 1];
                self.add(&path, &of, &variant(item.name(), second), Proof::Panic);
            }
        }
    }

    fn add(&mut self, path: &[i32], both: &str, rust: &str, proof: Proof) {
        let path: Vec<i32> = self.path.iter().chain(path).copied().collect();
        let text = format!("{} {both} both become '{rust}' in Rust: rename one of them", place(self.file, &path));
        self.suspects.push(Suspect { file: self.file.name().to_owned(), text, proof });
    }

    fn add_nameless(&mut self, path: &[i32], name: &str) {
        let path: Vec<i32> = self.path.iter().chain(path).copied().collect();
        let text = format!("{} {}", place(self.file, &path), nameless(name));
        self.suspects.push(Suspect { file: self.file.name().to_owned(), text, proof: Proof::Nothing });
    }
}

/// The oneof of a field, but not the one around an `optional` field, which the compiler has made.
fn oneof(field: &FieldDescriptorProto) -> Option<i32> {
    field.oneof_index.filter(|_| !field.proto3_optional())
}

fn is_map_entry(message: &DescriptorProto) -> bool {
    message.options.as_ref().is_some_and(|options| options.map_entry())
}

/// The variant for a value of an enum, which loses the enum's name at its beginning.
fn variant(item: &str, value: &str) -> String {
    let (item, value) = (camel(item), camel(value));
    let rest = value.strip_prefix(item.as_str()).filter(|rest| rest.starts_with(char::is_uppercase));
    rest.unwrap_or(&value).to_owned()
}
