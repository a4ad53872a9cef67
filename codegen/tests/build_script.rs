//! The generator inside a build script: this program runs itself as one, with cargo's environment.
//!
//! It needs a `main` of its own because what `main` does with an error is part of what is tested.

use std::collections::BTreeSet;
use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// Set where this program is to be the build script; the value is the `.proto` file.
const SCRIPT: &str = "STOLID_TEST_PROTO";

const CHAT: &str = "
    syntax = \"proto3\";
    package chat.v1;
    import \"google/protobuf/timestamp.proto\";
    import \"rooms/room.proto\";
    service Chat { rpc Get(rooms.Room) returns (google.protobuf.Timestamp); }
";
const ROOM: &str = "syntax = \"proto3\"; package rooms; message Room {}";

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(proto) = env::var_os(SCRIPT) {
        stolid_build::compile_protos(PathBuf::from(proto))?;
        return Ok(());
    }
    println!("a valid file");
    a_valid_file();
    println!("a broken file");
    a_broken_file();
    println!("outside of cargo");
    outside_of_cargo();
    Ok(())
}

/// A crate with `proto/chat.proto` and `proto/rooms/room.proto`.
struct Crate {
    root: TempDir,
}

impl Crate {
    fn new(chat: &str) -> Self {
        let root = TempDir::new().unwrap();
        for directory in ["out", "bin", "proto/rooms"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        fs::write(root.path().join("proto/chat.proto"), chat).unwrap();
        fs::write(root.path().join("proto/rooms/room.proto"), ROOM).unwrap();
        Self { root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The build script as cargo would run it, on a machine with the `protoc` that the test wants.
    fn script(&self) -> Command {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .current_dir(self.root.path())
            .env(SCRIPT, "proto/chat.proto")
            .env("CARGO", "cargo")
            .env("OUT_DIR", self.path("out"))
            .env("RUST_BACKTRACE", "0")
            .env_remove("PROTOC_INCLUDE");
        self.install_protoc(&mut command);
        command
    }

    /// Without the feature: a `protoc` that only fails, which nobody may notice.
    #[cfg(not(feature = "protoc"))]
    fn install_protoc(&self, command: &mut Command) {
        write_program(&self.path("bin/protoc"), "#!/bin/sh\necho 'protoc was run' >&2\nexit 1\n");
        let path = env::var_os("PATH").unwrap_or_default();
        let paths = [self.path("bin")].into_iter().chain(env::split_paths(&path));
        command.env_remove("PROTOC").env("PATH", env::join_paths(paths).unwrap());
    }

    /// With the feature: a `protoc` that gives the descriptors which protox has made, or the error that there is.
    #[cfg(feature = "protoc")]
    fn install_protoc(&self, command: &mut Command) {
        use prost::Message;

        let mut compiler = protox::Compiler::new([self.path("proto")]).unwrap();
        compiler.include_imports(true).include_source_info(true);
        let compiled = compiler.open_file("chat.proto").map(|compiler| compiler.file_descriptor_set());
        let end = match compiled {
            Ok(set) => {
                fs::write(self.path("set.bin"), set.encode_to_vec()).unwrap();
                "while test $# -gt 0; do if test $1 = -o; then cp set.bin \"$2\"; fi; shift; done".to_owned()
            }
            Err(error) => format!("cat >&2 <<'END'\nproto/{error:?}\nEND\nexit 1"),
        };
        write_program(&self.path("bin/protoc"), &format!("#!/bin/sh\n{end}\n"));
        command.env("PROTOC", self.path("bin/protoc"));
    }
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn lines(output: &Output) -> BTreeSet<String> {
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(str::to_owned).collect()
}

fn a_valid_file() {
    let user = Crate::new(CHAT);
    let output = user.script().output().unwrap();

    assert!(output.status.success(), "{output:?}");
    // Every file that was read and lies on the disk, and nothing else.
    let mut expected = vec!["cargo:rerun-if-changed=proto/chat.proto", "cargo:rerun-if-changed=proto/rooms/room.proto"];
    if cfg!(feature = "protoc") {
        expected.extend(["cargo:rerun-if-env-changed=PROTOC", "cargo:rerun-if-env-changed=PROTOC_INCLUDE"]);
    }
    assert_eq!(lines(&output), expected.into_iter().map(str::to_owned).collect());
    let chat = fs::read_to_string(user.path("out/chat.v1.rs")).unwrap();
    assert!(chat.contains("request: ::stolid::Request<super::super::super::rooms::Room>"), "{chat}");
    assert!(user.path("out/rooms.rs").exists());
    assert!(!user.path("out/google.protobuf.rs").exists());
}

fn a_broken_file() {
    let user = Crate::new("syntax = \"proto3\";\nmessage A {\n  Missing b = 1;\n}\n");
    let output = user.script().output().unwrap();

    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    // One readable message, neither escaped nor wrapped into the names of types.
    assert!(text.starts_with("Error: "), "{text}");
    assert!(text.contains("proto/chat.proto:3:3: name 'Missing' is not defined\n"), "{text}");
    assert!(!text.contains("\\n") && !text.contains('{') && !text.contains("Custom"), "{text}");
}

fn outside_of_cargo() {
    let user = Crate::new(CHAT);
    let output = user.script().env_remove("OUT_DIR").env_remove("CARGO").output().unwrap();

    assert_eq!(output.status.code(), Some(1));
    assert_eq!(lines(&output), BTreeSet::new());
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "Error: OUT_DIR environment variable is not set: call this from a build script, or set out_dir\n"
    );
}
