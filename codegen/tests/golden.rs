//! The generated code of `golden/*.proto` against `golden/*.rs`.
//!
//! On a mismatch the new code is written and the test fails: look at the difference, and commit it if it is meant.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use protox::Compiler;
use stolid_build::Builder;

/// Generates `protos` as `builder` says and compares each file with the one in `golden`.
#[track_caller]
fn compare(golden: &Path, protos: &[PathBuf], builder: Builder) {
    let out = tempfile::tempdir().unwrap();
    let mut compiler = Compiler::new([golden]).unwrap();
    compiler.include_imports(true).include_source_info(true).open_files(protos).unwrap();
    builder.out_dir(out.path()).compile_fds(compiler.file_descriptor_set()).unwrap();

    let generated = rust_files(out.path());
    let expected = rust_files(golden);
    for (name, text) in &generated {
        if expected.get(name) != Some(text) {
            fs::write(golden.join(name), text).unwrap();
        }
    }
    let different: Vec<&String> =
        generated.iter().filter(|(name, text)| expected.get(*name) != Some(*text)).map(|(name, _)| name).collect();
    assert!(different.is_empty(), "written anew, look at the difference: {different:?}");
    let stale: Vec<&String> = expected.keys().filter(|name| !generated.contains_key(*name)).collect();
    assert!(stale.is_empty(), "no .proto file makes these: {stale:?}");
}

/// The texts of the `.rs` files in `directory`, with line ends as on Unix.
fn rust_files(directory: &Path) -> BTreeMap<String, String> {
    files(directory, "rs")
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap().replace("\r\n", "\n"))
        })
        .collect()
}

fn files(directory: &Path, extension: &str) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(move |path| path.extension().is_some_and(|found| found == extension))
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

#[test]
fn services() {
    let mut protos: Vec<PathBuf> = files(&golden(), "proto").collect();
    protos.sort();

    assert_eq!(protos.len(), 14, "{protos:?}");
    compare(&golden(), &protos, stolid_build::configure());
}

#[test]
fn options() {
    let builder = stolid_build::configure()
        .generate_default_stubs(true)
        .use_arc_self(true)
        .client_trait(true)
        .client_trait_attribute("Optional", "#[doc(alias = \"mock\")]")
        .client_feature("client")
        .server_feature("server")
        .codec_path("crate::codec::Flipped")
        .emit_package(false)
        .disable_comments(["options.Optional"])
        .server_mod_attribute(".", "#[cfg(not(no_server))]")
        .client_mod_attribute(".options", "#[cfg(not(no_client))]")
        .server_attribute("Optional", "#[doc(alias = \"OptionalService\")]")
        .client_attribute("Optional", "#[doc(alias = \"OptionalStub\")]")
        .client_attribute("Other", "#[derive(Nothing)]")
        .trait_attribute("options.Optional", "#[automock]");

    compare(&golden().join("options"), &[golden().join("options/options.proto")], builder);
}

#[test]
fn halves() {
    for (server, client) in [(true, false), (false, true), (false, false)] {
        let out = tempfile::tempdir().unwrap();
        let mut compiler = Compiler::new([golden()]).unwrap();
        compiler.include_imports(true).open_file(golden().join("kinds.proto")).unwrap();
        stolid_build::configure()
            .build_server(server)
            .build_client(client)
            .out_dir(out.path())
            .compile_fds(compiler.file_descriptor_set())
            .unwrap();

        let text = fs::read_to_string(out.path().join("kinds.v1.rs")).unwrap();
        assert_eq!(text.contains("pub mod chat_server {"), server);
        assert_eq!(text.contains("pub mod chat_client {"), client);
        assert!(text.contains("pub struct Room {"));
    }
}
