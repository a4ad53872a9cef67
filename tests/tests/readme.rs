//! What README shows is what runs here.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use stolid_tests::watchdog::watched;

const README: &str = include_str!("../../README.md");

/// README shows this file, to the letter.
#[track_caller]
fn is_shown(source: &str) {
    assert!(README.contains(&format!("```rust\n{source}```")), "README.md does not show this:\n{source}");
}

/// Ends the server with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        let _status = self.0.wait();
    }
}

#[test]
fn server_and_client_are_shown_and_talk_to_each_other() {
    is_shown(include_str!("../src/bin/readme-server.rs"));
    is_shown(include_str!("../src/bin/readme-client.rs"));
    watched(|| {
        let mut server =
            Running(Command::new(env!("CARGO_BIN_EXE_readme-server")).stdout(Stdio::piped()).spawn().unwrap());
        let mut line = String::new();
        BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("Listening on: ").expect("the server says where it listens");
        let client = Command::new(env!("CARGO_BIN_EXE_readme-client")).arg(address).output().unwrap();
        assert!(client.status.success(), "{client:?}");
        assert_eq!(String::from_utf8(client.stdout).unwrap(), "Hello, Ada!\nnumber 1\nnumber 2\nnumber 3\n");
    });
}

#[test]
fn programs_are_short() {
    for source in [include_str!("../src/bin/readme-server.rs"), include_str!("../src/bin/readme-client.rs")] {
        assert!(source.lines().count() <= 28, "{} lines", source.lines().count());
    }
}

#[test]
fn the_build_script_is_shown_and_generates_the_same_code() -> Result<(), Box<dyn Error>> {
    is_shown(include_str!("../src/bin/readme-build.rs"));
    let here = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme-build");
    let out = here.join("out");
    fs::create_dir_all(here.join("proto"))?;
    fs::create_dir_all(&out)?;
    fs::copy("../proto/hello/v1/hello.proto", here.join("proto/hello.proto"))?;
    let built = Command::new(env!("CARGO_BIN_EXE_readme-build")).current_dir(&here).env("OUT_DIR", &out).output()?;
    assert!(built.status.success(), "{built:?}");
    let generated = fs::read_to_string(out.join("hello.v1.rs"))?;
    assert_eq!(tokens(&generated), tokens(include_str!(concat!(env!("OUT_DIR"), "/hello.v1.rs"))));
    Ok(())
}

/// The code without its layout, which depends on whether another build dependency turns prost-build's formatter on.
fn tokens(code: &str) -> String {
    code.chars().filter(|c| !c.is_whitespace() && *c != ',').collect()
}
