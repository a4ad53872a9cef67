//! Compares the page with the programs.

use std::fs;
use std::path::Path;

use stolid_tests::watchdog::watched;

const PAGE: &str = include_str!("../../../runtime/docs/from_tonic.md");

/// The files of one of the programs.
fn program(name: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/from_tonic").join(name);
    let files = fs::read_dir(folder).expect("the program is there");
    let paths = files.map(|file| file.expect("a folder can be listed").path());
    paths.map(|path| fs::read_to_string(path).expect("source is text").replace("pub(crate) ", "pub ")).collect()
}

/// A block of code on the page.
struct Block {
    /// The line before it.
    lead: String,
    language: String,
    lines: Vec<String>,
}

fn blocks() -> Vec<Block> {
    let (mut found, mut lead) = (Vec::new(), String::new());
    let mut lines = PAGE.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let body = lines.by_ref().take_while(|line| *line != "```").map(str::to_owned);
            found.push(Block { lead: lead.clone(), language: language.to_owned(), lines: body.collect() });
        } else if !line.is_empty() {
            lead = line.to_owned();
        }
    }
    found
}

/// Whether these lines stand in the source one after another, all of them deeper by the same number of spaces.
fn is_in(lines: &[String], source: &str) -> bool {
    let source = Vec::from_iter(source.lines());
    source.windows(lines.len()).any(|window| {
        let depth = window[0].len() - window[0].trim_start().len();
        let fits = |line: &str, shown: &str| {
            if shown.is_empty() {
                line.is_empty()
            } else {
                line.get(depth..) == Some(shown) && line[..depth].trim().is_empty()
            }
        };
        window.iter().zip(lines).all(|(line, shown)| fits(line, shown))
    })
}

/// The code in a cell of a table.
fn code_of(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn every_block_is_a_piece_of_a_program_that_compiles() {
    let (before, after) = (program("before"), program("after"));
    let blocks = blocks();
    assert!(blocks.len() > 30, "{}", blocks.len());
    for block in blocks.iter().filter(|block| block.language == "rust") {
        let sources = if block.lead.ends_with("tonic:") { &before } else { &after };
        let found = sources.iter().any(|source| is_in(&block.lines, source));
        assert!(found, "after {:?} the page shows what is in no program:\n{}", block.lead, block.lines.join("\n"));
    }
}

#[test]
fn every_cell_of_a_table_is_in_a_program_that_compiles() {
    let (before, after) = (program("before").concat(), program("after").concat());
    let mut cells = 0;
    let mut in_table = false;
    for line in PAGE.lines() {
        in_table = line == "| tonic | Stolid | |" || in_table && line.starts_with('|');
        if !in_table || line.starts_with("| tonic") || line.starts_with("| --") {
            continue;
        }
        let mut columns = line.trim_matches('|').split(" | ");
        for (side, program) in [("tonic", &before), ("Stolid", &after)] {
            for code in code_of(columns.next().unwrap_or_default()) {
                assert!(program.contains(code), "the program on {side} does not have `{code}`");
                cells += 1;
            }
        }
    }
    assert!(cells > 8, "{cells}");
}

#[test]
fn the_service_and_the_versions_are_those_of_the_programs() {
    let workspace = include_str!("../../../Cargo.toml");
    let proto = include_str!("../../../proto/rooms/v1/rooms.proto");
    let blocks = blocks();
    let of = |language: &'static str| blocks.iter().filter(move |block| block.language == language);
    for block in of("proto") {
        assert!(proto.contains(&block.lines.join("\n")), "the page shows another service");
    }
    let mut versions = 0;
    for line in of("toml").flat_map(|block| &block.lines) {
        let Some((name, value)) = line.split_once(" = ") else {
            continue;
        };
        let version = value.split('"').nth(1).expect("a version stands in quotes");
        let used = workspace.lines().filter_map(|line| {
            line.strip_prefix(name)?
                .strip_prefix(" = ")?
                .split('"')
                .find(|text| text.starts_with(|c: char| c.is_ascii_digit()))
        });
        assert!(used.clone().any(|used| used.starts_with(version)), "{line}: {:?}", Vec::from_iter(used));
        versions += 1;
    }
    assert!(versions > 5, "{versions}");
}

#[test]
fn no_block_is_of_an_unknown_language() {
    watched(|| {
        for block in blocks() {
            assert!(matches!(&*block.language, "rust" | "toml" | "proto"), "{:?}", block.language);
        }
    });
}
