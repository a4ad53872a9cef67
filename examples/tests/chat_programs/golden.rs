//! Texts that are compared with files under `tests/golden`.

use std::fs;
use std::path::PathBuf;

/// Compares `actual` with the file; writes the file and fails when they differ, so that the difference can be seen
/// and, if it is meant, committed.
#[track_caller]
pub(crate) fn assert_golden(name: &str, actual: &str) {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "golden", name].iter().collect();
    let expected = fs::read_to_string(&path).unwrap_or_default();
    if expected != actual {
        fs::write(&path, actual).expect("the golden file can be written");
        panic!(
            "tests/golden/{name} was not up to date and has been written anew; this is what was expected:\n{expected}\n\
                and this is what came:\n{actual}"
        );
    }
}
