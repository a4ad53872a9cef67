//! The generator: any text is refused with an error or turned into code that parses, and a file that is valid by
//! construction is refused only for names that Rust cannot have.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use arbitrary::{Arbitrary, Unstructured};

use crate::proto_text::File;

/// Inputs that begin with a byte from here on describe a file; the others are the text of one.
const DESCRIBED: u8 = 0x80;

/// Takes the input for the text of a `.proto` file, or for the description of one.
pub fn check(data: &[u8]) {
    match data.split_first() {
        Some((&first, rest)) if first >= DESCRIBED => {
            let Ok(file) = File::arbitrary_take_rest(Unstructured::new(rest)) else {
                return;
            };
            let text = file.to_string();
            if let Err(error) = generate(text.as_bytes(), first) {
                // protoc's own rules, and what Rust cannot have; never a syntax error.
                let known = ["fuzz.proto:", "cannot generate code", "more than once", "generated twice"];
                assert!(known.iter().any(|known| error.contains(known)), "{error}\n{text}");
                assert!(!error.contains("expected"), "{error}\n{text}");
            }
        }
        _ => {
            if let Err(error) = generate(data, 0) {
                assert!(!error.trim().is_empty(), "an error says what is wrong");
            }
        }
    }
}

/// Generates the code of one file, with options of which each bit of `options` is one.
fn generate(text: &[u8], options: u8) -> Result<(), String> {
    let folder = folder();
    let (source, out) = (folder.join("fuzz.proto"), folder.join("out"));
    fs::write(&source, text).expect("the folder can be written");
    for written in files(&out) {
        fs::remove_file(written).expect("the folder can be written");
    }
    let outcome = stolid_build::configure()
        .out_dir(&out)
        .emit_rerun_if_changed(false)
        .build_client(options & 1 == 0)
        .build_server(options & 2 == 0)
        .use_arc_self(options & 4 != 0)
        .generate_default_stubs(options & 8 != 0)
        .compile_protos(&[&source], &[folder]);
    if let Err(error) = outcome {
        let error = error.to_string();
        // One process generates here again and again, which a build script never does.
        if !error.contains("has been generated twice") {
            return Err(error);
        }
    }
    for path in files(&out) {
        let code = fs::read_to_string(&path).expect("code is text");
        if let Err(error) = syn::parse_file(&code) {
            panic!("{}: {error}:\n{code}\nfor\n{}", path.display(), String::from_utf8_lossy(text));
        }
    }
    Ok(())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder can be listed");
    entries.map(|entry| entry.expect("the folder can be listed").path()).collect()
}

/// A folder of this process, in memory where the system has such a place.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let memory = PathBuf::from("/dev/shm");
        let parent = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let folder = parent.join(format!("stolid-fuzz-{}", std::process::id()));
        fs::create_dir_all(folder.join("out")).expect("the folder can be made");
        folder
    })
}
