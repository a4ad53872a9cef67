//! Short runs of the program that loads servers for hours (`src/bin/soak`).

use std::process::{Command, Output};
use std::time::Duration;

use stolid_tests::process::alone;
use stolid_tests::watchdog::watched_for;

/// How long a run of a few seconds may take: the processes come to rest twice, and the machine may be busy.
const LIMIT: Duration = Duration::from_secs(150);

fn soak(arguments: &'static [&str]) -> (Output, String) {
    let output = watched_for(LIMIT, move || Command::new(env!("CARGO_BIN_EXE_soak")).args(arguments).output());
    let output = output.expect("the program was built with the test");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{said}");
    (output, said)
}

/// The number that stands before `what` in a line.
fn count(line: &str, what: &str) -> u64 {
    let words = line.split([' ', ',', ';']).filter(|word| !word.is_empty());
    let words = Vec::from_iter(words);
    let at = words.iter().position(|word| *word == what).expect(what);
    words[at - 1].parse().expect(what)
}

#[test]
fn a_short_run_has_every_kind_of_failure_and_leaves_nothing() {
    let _alone = alone();
    // In so short a time the memory has not come to rest.
    let (output, said) = soak(&["--seconds=4", "--seed=1", "--growth=50"]);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("seed 1\n"), "{said}");
    let line = said.lines().find(|line| line.starts_with("all is well")).expect(&said);
    for what in ["calls", "cancelled", "deadline", "unavailable", "cuts", "kills", "shutdowns"] {
        assert!(count(line, what) > 0, "no {what}: {line}");
    }
    assert_eq!(count(line, "unexpected"), 0);
}

#[test]
fn a_fault_ends_it_with_1() {
    let _alone = alone();
    // No memory is given back that fast.
    let (output, said) = soak(&["--seconds=1", "--seed=2", "--growth=-100"]);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("FAULT memory grows"), "{said}");
}

#[test]
fn a_wrong_command_line_ends_it_with_2() {
    for arguments in [&["--hours=1"], &["--seconds=x"], &["soak"]] {
        let (output, said) = soak(arguments);
        assert_eq!(output.status.code(), Some(2), "{said}");
    }
}
