//! How long the first build of a first program takes: a server with one method, release profile, nothing compiled before;
//! and how many crates it needs.
//!
//! The crates must be on the machine already (`cargo fetch`); nothing is loaded from elsewhere. tonic's generator is given what
//! `protoc` makes of the `.proto` file, ours reads the file itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Outcome;
use crate::lab::{Lab, Stack};
use crate::row::{Figure, Target};

const PROTO: &str = "syntax = \"proto3\";\npackage first.v1;\nservice First { rpc Greet(Word) returns (Word); }\n\
                     message Word { string text = 1; }\n";

const OUR_MANIFEST: &str = r#"
stolid = { path = "ROOT/runtime" }
prost = { version = "0.14", default-features = false, features = ["std", "derive"] }

[build-dependencies]
stolid-build = { path = "ROOT/codegen" }
"#;

const THEIR_MANIFEST: &str = r#"
prost = "0.14"
tokio = { version = "1", features = ["rt-multi-thread"] }
tonic = { version = "0.14", default-features = false, features = ["codegen", "router", "transport"] }
tonic-prost = "0.14"

[build-dependencies]
prost = "0.14"
prost-types = "0.14"
tonic-prost-build = { version = "0.14", default-features = false, features = ["transport"] }
"#;

const OUR_BUILD: &str = r#"fn main() { stolid_build::compile_protos("first.proto").expect("it can be generated"); }"#;

const THEIR_BUILD: &str = r#"
use prost::Message;
fn main() {
    let set = std::fs::read("first.bin").expect("it was made");
    let set = prost_types::FileDescriptorSet::decode(&set[..]).expect("it is a set");
    tonic_prost_build::configure().compile_fds(set).expect("it can be generated");
}
"#;

const OUR_MAIN: &str = r#"
mod first { stolid::include_proto!("first.v1"); }
use first::{Word, first_server::{First, FirstServer}};
struct Mine;
impl First for Mine {
    fn greet(&self, request: stolid::Request<Word>) -> Result<stolid::Response<Word>, stolid::Status> {
        Ok(stolid::Response::new(request.into_inner()))
    }
}
fn main() { stolid::Server::builder().add_service(FirstServer::new(Mine)).serve("127.0.0.1:0").expect("it serves"); }
"#;

const THEIR_MAIN: &str = r#"
mod first { tonic::include_proto!("first.v1"); }
use first::{Word, first_server::{First, FirstServer}};
struct Mine;
#[tonic::async_trait]
impl First for Mine {
    async fn greet(&self, request: tonic::Request<Word>) -> Result<tonic::Response<Word>, tonic::Status> {
        Ok(tonic::Response::new(request.into_inner()))
    }
}
fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("it starts");
    let server = tonic::transport::Server::builder().add_service(FirstServer::new(Mine));
    runtime.block_on(server.serve("127.0.0.1:0".parse().expect("an address"))).expect("it serves");
}
"#;

pub(super) fn rows(lab: &Lab) {
    let figures = [Figure::new("crates beside the library", "crates", Target::AtMost(36.0))];
    lab.compare("normal dependencies of a first server", &figures, crates);
    if lab.flags.build {
        let figures = [Figure::new("seconds", "s", Target::ShareAtMost(0.5))];
        lab.compare("cold release build of a first server", &figures, build);
    }
}

fn crates(stack: Stack) -> Outcome<Vec<f64>> {
    let folder = Folder::of_program(stack)?;
    let mut cargo = folder.cargo();
    let tree = cargo.args(["tree", "--offline", "--edges=normal", "--prefix=none", "--no-dedupe"]).output()?;
    if !tree.status.success() {
        return Err(format!("cargo tree: {}", String::from_utf8_lossy(&tree.stderr)).into());
    }
    let lines = String::from_utf8(tree.stdout)?;
    // The program and the library are none of what the library brings along.
    Ok(vec![BTreeSet::from_iter(lines.lines().filter(|line| !line.is_empty())).len() as f64 - 2.0])
}

fn build(stack: Stack) -> Outcome<Vec<f64>> {
    let folder = Folder::of_program(stack)?;
    let begun = Instant::now();
    let mut cargo = folder.cargo();
    let status = cargo.args(["build", "--release", "--offline", "--quiet"]).stdout(Stdio::null()).status()?;
    let time = begun.elapsed();
    if status.success() { Ok(vec![time.as_secs_f64()]) } else { Err(format!("cargo ends with {status}").into()) }
}

/// A package and what is built of it; removed when dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} is left: {error}", self.0.display());
        }
    }
}

impl Folder {
    fn of_program(stack: Stack) -> Outcome<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the package lies in a workspace")?;
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("first-{}", stack.word()));
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(folder.join("src"))?;
        let folder = Self(folder);
        write(&folder.0, root, stack)?;
        Ok(folder)
    }

    fn cargo(&self) -> Command {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(&self.0).env("CARGO_TARGET_DIR", self.0.join("target"));
        cargo
    }
}

/// Writes the package, with the versions that this workspace has.
fn write(folder: &Path, root: &Path, stack: Stack) -> Outcome {
    fs::write(folder.join("first.proto"), PROTO)?;
    let (manifest, build, main) = match stack {
        Stack::Stolid => (OUR_MANIFEST, OUR_BUILD, OUR_MAIN),
        Stack::Tonic => (THEIR_MANIFEST, THEIR_BUILD, THEIR_MAIN),
    };
    if stack == Stack::Tonic {
        let set = folder.join("first.bin");
        let generated = folder.join("generated");
        fs::create_dir_all(&generated)?;
        let generator = stolid_build::configure().file_descriptor_set_path(&set).out_dir(&generated);
        generator.compile_protos(&[folder.join("first.proto")], &[folder])?;
    }
    let head = "[package]\nname = \"first\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]";
    fs::write(folder.join("Cargo.toml"), format!("{head}{}", manifest.replace("ROOT", &root.to_string_lossy())))?;
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    fs::write(folder.join("build.rs"), build)?;
    fs::write(folder.join("src/main.rs"), main)?;
    Ok(())
}
