//! Feeds the committed corpus to the checks, so that they hold without a fuzzer too.

use std::fs;
use std::path::Path;

/// Calls `check` with every file of the corpus of `target`.
fn feed(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(&folder).expect("the target has a corpus") {
        let path = entry.expect("a folder can be listed").path();
        println!("{}", path.display());
        check(&fs::read(&path).expect("the file can be read"));
        count += 1;
    }
    assert!(count > 0, "{} is empty", folder.display());
}

macro_rules! corpus {
    ($($target:ident),+ $(,)?) => {
        $(#[test]
        fn $target() {
            feed(stringify!($target), stolid_fuzz::$target::check);
        })+
    };
}

corpus!(
    base64,
    client_frames,
    codegen,
    compression,
    details,
    envelope,
    metadata,
    percent,
    request_head,
    response_head,
    server_frames,
    timeout,
);
