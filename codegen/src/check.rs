//! What protobuf allows and Rust code cannot have, found before any code is written.

mod messages;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet, ServiceDescriptorProto,
};

use crate::error::Error;
use crate::model::{first_clash, method_clash};
use crate::names;
pub(crate) use messages::{Suspect, suspects};

/// Fails with everything that is wrong in `set`. The names of its files are sought in `includes`, so that the text
/// has paths that an editor can open.
pub(crate) fn check(set: &FileDescriptorSet, includes: &[PathBuf]) -> Result<(), Error> {
    let mut problems = Vec::new();
    for file in &set.file {
        let before = problems.len();
        check_syntax(file, &mut problems);
        check_names(file, &mut problems);
        for (index, service) in file.service.iter().enumerate() {
            check_methods(file, index, service, &mut problems);
        }
        let path = path_of(file.name(), includes);
        for problem in &mut problems[before..] {
            *problem = format!("{}:{problem}", path.display());
        }
    }
    check_services(set, includes, &mut problems);
    if problems.is_empty() {
        return Ok(());
    }
    Err(Error::new(problems.join("\n")))
}

/// The path of the file that `name` stands for, or `name` where it cannot be found.
pub(crate) fn path_of(name: &str, includes: &[PathBuf]) -> PathBuf {
    let paths = includes.iter().map(|include| include.join(name));
    paths.into_iter().find(|path| path.is_file()).unwrap_or_else(|| Path::new(name).to_owned())
}

/// prost-build panics on anything but these two.
fn check_syntax(file: &FileDescriptorProto, problems: &mut Vec<String>) {
    if !matches!(file.syntax(), "" | "proto2" | "proto3") {
        problems
            .push(format!(" code can be generated for syntax 'proto2' and 'proto3' only, not for '{}'", file.syntax()));
    }
}

/// A package, services and methods that have a name without a letter or digit.
fn check_names(file: &FileDescriptorProto, problems: &mut Vec<String>) {
    if !file.package().is_empty() && !file.package().split('.').all(is_name) {
        problems.push(format!("{} {}", place(file, &[PACKAGE]), nameless(file.package())));
    }
    for (index, service) in file.service.iter().enumerate() {
        let path = [SERVICES, number(index), NAME];
        let methods = service.method.iter().enumerate();
        let methods =
            methods.map(|(method, item)| (vec![path[0], path[1], METHODS, number(method), NAME], item.name()));
        for (path, name) in [(path.to_vec(), service.name())].into_iter().chain(methods) {
            if !is_name(name) {
                problems.push(format!("{} {}", place(file, &path), nameless(name)));
            }
        }
    }
}

/// Whether Rust can have the name in its own style, which knows underscores between words only.
fn is_name(name: &str) -> bool {
    name.contains(|letter: char| letter.is_ascii_alphanumeric())
}

fn nameless(name: &str) -> String {
    format!("'{name}' cannot be a name in Rust: give it a letter")
}

fn check_methods(
    file: &FileDescriptorProto,
    index: usize,
    service: &ServiceDescriptorProto,
    problems: &mut Vec<String>,
) {
    let rust_names = service.method.iter().map(|method| (names::snake(method.name()), method.name()));
    if let Some((method, first, second)) = first_clash(rust_names) {
        let place = place(file, &[SERVICES, number(index), METHODS, number(method), NAME]);
        let text = method_clash(first, second, &full_name(file, service.name()));
        problems.push(format!("{place} {text}"));
    }
}

/// Services of one package that differ in nothing but capital letters, and messages that need a service's module.
fn check_services(set: &FileDescriptorSet, includes: &[PathBuf], problems: &mut Vec<String>) {
    let mut modules: BTreeMap<(&str, String), String> = BTreeMap::new();
    for file in &set.file {
        for message in &file.message_type {
            if has_module(message) {
                let module = (file.package(), names::snake(message.name()));
                modules.insert(module, format!("message '{}'", full_name(file, message.name())));
            }
        }
    }
    for file in &set.file {
        for (index, service) in file.service.iter().enumerate() {
            let owner = format!("service '{}'", full_name(file, service.name()));
            for side in ["server", "client"] {
                let module = names::snake(&format!("{}_{side}", service.name()));
                let Some(other) = modules.insert((file.package(), module.clone()), owner.clone()) else {
                    continue;
                };
                let place = place(file, &[SERVICES, number(index), NAME]);
                problems.push(format!(
                    "{}:{place} {other} and {owner} both need the module '{module}' in Rust: rename one of them",
                    path_of(file.name(), includes).display(),
                ));
                break;
            }
        }
    }
}

/// Whether prost makes a module for what is declared inside `message`. Map entries and the oneof around an `optional`
/// field are the compiler's own and need none.
fn has_module(message: &DescriptorProto) -> bool {
    let is_map_entry = |nested: &DescriptorProto| nested.options.as_ref().is_some_and(|options| options.map_entry());
    let is_in_oneof = |field: &FieldDescriptorProto| field.oneof_index.is_some() && !field.proto3_optional();
    !message.enum_type.is_empty()
        || message.nested_type.iter().any(|nested| !is_map_entry(nested))
        || message.field.iter().any(is_in_oneof)
}

fn full_name(file: &FileDescriptorProto, name: &str) -> String {
    match file.package() {
        "" => name.to_owned(),
        package => format!("{package}.{name}"),
    }
}

/// The field numbers of `descriptor.proto` that lead to the names of packages, services and methods.
const PACKAGE: i32 = 2;
const SERVICES: i32 = 6;
const METHODS: i32 = 2;
const NAME: i32 = 1;

fn number(index: usize) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}

/// `line:column:` of what `path` leads to, as far as the descriptor knows it.
fn place(file: &FileDescriptorProto, path: &[i32]) -> String {
    let locations = file.source_code_info.iter().flat_map(|info| &info.location);
    let span = locations.filter(|location| location.path == path).map(|location| &location.span).next();
    match span.map(Vec::as_slice) {
        Some([line, column, ..]) => format!("{}:{}:", line + 1, column + 1),
        _ => String::new(),
    }
}
