//! Generates one chat again and again, each time with another option. The tests are in `tests/options`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use stolid_build::{Builder, Config, configure};

/// The four kinds of calls, in the package `kinds.v1`.
const KINDS: &str = "../codegen/tests/golden/kinds.proto";

pub(crate) fn compile() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=options");
    kinds("trait", configure().client_trait(true).client_trait_attribute(".", "#[::mockall::automock]"))?;
    kinds("trait-stubs", configure().build_server(false).client_trait(true).generate_default_stubs(true))?;
    kinds("codec", configure().codec_path("crate::codec::Flipped"))?;
    kinds("no-package", configure().emit_package(false))?;
    kinds("client", configure().build_server(false))?;
    kinds("server", configure().build_client(false))?;
    kinds("messages", configure().build_client(false).build_server(false))?;
    kinds("features", configure().server_feature("generated-server").client_feature("generated-client"))?;
    kinds("proto-path", configure().proto_path("crate::generated::by_path"))?;
    let all = configure().client_trait(true).generate_default_stubs(true);
    kinds("extern", all.extern_path(".kinds.v1", "crate::generated::by_path"))?;
    attributes()?;
    messages_as_the_config_says()?;
    generator_alone()?;
    descriptors_from_a_file()?;
    well_known_types()?;
    bytes()
}

/// The directory of one set of options.
fn out(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let out = Path::new(&env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?).join("options").join(name);
    fs::create_dir_all(&out)?;
    Ok(out)
}

fn kinds(name: &str, builder: Builder) -> Result<(), Box<dyn Error>> {
    Ok(builder.out_dir(out(name)?).compile_protos(&[KINDS], &["../codegen/tests/golden"])?)
}

fn attributes() -> Result<(), Box<dyn Error>> {
    let builder = configure()
        .server_mod_attribute(".kinds.v1", "#[cfg(all())]")
        .client_mod_attribute("Other", "#[cfg(any())]")
        .trait_attribute("Chat", "#[::mockall::automock]")
        .server_attribute("kinds.v1.Chat", "#[deprecated = \"a server\"]")
        .client_attribute(".", "#[deprecated = \"a client\"]");
    kinds("attributes", builder)?;
    kinds("no-client", configure().client_mod_attribute(".", "#[cfg(any())]"))
}

fn messages_as_the_config_says() -> Result<(), Box<dyn Error>> {
    let mut config = Config::new();
    config
        .bytes([".kinds.v1.Chunk.data"])
        .type_attribute(".kinds.v1.Room", "#[derive(PartialOrd, Ord)]")
        .field_attribute(".kinds.v1.Room.people", "#[doc = \"At least none.\"]")
        .message_attribute(".kinds.v1.Said", "#[must_use]")
        .skip_debug([".kinds.v1.Said"])
        .enable_type_names();
    let builder = configure().out_dir(out("config")?);
    Ok(builder.compile_protos_with_config(config, &[KINDS], &["../codegen/tests/golden"])?)
}

/// prost's own run, with the generator of services as its guest.
fn generator_alone() -> Result<(), Box<dyn Error>> {
    let set = protox::compile(["kinds.proto"], ["../codegen/tests/golden"])?;
    let mut config = Config::new();
    config.bytes(["."]).out_dir(out("generator")?);
    config.service_generator(configure().client_trait(true).service_generator());
    Ok(config.compile_fds(set)?)
}

fn descriptors_from_a_file() -> Result<(), Box<dyn Error>> {
    let set = out("descriptors")?.join("set.bin");
    configure()
        .file_descriptor_set_path(&set)
        .out_dir(out("descriptors")?)
        .compile_fds(protox::compile(["kinds.proto"], ["../codegen/tests/golden"])?)?;
    kinds("from-descriptors", configure().file_descriptor_set_path(set).skip_protoc_run())
}

fn well_known_types() -> Result<(), Box<dyn Error>> {
    let builder = configure().compile_well_known_types(true).include_file("all.rs").out_dir(out("well-known")?);
    Ok(builder.compile_protos(&["../codegen/tests/golden/well_known.proto"], &["../codegen/tests/golden"])?)
}

/// A service whose messages are no messages of prost's: bytes as they are on the wire.
fn bytes() -> Result<(), Box<dyn Error>> {
    let builder = configure()
        .codec_path("::stolid::codec::BytesCodec")
        .extern_path(".options.bytes.Blob", "::bytes::Bytes")
        .out_dir(out("bytes")?);
    Ok(builder.compile_protos(&["options/bytes.proto"], &["options"])?)
}
