//! From `.proto` files to descriptors: by protox, or by the installed protoc with the feature `protoc`.

use std::path::{Path, PathBuf};

use prost_build::Config;
use prost_types::FileDescriptorSet;

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
    run(config, protos, includes)
}

/// Whether `proto` can be found as a path or, like an import, in an include directory.
fn exists(proto: &Path, includes: &[PathBuf]) -> bool {
    proto.is_file() || includes.iter().any(|include| include.join(proto).is_file())
}

#[cfg(not(feature = "protoc"))]
fn run(_config: &mut Config, protos: &[PathBuf], includes: &[PathBuf]) -> Result<Compiled, Error> {
    let failed = |error: protox::Error| Error::new(crate::diagnostic::describe(&error, includes));
    let mut compiler = protox::Compiler::new(includes).map_err(failed)?;
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
    use prost::Message;

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
