//! The index in `README.md` leaves nothing out, and every page that is linked is there.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

const INDEX: &str = include_str!("../README.md");

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names of the files in a folder that end so, without the ending.
fn names(folder: &str, ending: &str) -> BTreeSet<String> {
    let files = fs::read_dir(package().join(folder)).expect("the folder is there");
    let files = files.map(|file| file.expect("a folder can be listed").path());
    let named = files.filter(|file| file.extension() == Some(OsStr::new(ending)));
    named.map(|file| file.file_stem().expect("a file has a name").to_string_lossy().into_owned()).collect()
}

/// The rows of the index: name, link and text.
fn rows() -> Vec<(&'static str, &'static str, &'static str)> {
    let row = |line: &'static str| {
        let (name, rest) = line.strip_prefix("| [")?.split_once("](")?;
        let (link, text) = rest.split_once(") | ")?;
        Some((name.trim_matches('`'), link, text.trim_end_matches(" |")))
    };
    INDEX.lines().filter_map(row).collect()
}

/// The targets of a page's links within the repository.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://")).filter_map(|target| target.split('#').next())
}

#[test]
fn every_program_is_in_the_index_once() {
    let listed: Vec<_> = rows().into_iter().filter(|(_, link, _)| link.starts_with("docs/")).collect();
    let listed = listed.into_iter().map(|(name, ..)| name.to_owned()).filter(|name| name != "Troubleshooting");
    let listed: Vec<String> = listed.collect();
    let programs = names("src/bin", "rs");
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), programs);
    assert_eq!(listed.len(), programs.len(), "one is there twice: {listed:?}");
}

#[test]
fn every_pattern_of_the_guide_is_in_the_index_and_on_the_front_page_of_the_guide_in_the_same_words() {
    let listed = rows().into_iter().filter_map(|(name, link, text)| {
        let name = name.strip_prefix("guide/")?;
        assert_eq!(link, format!("src/guide/{name}.rs"));
        Some((name, text))
    });
    let listed: Vec<_> = listed.collect();
    let front = include_str!("../src/guide/mod.rs").lines().filter_map(|line| {
        let (name, text) = line.strip_prefix("//! | [`")?.split_once("`] | ")?;
        Some((name, text.trim_end_matches(" |")))
    });
    assert_eq!(listed, front.collect::<Vec<_>>());
    let mut patterns = names("src/guide", "rs");
    // The front page itself, and the server that the patterns are tried on.
    assert!(patterns.remove("mod") && patterns.remove("greeter"));
    assert_eq!(listed.into_iter().map(|(name, _)| name.to_owned()).collect::<BTreeSet<_>>(), patterns);
}

#[test]
fn every_page_is_in_the_index() {
    let linked = rows().into_iter().filter_map(|(_, link, _)| link.strip_prefix("docs/")?.strip_suffix(".md"));
    let linked: BTreeSet<String> = linked.map(str::to_owned).collect();
    assert_eq!(linked, names("docs", "md"));
}

#[test]
fn a_page_names_the_programs_it_is_about() {
    for (name, link, _) in rows() {
        let page = fs::read_to_string(package().join(link)).unwrap_or_else(|error| panic!("{link}: {error}"));
        assert!(
            link.starts_with("src/") || link.ends_with("TROUBLESHOOTING.md") || page.contains(name),
            "{link}: {name}"
        );
    }
}

#[test]
fn every_link_leads_somewhere() {
    let pages = names("docs", "md").into_iter().map(|page| PathBuf::from(format!("docs/{page}.md")));
    let mut broken = Vec::new();
    for page in pages.chain(["README.md".into()]) {
        let path = package().join(&page);
        let text = fs::read_to_string(&path).expect("the page is there");
        let folder = path.parent().expect("a page lies in a folder");
        let targets = links(&text).filter(|target| !target.is_empty() && !folder.join(target).exists());
        broken.extend(targets.map(|target| format!("{}: {target}", page.display())));
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
