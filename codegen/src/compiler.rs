//! From `.proto` files to descriptors: by protox, or by the installed protoc with the feature `protoc`.

use std::fs;
use std::path::{Path, PathBuf};

use prost::Message;
use prost_build::Config;
use prost_types::{FileDescriptorProto, FileDescriptorSet};

use crate::error::Error;

/// What the `.proto` files say, and which they were.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) set: FileDescriptorSet,
    /// The same in protobuf's encoding, with the options that `prost_types` does not know.
    pub(crate) encoded: Vec<u8>,
    /// Each file that was read, the imported ones too.
    pub(crate) read: Vec<PathBuf>,
}

/// Compiles `protos` and what they import. `config` tells where protoc is and what it is to be told; protox needs
/// none of it.
pub(crate) fn compile(config: &mut Config, protos: &[PathBuf], includes: &[PathBuf]) -> Result<Compiled, Error> {
    let missing: Vec<String> = protos
        .iter()
        .filter(|proto| !exists(proto, includes))
        .map(|proto| format!("{}: no such file", proto.display()))
        .collect();
    if !missing.is_empty() {
        return Err(Error::new(missing.join("\n")));
    }
    let compiled = run(config, protos, includes)?;
    let empty: Vec<String> = protos
        .iter()
        .filter(|proto| compiled.set.file.iter().any(|file| is_empty(file) && is_file(file, proto, includes)))
        .map(|proto| format!("{}: the file is empty", proto.display()))
        .collect();
    if empty.is_empty() { Ok(compiled) } else { Err(Error::new(empty.join("\n"))) }
}

/// Whether `file` says nothing at all, which hardly anybody means.
fn is_empty(file: &FileDescriptorProto) -> bool {
    file.package.is_none()
        && file.dependency.is_empty()
        && file.message_type.is_empty()
        && file.enum_type.is_empty()
        && file.service.is_empty()
        && file.extension.is_empty()
}

/// Whether `proto`, a path, is what `file` was compiled from.
fn is_file(file: &FileDescriptorProto, proto: &Path, includes: &[PathBuf]) -> bool {
    let names = includes.iter().filter_map(|include| proto.strip_prefix(include).ok()).chain([proto]);
    let mut names = names.map(|name| name.to_string_lossy().replace('\\', "/"));
    names.any(|name| file.name() == name)
}

/// Reads the descriptors at `path` in place of compiling `protos`, which must be among them.
pub(crate) fn read(path: Option<&Path>, protos: &[PathBuf], includes: &[PathBuf]) -> Result<Compiled, Error> {
    let Some(path) = path else {
        return Err(Error::new("skip_protoc_run needs file_descriptor_set_path, where the descriptors are"));
    };
    let encoded = fs::read(path).map_err(|error| Error::new(format!("cannot read '{}': {error}", path.display())))?;
    let set = FileDescriptorSet::decode(&*encoded).map_err(|error| {
        Error::new(format!("'{}' has no descriptors in protobuf's encoding: {error}", path.display()))
    })?;
    let missing: Vec<String> = protos
        .iter()
        .filter(|proto| !set.file.iter().any(|file| is_file(file, proto, includes)))
        .map(|proto| format!("{}: not in the descriptors of '{}'", proto.display(), path.display()))
        .collect();
    if !missing.is_empty() {
        return Err(Error::new(missing.join("\n")));
    }
    Ok(Compiled { set, encoded, read: vec![path.to_owned()] })
}

/// Whether `proto` can be found as a path or, like an import, in an include directory.
fn exists(proto: &Path, includes: &[PathBuf]) -> bool {
    proto.is_file() || includes.iter().any(|include| include.join(proto).is_file())
}

/// Runs protox on a thread of its own, with a stack that the deepest file does not fill.
#[cfg(not(feature = "protoc"))]
fn run(_config: &mut Config, protos: &[PathBuf], includes: &[PathBuf]) -> Result<Compiled, Error> {
    use std::{panic, thread};

    let builder = thread::Builder::new().name("protox".to_owned()).stack_size(crate::nesting::STACK_SIZE);
    thread::scope(|scope| {
        let thread = builder.spawn_scoped(scope, || run_protox(protos, includes));
        let thread = thread.map_err(|error| Error::new(format!("cannot start a thread: {error}")))?;
        thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic))
    })
}

#[cfg(not(feature = "protoc"))]
fn run_protox(protos: &[PathBuf], includes: &[PathBuf]) -> Result<Compiled, Error> {
    use protox::file::{ChainFileResolver, GoogleFileResolver};

    let failed = |error: protox::Error| Error::new(crate::diagnostic::describe(&error, includes));
    let mut files = ChainFileResolver::new();
    for include in includes {
        files.add(crate::nesting::ShallowFiles::new(include));
    }
    files.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(files);
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(protos).map_err(failed)?;
    Ok(Compiled {
        set: compiler.file_descriptor_set(),
        encoded: compiler.encode_file_descriptor_set(),
        read: compiler.files().filter_map(|file| file.path()).map(Path::to_owned).collect(),
    })
}

#[cfg(feature = "protoc")]
fn run(config: &mut Config, protos: &[PathBuf], includes: &[PathBuf]) -> Result<Compiled, Error> {
    // protoc takes the empty path for no path at all.
    let named = includes.iter().map(|include| match include.to_str() {
        Some("") => PathBuf::from("."),
        _ => include.clone(),
    });
    let named: Vec<PathBuf> = named.collect();
    let set = config.load_fds(protos, &named).map_err(|error| Error::new(error.to_string().trim_end()))?;
    let paths = set.file.iter().map(|file| crate::check::path_of(file.name(), includes));
    Ok(Compiled { encoded: set.encode_to_vec(), read: paths.filter(|path| path.is_file()).collect(), set })
}
