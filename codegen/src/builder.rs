//! `Builder`: what to generate and where to.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use prost::Message;
use prost_build::{Config, ServiceGenerator};
use prost_types::FileDescriptorSet;

use crate::check::check;
use crate::compiler::{self, Compiled};
use crate::docs;
use crate::error::Error;
use crate::generator::Generator;
use crate::options::Options;
use crate::outputs;

/// Options of the generation, from [`configure`](crate::configure).
///
/// How messages look is prost's matter: give a [`Config`] with attributes, derives, `bytes` and `btree_map` fields to
/// [`compile_protos_with_config`](Self::compile_protos_with_config).
#[derive(Debug, Clone)]
#[must_use = "nothing is generated before a function whose name begins with `compile` is called"]
pub struct Builder {
    options: Options,
    out_dir: Option<PathBuf>,
    include_file: Option<PathBuf>,
    file_descriptor_set_path: Option<PathBuf>,
    extern_paths: Vec<(String, String)>,
    emit_rerun_if_changed: bool,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            options: Options::default(),
            out_dir: None,
            include_file: None,
            file_descriptor_set_path: None,
            extern_paths: Vec::new(),
            // Under cargo the lines go to cargo; anywhere else they would only be noise.
            emit_rerun_if_changed: env::var_os("CARGO").is_some(),
        }
    }

    /// Whether there are clients. On by default.
    pub fn build_client(mut self, enable: bool) -> Self {
        self.options.client = enable;
        self
    }

    /// Whether there are traits and servers. On by default.
    pub fn build_server(mut self, enable: bool) -> Self {
        self.options.server = enable;
        self
    }

    /// Where the code goes. Without it, to cargo's `OUT_DIR`.
    pub fn out_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(directory.into());
        self
    }

    /// The name of one more file, which includes all the others in modules nested as the packages are.
    ///
    /// Packages that use each other's messages need just this nesting.
    pub fn include_file(mut self, name: impl Into<PathBuf>) -> Self {
        self.include_file = Some(name.into());
        self
    }

    /// Where to write the descriptors of all files, the imported ones too, for example for server reflection.
    pub fn file_descriptor_set_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.file_descriptor_set_path = Some(path.into());
        self
    }

    /// Uses the types below `rust_path` for what `proto_path` names, and generates no code for them.
    ///
    /// `proto_path` is a package or message from a leading dot on, `.chat.v1`; `rust_path` must mean the same in any
    /// module, as `::rooms::v1` and `crate::rooms::v1` do.
    pub fn extern_path(mut self, proto_path: impl Into<String>, rust_path: impl Into<String>) -> Self {
        self.extern_paths.push((proto_path.into(), rust_path.into()));
        self
    }

    /// Whether cargo is told to run the build script again when one of the `.proto` files has changed. On by default
    /// where cargo runs.
    pub fn emit_rerun_if_changed(mut self, enable: bool) -> Self {
        self.emit_rerun_if_changed = enable;
        self
    }

    /// Whether a call that a server's type does not implement answers `UNIMPLEMENTED`; otherwise it is a compile error.
    /// Off by default.
    pub fn generate_default_stubs(mut self, enable: bool) -> Self {
        self.options.default_stubs = enable;
        self
    }

    /// Whether handlers take `self: Arc<Self>`, so that they can give it to threads of their own. Off by default, when
    /// they take `&self`.
    pub fn use_arc_self(mut self, enable: bool) -> Self {
        self.options.arc_self = enable;
        self
    }

    /// Leaves out the comments of a service or method, for example `chat.v1.Chat` or `.chat.v1.Chat.GetRoom`; `.` is
    /// everything. The comments of messages are prost's: [`Config::disable_comments`].
    pub fn disable_comments(mut self, path: impl Into<String>) -> Self {
        self.options.without_comments.push(path.into());
        self
    }

    /// Puts `attribute` above the server module of the services that `path` fits, as in
    /// `server_mod_attribute(".", r#"#[cfg(feature = "server")]"#)`.
    ///
    /// A path with a leading dot is a package or service from its beginning on (`.chat.v1`), `.` is every service, and a
    /// path without one is the end of a name (`Chat`).
    pub fn server_mod_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.options.server_module.push(path, attribute);
        self
    }

    /// Puts `attribute` above the client module of the services that `path` fits; see
    /// [`server_mod_attribute`](Self::server_mod_attribute).
    pub fn client_mod_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.options.client_module.push(path, attribute);
        self
    }

    /// Puts `attribute` above the server structs of the services that `path` fits; see
    /// [`server_mod_attribute`](Self::server_mod_attribute).
    pub fn server_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.options.server_struct.push(path, attribute);
        self
    }

    /// Puts `attribute` above the client structs of the services that `path` fits; see
    /// [`server_mod_attribute`](Self::server_mod_attribute).
    pub fn client_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.options.client_struct.push(path, attribute);
        self
    }

    /// Puts `attribute` above the traits of the services that `path` fits, for example one that makes a mock; see
    /// [`server_mod_attribute`](Self::server_mod_attribute).
    pub fn trait_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.options.r#trait.push(path, attribute);
        self
    }

    /// The generator of services alone, for a [`Config`] that is run by other means than this builder.
    pub fn service_generator(self) -> Box<dyn ServiceGenerator> {
        Box::new(Generator { options: self.options })
    }

    /// Generates the code of `protos` and of all that they import.
    ///
    /// Imports are looked for in `includes`; each of `protos` must be in one of them. Without any, the directories of
    /// the files themselves are taken.
    ///
    /// # Errors
    ///
    /// A file is missing, is not valid, has no equivalent in Rust, or cannot be written.
    pub fn compile_protos(self, protos: &[impl AsRef<Path>], includes: &[impl AsRef<Path>]) -> Result<(), Error> {
        self.compile_protos_with_config(Config::new(), protos, includes)
    }

    /// Does what [`compile_protos`](Self::compile_protos) does, with messages as `config` wants them.
    ///
    /// What is set here comes before what `config` says about the same. Its own service generator is replaced.
    ///
    /// # Errors
    ///
    /// As for [`compile_protos`](Self::compile_protos).
    pub fn compile_protos_with_config(
        self,
        mut config: Config,
        protos: &[impl AsRef<Path>],
        includes: &[impl AsRef<Path>],
    ) -> Result<(), Error> {
        let protos: Vec<PathBuf> = protos.iter().map(|path| path.as_ref().to_owned()).collect();
        let mut includes: Vec<PathBuf> = includes.iter().map(|path| path.as_ref().to_owned()).collect();
        if includes.is_empty() {
            let directories = protos.iter().filter_map(|proto| proto.parent());
            includes.extend(directories.map(Path::to_owned));
            includes.dedup();
        }
        let Compiled { set, encoded, read } = compiler::compile(&mut config, &protos, &includes)?;
        if self.emit_rerun_if_changed {
            for path in read {
                println!("cargo:rerun-if-changed={}", path.display());
            }
            if cfg!(feature = "protoc") {
                println!("cargo:rerun-if-env-changed=PROTOC");
                println!("cargo:rerun-if-env-changed=PROTOC_INCLUDE");
            }
        }
        self.generate(config, set, &encoded, &includes)
    }

    /// Generates the code of descriptors that something else has compiled. They must contain what they import.
    ///
    /// # Errors
    ///
    /// The descriptors have no equivalent in Rust, or the code cannot be written.
    pub fn compile_fds(self, set: FileDescriptorSet) -> Result<(), Error> {
        self.compile_fds_with_config(Config::new(), set)
    }

    /// Does what [`compile_fds`](Self::compile_fds) does, with messages as `config` wants them.
    ///
    /// # Errors
    ///
    /// As for [`compile_fds`](Self::compile_fds).
    pub fn compile_fds_with_config(self, config: Config, set: FileDescriptorSet) -> Result<(), Error> {
        let encoded = set.encode_to_vec();
        self.generate(config, set, &encoded, &[])
    }

    fn generate(
        self,
        mut config: Config,
        mut set: FileDescriptorSet,
        encoded: &[u8],
        includes: &[PathBuf],
    ) -> Result<(), Error> {
        check(&set, includes)?;
        if let Some(path) = &self.file_descriptor_set_path {
            fs::write(path, encoded)
                .map_err(|error| Error::new(format!("cannot write '{}': {error}", path.display())))?;
        }
        if let Some(directory) = &self.out_dir {
            config.out_dir(directory);
        }
        if let Some(name) = &self.include_file {
            config.include_file(name);
        }
        for (proto_path, rust_path) in &self.extern_paths {
            config.extern_path(proto_path, rust_path);
        }
        let directory = self.out_dir.or_else(|| env::var_os("OUT_DIR").map(PathBuf::from));
        if self.options.server || self.options.client {
            config.service_generator(Box::new(Generator { options: self.options }));
        }
        clean_comments(&mut set);
        let packages: Vec<String> = set.file.iter().map(|file| file.package().to_owned()).collect();
        config.compile_fds(set).map_err(|error| match &directory {
            Some(directory) => cannot_generate(directory, &error),
            None => Error::new(format!("{error}: call this from a build script, or set out_dir")),
        })?;
        match directory {
            Some(directory) => outputs::remember(&directory, packages.iter().map(String::as_str)),
            None => Ok(()),
        }
    }
}

fn cannot_generate(directory: &Path, error: &io::Error) -> Error {
    Error::new(format!("cannot generate code in '{}': {error}", directory.display()))
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
