//! Rules of the house that no compiler checks.

use std::fs;
use std::path::Path;

/// Lines of code that one file may have; comments, blank lines and its tests are not counted.
const FILE_LIMIT: usize = 400;

/// Lines of code that one function may have.
const FUNCTION_LIMIT: usize = 60;

/// The modules of the runtime, lowest layer first: each may use its own layer and lower ones.
const LAYERS: &[&[&str]] = &[
    &["code", "details", "error", "metadata", "method_name", "status", "sync"],
    &["codec", "compression", "protocol"],
    &["transport", "wait"],
    &["connection", "context", "lane", "request", "response", "stream"],
    &["client", "fuzzing", "server"],
];

struct Source {
    /// From the repository on, with `/`.
    name: String,
    text: String,
}

impl Source {
    /// The lines before the file's unit tests, plain or for the model checker.
    fn shipped(&self) -> impl Iterator<Item = &str> {
        let tests = ["\n#[cfg(test)]\nmod ", "\n#[cfg(all(test, "].map(|begin| self.text.find(begin));
        self.text[..tests.into_iter().flatten().min().unwrap_or(self.text.len())].lines()
    }
}

fn is_code(line: &&str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with("//")
}

fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in a workspace");
    let (mut found, mut folders) = (Vec::new(), vec![root.join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is there") {
            let path = entry.expect("a folder can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).expect("it lies below").to_string_lossy().replace('\\', "/");
                found.push(Source { name, text: fs::read_to_string(&path).expect("source is text") });
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no source");
    found
}

fn shipped_sources() -> Vec<Source> {
    ["runtime/src", "codegen/src"].into_iter().flat_map(sources).collect()
}

#[track_caller]
fn assert_none(rule: &str, offenders: Vec<String>) {
    assert!(offenders.is_empty(), "{rule}:\n  {}", offenders.join("\n  "));
}

#[test]
fn every_file_says_what_it_is() {
    let silent = ["runtime/src", "codegen/src", "tests/src", "tests/tests"].into_iter().flat_map(sources);
    let silent = silent.filter(|source| !source.text.starts_with("//!"));
    assert_none("a file opens with `//!`", silent.map(|source| source.name).collect());
}

#[test]
fn no_file_is_too_long() {
    let sizes = shipped_sources().into_iter().map(|source| (source.shipped().filter(is_code).count(), source.name));
    let long = sizes.filter(|(size, _)| *size > FILE_LIMIT).map(|(size, name)| format!("{name}: {size}"));
    assert_none("a file has at most 400 lines of code", long.collect());
}

#[test]
fn no_function_is_too_long() {
    let mut long = Vec::new();
    for source in shipped_sources() {
        let mut open: Option<(String, usize, usize)> = None;
        for line in source.shipped().filter(is_code) {
            let indent = line.len() - line.trim_start().len();
            match &mut open {
                None if line.contains("fn ") && !line.trim_end().ends_with([';', '}', '"']) => {
                    open = Some((line.trim().to_owned(), indent, 0));
                }
                // Without a body it ends with a semicolon.
                Some((name, outer, size)) if indent == *outer && line.ends_with(['}', ';']) => {
                    if *size > FUNCTION_LIMIT {
                        long.push(format!("{}: {name} {size}", source.name));
                    }
                    open = None;
                }
                Some((_, _, size)) => *size += 1,
                None => {}
            }
        }
    }
    assert_none("a function has at most 60 lines of code", long);
}

#[test]
fn names_say_what_is_inside() {
    let vague = |source: &Source| {
        source.name.split(['/', '.']).any(|part| matches!(part, "util" | "utils" | "common" | "helpers" | "misc"))
    };
    let found = ["runtime/src", "codegen/src", "tests/src", "tests/tests"].into_iter().flat_map(sources).filter(vague);
    assert_none("no file is named for nothing", found.map(|source| source.name).collect());
}

#[test]
fn tokio_is_named_in_one_file() {
    let named =
        sources("runtime/src").into_iter().filter(|source| source.shipped().any(|line| line.contains("tokio::")));
    // It turns a socket into what h2 reads and writes.
    assert_eq!(Vec::from_iter(named.map(|source| source.name)), ["runtime/src/transport/h2_io.rs"]);
}

#[test]
fn nothing_sleeps() {
    let sleep = concat!("thread", "::sleep");
    let sleeps = ["runtime", "tests"].into_iter().flat_map(sources);
    // A measurement may let time pass; a test may not.
    let sleeps = sleeps.filter(|source| source.text.contains(sleep) && !source.name.contains("bench"));
    assert_none("nothing waits for time to pass", sleeps.map(|source| source.name).collect());
}

#[test]
fn modules_use_their_own_layer_and_lower_ones() {
    let layer_of = |module: &str| LAYERS.iter().position(|layer| layer.contains(&module));
    let mut upward = Vec::new();
    for source in sources("runtime/src").into_iter().filter(|source| source.name != "runtime/src/lib.rs") {
        let module = source.name["runtime/src/".len()..].split(['/', '.']).next().unwrap_or_default();
        let own = layer_of(module).unwrap_or_else(|| panic!("{module} has no place in the table of layers"));
        for line in source.shipped().filter(|line| line.contains("crate::")).filter(is_code) {
            let (_, path) = line.split_once("crate::").expect("the filter looked for it");
            let used = path.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            if layer_of(used).is_some_and(|layer| layer > own) {
                upward.push(format!("{}: {}", source.name, line.trim()));
            }
        }
    }
    assert_none("a module uses lower layers only", upward);
}
