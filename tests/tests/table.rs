//! The tables of `tests/README.md` name tests that exist, and leave no point and no test of the points out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Points of the protocol that are not built, so that nothing can stand for them.
const NOT_BUILT: [u32; 6] = [43, 49, 50, 54, 55, 56];

/// How many points there are.
const POINTS: u32 = 60;

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("the README is there")
}

/// What stands between backticks and has the form `file::test` or `folder::file::test`.
fn named(text: &str) -> Vec<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let is_path = |name: &&str| {
        let mut parts = name.split("::").peekable();
        let plain = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        name.contains("::") && parts.all(plain)
    };
    quoted.filter(is_path).collect()
}

/// The rows of all tables, each without its outer bars.
fn rows(readme: &str) -> Vec<&str> {
    readme.lines().filter_map(|line| line.trim().strip_prefix('|')?.strip_suffix('|')).collect()
}

/// The file that a test's path names; its last part is the test. A path that begins with `runtime::` is that of a test beside
/// the runtime's code.
fn file_of(path: &str) -> Option<PathBuf> {
    let (modules, _) = path.rsplit_once("::")?;
    let file = match modules.strip_prefix("runtime::") {
        Some(inside) => Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/src").join(inside.replace("::", "/")),
        None => tests().join(modules.replace("::", "/")),
    };
    let candidates = [file.with_extension("rs"), file.join("main.rs"), file.join("mod.rs")];
    candidates.into_iter().find(|candidate| candidate.is_file())
}

/// Whether `name` stands in `source` as a word of its own. The tests of some files are made by macros.
fn has_word(source: &str, name: &str) -> bool {
    source.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
}

#[test]
fn every_test_that_a_table_names_exists() {
    let readme = readme();
    let mut missing = Vec::new();
    let mut found = 0;
    for path in rows(&readme).into_iter().flat_map(named) {
        let name = path.rsplit("::").next().expect("a split gives at least one part");
        let source = file_of(path).map(|file| fs::read_to_string(file).expect("source is text"));
        match source {
            Some(source) if has_word(&source, name) => found += 1,
            _ => missing.push(path),
        }
    }
    assert!(found > 100, "only {found} tests are named");
    assert!(missing.is_empty(), "the README names tests that are not there: {missing:#?}");
}

/// The rows of the table of points: number and the rest.
fn points(readme: &str) -> Vec<(u32, &str)> {
    let section = readme.split("\n## ").find(|section| section.starts_with("The points of the protocol"));
    let rows = rows(section.expect("there is a section about the points"));
    rows.into_iter()
        .filter_map(|row| {
            let (number, rest) = row.split_once('|')?;
            Some((number.trim().parse().ok()?, rest))
        })
        .collect()
}

#[test]
fn every_point_has_a_row_and_every_one_that_is_built_has_a_test() {
    let readme = readme();
    let points = points(&readme);
    let numbers = Vec::from_iter(points.iter().map(|(number, _)| *number));
    assert_eq!(numbers, Vec::from_iter(1..=POINTS));
    for (number, row) in points {
        let tests = named(row).len();
        if NOT_BUILT.contains(&number) {
            assert!(tests == 0 && row.contains("not built"), "point {number} has tests for what is not there: {row}");
        } else {
            assert!(tests > 0, "point {number} has no test: {row}");
        }
    }
}

#[test]
fn every_test_of_the_points_is_in_their_table() {
    let readme = readme();
    let listed: BTreeSet<&str> = points(&readme).into_iter().flat_map(|(_, row)| named(row)).collect();
    let mut left_out = Vec::new();
    for entry in fs::read_dir(tests().join("points")).expect("the folder is there") {
        let file = entry.expect("a folder can be listed").path();
        let module = file.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let source = fs::read_to_string(&file).expect("source is text");
        for test in source.split("#[test]\n").skip(1) {
            let name = test.trim_start().strip_prefix("fn ").and_then(|rest| rest.split('(').next());
            let path = format!("points::{module}::{}", name.expect("a test is a function"));
            if !listed.contains(path.as_str()) {
                left_out.push(path);
            }
        }
    }
    assert!(left_out.is_empty(), "tests of the points that no row names: {left_out:#?}");
}
