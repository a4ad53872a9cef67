//! `Builder`: what to generate and where to.

use std::env;
use std::path::{Path, PathBuf};

use prost_build::{Config, ServiceGenerator};
use prost_types::FileDescriptorSet;

use crate::error::Error;
use crate::generation;
use crate::generator::Generator;
use crate::options::Options;

/// Options of the generation, from [`configure`](crate::configure).
///
/// How messages look is prost's matter: give a [`Config`] with attributes, derives, `bytes` and `btree_map` fields to
/// [`compile_protos_with_config`](Self::compile_protos_with_config).
#[derive(Debug, Clone)]
#[must_use = "nothing is generated before a function whose name begins with `compile` is called"]
pub struct Builder {
    pub(crate) options: Options,
    pub(crate) out_dir: Option<PathBuf>,
    pub(crate) include_file: Option<PathBuf>,
    pub(crate) file_descriptor_set_path: Option<PathBuf>,
    pub(crate) skip_protoc_run: bool,
    pub(crate) extern_paths: Vec<(String, String)>,
    pub(crate) well_known_types: bool,
    pub(crate) protoc_args: Vec<String>,
    pub(crate) emit_rerun_if_changed: bool,
}

/// What is generated.
impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            options: Options::default(),
            out_dir: None,
            include_file: None,
            file_descriptor_set_path: None,
            skip_protoc_run: false,
            extern_paths: Vec::new(),
            well_known_types: false,
            protoc_args: Vec::new(),
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

    /// Compiles clients only with a feature of the crate that includes the code: their modules get
    /// `#[cfg(feature = "…")]`.
    ///
    /// # Examples
    ///
    /// With `client = []` and `server = []` below `[features]` in `Cargo.toml`:
    ///
    /// ```no_run
    /// # fn main() -> Result<(), stolid_build::Error> {
    /// stolid_build::configure()
    ///     .client_feature("client")
    ///     .server_feature("server")
    ///     .compile_protos(&["proto/chat.proto"], &["proto"])?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn client_feature(mut self, feature: impl Into<String>) -> Self {
        self.options.client_feature = Some(feature.into());
        self
    }

    /// Compiles traits and servers only with a feature of the crate that includes the code; see
    /// [`client_feature`](Self::client_feature).
    pub fn server_feature(mut self, feature: impl Into<String>) -> Self {
        self.options.server_feature = Some(feature.into());
        self
    }

    /// Whether there is a trait with the calls of each client, for code that is to be tested without a server. Off by
    /// default.
    ///
    /// For `service Chat` it is `chat_client::ChatApi`, beside `ChatClient`, which implements it; no message and no other
    /// service has a name in that module. Its functions have the names of the client's, and take a `Request`, so that
    /// `&dyn ChatApi` works. With
    /// [`generate_default_stubs`](Self::generate_default_stubs), an implementation needs only the calls that are made.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> Result<(), stolid_build::Error> {
    /// stolid_build::configure().client_trait(true).compile_protos(&["proto/chat.proto"], &["proto"])?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// In the crate, and in its tests:
    ///
    /// ```text
    /// fn people(chat: &dyn ChatApi) -> Result<u32, Status> {
    ///     Ok(chat.get_room(Request::new(GetRoom { name: "hall".into() }))?.into_inner().people)
    /// }
    ///
    /// struct EmptyRooms;
    ///
    /// impl ChatApi for EmptyRooms {
    ///     fn get_room(&self, request: Request<GetRoom>) -> Result<Response<Room>, Status> {
    ///         Ok(Response::new(Room { name: request.into_inner().name, people: 0 }))
    ///     }
    ///
    ///     fn watch(&self, _: Request<Watch>) -> Result<Streaming<Event>, Status> {
    ///         Ok(Streaming::from_iter([Ok(Event::default())]))
    ///     }
    /// }
    ///
    /// assert_eq!(people(&EmptyRooms).unwrap(), 0);
    /// ```
    ///
    /// Calls with a stream of requests have no such short form: for those, start a server on port 0.
    pub fn client_trait(mut self, enable: bool) -> Self {
        self.options.client_trait = enable;
        self
    }

    /// Whether a call that a server's type does not implement answers `UNIMPLEMENTED`; otherwise it is a compile error.
    /// Off by default. The same goes for the trait of [`client_trait`](Self::client_trait).
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

    /// The type that turns messages into bytes and back, in place of `stolid::codec::ProstCodec`.
    ///
    /// It must implement `stolid::codec::Codec<T>` for every request and response, and `path` must mean the same in any
    /// module, as `crate::json::JsonCodec` and `::stolid::codec::BytesCodec` do.
    ///
    /// # Examples
    ///
    /// Messages go over the wire as JSON, made by a type of this crate:
    ///
    /// ```no_run
    /// # fn main() -> Result<(), stolid_build::Error> {
    /// let mut config = stolid_build::Config::new();
    /// config.type_attribute(".", "#[derive(serde::Serialize, serde::Deserialize)]");
    /// stolid_build::configure()
    ///     .codec_path("crate::json::JsonCodec")
    ///     .compile_protos_with_config(config, &["proto/chat.proto"], &["proto"])?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn codec_path(mut self, path: impl Into<String>) -> Self {
        self.options.codec = Some(path.into());
        self
    }

    /// Whether the package is part of the paths of calls, as gRPC has it: `/chat.v1.Chat/GetRoom`. On by default;
    /// without it, the path is `/Chat/GetRoom`. Names in Rust do not change.
    pub fn emit_package(mut self, enable: bool) -> Self {
        self.options.emit_package = enable;
        self
    }

    /// Leaves out the comments of services or methods, for example `["chat.v1.Chat", ".chat.v1.Chat.GetRoom"]`; `.` is
    /// everything. The comments of messages are prost's: [`Config::disable_comments`].
    pub fn disable_comments(mut self, paths: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.options.without_comments.extend(paths.into_iter().map(Into::into));
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

    /// Puts `attribute` above the traits that servers implement, for the services that `path` fits; see
    /// [`server_mod_attribute`](Self::server_mod_attribute).
    pub fn trait_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.options.r#trait.push(path, attribute);
        self
    }

    /// Puts `attribute` above the traits of [`client_trait`](Self::client_trait), for the services that `path` fits; see
    /// [`server_mod_attribute`](Self::server_mod_attribute).
    ///
    /// # Examples
    ///
    /// The [mockall](https://docs.rs/mockall) of a crate's tests makes `chat_client::MockChatApi`:
    ///
    /// ```no_run
    /// # fn main() -> Result<(), stolid_build::Error> {
    /// stolid_build::configure()
    ///     .client_trait(true)
    ///     .client_trait_attribute(".", "#[cfg_attr(test, ::mockall::automock)]")
    ///     .compile_protos(&["proto/chat.proto"], &["proto"])?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn client_trait_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.options.client_traits.push(path, attribute);
        self
    }

    /// Uses the types below `rust_path` for what `proto_path` names, and generates no code for them.
    ///
    /// `proto_path` is a package or message from a leading dot on, `.chat.v1`; `rust_path` must mean the same in any
    /// module, as `::rooms::v1` and `crate::rooms::v1` do. It may be any type, also `()` or `u32`, that the codec of the
    /// service can take.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> Result<(), stolid_build::Error> {
    /// stolid_build::configure()
    ///     .extern_path(".rooms.v1", "::rooms::v1")
    ///     .compile_protos(&["proto/chat/v1/chat.proto"], &["proto"])?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn extern_path(mut self, proto_path: impl Into<String>, rust_path: impl Into<String>) -> Self {
        self.extern_paths.push((proto_path.into(), rust_path.into()));
        self
    }

    /// Whether the messages of `google.protobuf` are generated like any others, in the file `google.protobuf.rs`. Off by
    /// default, when `Empty` is `()`, wrappers like `StringValue` are what they wrap, and the rest is that of
    /// `prost_types`.
    pub fn compile_well_known_types(mut self, enable: bool) -> Self {
        self.well_known_types = enable;
        self
    }

    /// The module with the messages of the services' package, as seen from inside the generated modules. `super` by
    /// default, which is right for generated files; a [`service_generator`](Self::service_generator) whose output is put
    /// elsewhere may need, for example, `crate::chat::v1`.
    pub fn proto_path(mut self, path: impl Into<String>) -> Self {
        self.options.messages = path.into();
        self
    }
}

/// From where, and where to.
impl Builder {
    /// Where the code goes. Without it, to cargo's `OUT_DIR`.
    pub fn out_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(directory.into());
        self
    }

    /// The name of one more file, which includes all the others in modules nested as the packages are.
    ///
    /// Packages that use each other's messages need just this nesting.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> Result<(), stolid_build::Error> {
    /// stolid_build::configure()
    ///     .include_file("protos.rs")
    ///     .compile_protos(&["proto/chat/v1/chat.proto", "proto/rooms/v1/rooms.proto"], &["proto"])?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// In the crate, where `protos::chat::v1` and `protos::rooms::v1` are then:
    ///
    /// ```text
    /// mod protos {
    ///     include!(concat!(env!("OUT_DIR"), "/protos.rs"));
    /// }
    /// ```
    pub fn include_file(mut self, name: impl Into<PathBuf>) -> Self {
        self.include_file = Some(name.into());
        self
    }

    /// Where to write the descriptors of all files, the imported ones too, for example for server reflection.
    pub fn file_descriptor_set_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.file_descriptor_set_path = Some(path.into());
        self
    }

    /// Reads descriptors from [`file_descriptor_set_path`](Self::file_descriptor_set_path), which something else has
    /// written, in place of compiling the `.proto` files.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> Result<(), stolid_build::Error> {
    /// stolid_build::configure()
    ///     .file_descriptor_set_path("proto/chat.bin")
    ///     .skip_protoc_run()
    ///     .compile_protos(&["proto/chat.proto"], &["proto"])?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn skip_protoc_run(mut self) -> Self {
        self.skip_protoc_run = true;
        self
    }

    /// One more argument for `protoc`.
    #[cfg(feature = "protoc")]
    pub fn protoc_arg(mut self, argument: impl Into<String>) -> Self {
        self.protoc_args.push(argument.into());
        self
    }

    /// Whether cargo is told to run the build script again when one of the `.proto` files has changed. On by default
    /// where cargo runs.
    pub fn emit_rerun_if_changed(mut self, enable: bool) -> Self {
        self.emit_rerun_if_changed = enable;
        self
    }

    /// The generator of services alone, for a [`Config`] that is run by other means than this builder.
    ///
    /// Of the options, those about services have an effect, those about files and messages have none.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> std::io::Result<()> {
    /// prost_build::Config::new()
    ///     .bytes(["."])
    ///     .service_generator(stolid_build::configure().build_server(false).service_generator())
    ///     .compile_protos(&["proto/chat.proto"], &["proto"])?;
    /// # Ok(())
    /// # }
    /// ```
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
    /// What is set here comes before what `config` says about the same, and its own service generator is replaced.
    /// Without the feature `protoc`, what it says about protoc and descriptor sets has no effect.
    ///
    /// # Errors
    ///
    /// As for [`compile_protos`](Self::compile_protos).
    pub fn compile_protos_with_config(
        self,
        config: Config,
        protos: &[impl AsRef<Path>],
        includes: &[impl AsRef<Path>],
    ) -> Result<(), Error> {
        let protos: Vec<PathBuf> = protos.iter().map(|path| path.as_ref().to_owned()).collect();
        let includes: Vec<PathBuf> = includes.iter().map(|path| path.as_ref().to_owned()).collect();
        generation::from_files(self, config, &protos, includes)
    }

    /// Generates the code of descriptors that something else has compiled. They must contain what they import.
    ///
    /// # Errors
    ///
    /// The descriptors are not whole, have no equivalent in Rust, or the code cannot be written.
    pub fn compile_fds(self, set: FileDescriptorSet) -> Result<(), Error> {
        self.compile_fds_with_config(set, Config::new())
    }

    /// Does what [`compile_fds`](Self::compile_fds) does, with messages as `config` wants them.
    ///
    /// # Errors
    ///
    /// As for [`compile_fds`](Self::compile_fds).
    pub fn compile_fds_with_config(self, set: FileDescriptorSet, config: Config) -> Result<(), Error> {
        generation::from_descriptors(self, config, set)
    }
}
