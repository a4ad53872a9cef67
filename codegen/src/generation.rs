//! A run of the generator: from files or descriptors to code on the disk.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use prost::Message;
use prost_build::{Config, Module};
use prost_types::FileDescriptorSet;
use protox::prost_reflect::DescriptorPool;

use crate::builder::Builder;
use crate::caught::caught;
use crate::check::{self, Suspect};
use crate::compiler::{self, Compiled};
use crate::docs;
use crate::error::Error;
use crate::generator::Generator;
use crate::outputs;

/// Compiles `protos`, or reads what has been compiled before, and generates the code.
pub(crate) fn from_files(
    builder: Builder,
    mut config: Config,
    protos: &[PathBuf],
    mut includes: Vec<PathBuf>,
) -> Result<(), Error> {
    if includes.is_empty() {
        let directories = protos.iter().filter_map(|proto| proto.parent());
        includes.extend(directories.map(Path::to_owned));
        includes.dedup();
    }
    for argument in &builder.protoc_args {
        config.protoc_arg(argument);
    }
    let compiled = if builder.skip_protoc_run {
        compiler::read(builder.file_descriptor_set_path.as_deref(), protos, &includes)?
    } else {
        compiler::compile(&mut config, protos, &includes)?
    };
    let Compiled { set, encoded, read } = compiled;
    if builder.emit_rerun_if_changed {
        let out = env::var_os("OUT_DIR").map(PathBuf::from);
        for path in watched(read, out.as_deref()) {
            println!("cargo:rerun-if-changed={}", path.display());
        }
        if cfg!(feature = "protoc") {
            println!("cargo:rerun-if-env-changed=PROTOC");
            println!("cargo:rerun-if-env-changed=PROTOC_INCLUDE");
        }
    }
    generate(builder, config, set, &encoded, &includes)
}

/// What cargo is to watch. What a build script has written itself, a descriptor set say, is newer than the script's start: watched, it
/// would make cargo run the script, and compile the crate, every time.
fn watched(read: Vec<PathBuf>, out: Option<&Path>) -> Vec<PathBuf> {
    read.into_iter().filter(|path| out.is_none_or(|out| !path.starts_with(out))).collect()
}

/// Generates the code of a set that somebody else has made.
pub(crate) fn from_descriptors(builder: Builder, config: Config, set: FileDescriptorSet) -> Result<(), Error> {
    let encoded = set.encode_to_vec();
    generate(builder, config, set, &encoded, &[])
}

fn generate(
    builder: Builder,
    mut config: Config,
    mut set: FileDescriptorSet,
    encoded: &[u8],
    includes: &[PathBuf],
) -> Result<(), Error> {
    check::check(&set, includes)?;
    check_references(&set, includes)?;
    if let Some(directory) = &builder.out_dir {
        config.out_dir(directory);
    }
    if let Some(name) = &builder.include_file {
        config.include_file(name);
    }
    for (proto_path, rust_path) in &builder.extern_paths {
        config.extern_path(proto_path, rust_path);
    }
    if builder.well_known_types {
        config.compile_well_known_types();
    }
    clean_comments(&mut set);
    check_messages(&mut config, &set, includes)?;
    if let Some(path) = builder.file_descriptor_set_path.filter(|_| !builder.skip_protoc_run) {
        fs::write(&path, encoded).map_err(|error| Error::new(format!("cannot write '{}': {error}", path.display())))?;
    }
    if builder.options.server || builder.options.client {
        config.service_generator(Box::new(Generator { options: builder.options }));
    }
    let packages: Vec<String> = set.file.iter().map(|file| file.package().to_owned()).collect();
    let directory = builder.out_dir.or_else(|| env::var_os("OUT_DIR").map(PathBuf::from));
    let written = caught(|| config.compile_fds(set)).map_err(|text| no_code(&text))?;
    written.map_err(|error| match &directory {
        Some(directory) => cannot_generate(directory, &error),
        None => Error::new(format!("{error}: call this from a build script, or set out_dir")),
    })?;
    match directory {
        Some(directory) => outputs::remember(&directory, packages.iter().map(String::as_str)),
        None => Ok(()),
    }
}

fn cannot_generate(directory: &Path, error: &io::Error) -> Error {
    Error::new(format!("cannot generate code in '{}': {error}", directory.display()))
}

fn no_code(reason: &str) -> Error {
    Error::new(format!("prost-build has no code for these messages: {reason}"))
}

/// Every name that is used is the name of something: a set need not come from a compiler.
fn check_references(set: &FileDescriptorSet, includes: &[PathBuf]) -> Result<(), Error> {
    let Err(error) = DescriptorPool::from_file_descriptor_set(set.clone()) else {
        return Ok(());
    };
    let file = error.file().map(|name| format!("{}: ", check::path_of(name, includes).display()));
    Err(Error::new(format!("{}{error}", file.unwrap_or_default())))
}

/// No two names of messages, fields and values become one in Rust. Whether what looks so is so, only prost knows, for
/// `config` may have other plans for a type.
fn check_messages(config: &mut Config, set: &FileDescriptorSet, includes: &[PathBuf]) -> Result<(), Error> {
    let mut suspects = check::suspects(set);
    if suspects.is_empty() {
        return Ok(());
    }
    let requests = set.file.iter().cloned().map(|mut file| {
        file.service.clear();
        (Module::from_protobuf_package_name(file.package()), file)
    });
    let requests = requests.collect();
    let code = match caught(|| config.generate(requests)) {
        Ok(Ok(modules)) => Some(modules.into_values().collect::<Vec<_>>().join("\n")),
        // The run that writes the code says why.
        Ok(Err(_)) => return Ok(()),
        Err(_) => None,
    };
    suspects.retain(|suspect| suspect.is_in(code.as_deref()));
    if suspects.is_empty() {
        return Ok(());
    }
    let line = |suspect: &Suspect| format!("{}:{}", check::path_of(&suspect.file, includes).display(), suspect.text);
    let lines: Vec<String> = suspects.iter().map(line).collect();
    Err(Error::new(lines.join("\n")))
}

/// Makes the comments of messages fit for doc comments. Those of services stay for the generator.
fn clean_comments(set: &mut FileDescriptorSet) {
    let infos = set.file.iter_mut().filter_map(|file| file.source_code_info.as_mut());
    for location in infos.flat_map(|info| &mut info.location) {
        if location.path.first() == Some(&6) {
            continue;
        }
        for comment in [&mut location.leading_comments, &mut location.trailing_comments] {
            let cleaned = comment.take().map(|comment| docs::comment_for_prost(&comment));
            *comment = cleaned.filter(|comment| !comment.is_empty());
        }
        for comment in &mut location.leading_detached_comments {
            *comment = docs::comment_without_controls(comment);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_does_not_watch_what_the_build_script_writes() {
        let read = ["proto/a.proto", "/target/out/set.bin", "/target/outer.bin"].map(PathBuf::from).to_vec();
        let kept = ["proto/a.proto", "/target/outer.bin"].map(PathBuf::from);
        assert_eq!(watched(read.clone(), Some(Path::new("/target/out"))), kept);
        assert_eq!(watched(read.clone(), None), read);
    }
}
