//! Remembers what this process has generated: a package belongs into one file, so a second call that brings other
//! files of the same package would overwrite what the first call wrote.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use prost_build::Module;

use crate::error::Error;

/// The text of each file that has been generated.
static WRITTEN: Mutex<BTreeMap<PathBuf, String>> = Mutex::new(BTreeMap::new());

/// The name that prost-build gives to the file of `package`.
pub(crate) fn file_name(package: &str) -> String {
    Module::from_protobuf_package_name(package).to_file_name_or("_")
}

/// Remembers the files of `packages` in `directory`, after they have been written. Fails if an earlier call wrote one
/// of them with another text, which is lost by now.
pub(crate) fn remember<'a>(directory: &Path, packages: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let mut written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    for package in packages {
        let path = directory.join(file_name(package));
        // Not every package gets a file: an imported one may come from another crate.
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let name = if package.is_empty() { "no package".to_owned() } else { format!("package '{package}'") };
        if let Some(earlier) = written.insert(path, text.clone())
            && earlier != text
        {
            return Err(Error::new(format!(
                "the code of {name} has been generated twice, and the second call replaced what the first had \
                 written: give all .proto files of a package to one call of compile_protos"
            )));
        }
    }
    Ok(())
}
