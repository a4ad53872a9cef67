//! What protox finds wrong, told as compilers tell it: `file:line:column: reason`, the line and a mark below it.

use std::path::{Path, PathBuf};

use miette::{Diagnostic, LabeledSpan};

use crate::check::path_of;

/// Everything that `error` has to say. The names of files are sought in `includes`.
pub(crate) fn describe(error: &protox::Error, includes: &[PathBuf]) -> String {
    let path = error.file().map(|name| path_of(name, includes));
    // Of all the lines after the first character: that is the whole source.
    let contents = error.source_code().and_then(|source| source.read_span(&(0, 0).into(), 0, usize::MAX).ok());
    let source = contents.as_ref().and_then(|contents| std::str::from_utf8(contents.data()).ok());
    let related = error.related().into_iter().flatten();
    let all = std::iter::once(error as &dyn Diagnostic).chain(related);
    let described: Vec<String> =
        all.map(|problem| Problem { problem, path: path.as_deref(), source }.describe()).collect();

    let mut text = described.join("\n\n");
    if error.is_file_not_found() {
        text.push_str(&searched(includes));
    }
    if error.is_io() {
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
    }
    text
}

/// Where an import or a file was looked for.
fn searched(includes: &[PathBuf]) -> String {
    let shown = includes.iter().map(|include| match include.to_str() {
        Some("") => "the current directory".to_owned(),
        _ => format!("'{}'", include.display()),
    });
    let shown: Vec<String> = shown.collect();
    format!("\n  = help: searched from the include directories on: {}", shown.join(", "))
}

/// One of the things wrong with a file.
struct Problem<'a> {
    problem: &'a dyn Diagnostic,
    path: Option<&'a Path>,
    source: Option<&'a str>,
}

impl Problem<'_> {
    fn describe(&self) -> String {
        let mut labels: Vec<LabeledSpan> = self.problem.labels().into_iter().flatten().collect();
        labels.sort_by_key(|label| rank(label.label().unwrap_or("")));
        let mut labels = labels.into_iter().filter_map(|label| {
            let text = label.label().unwrap_or("").to_owned();
            Excerpt::new(self.source?, label.offset(), label.len(), text)
        });

        let mut text = String::new();
        let main = labels.next().or_else(|| Excerpt::end(self.source?));
        if let Some(path) = self.path {
            text.push_str(&format!("{}:", path.display()));
            if let Some(excerpt) = &main {
                text.push_str(&format!("{}:{}:", excerpt.line_number, excerpt.column));
            }
            text.push(' ');
        }
        text.push_str(&self.problem.to_string());
        if let Some(excerpt) = &main {
            excerpt.show("", &mut text);
        }
        for excerpt in labels {
            excerpt.show(&excerpt.label, &mut text);
        }
        let is_edition = main.is_some_and(|excerpt| excerpt.line.starts_with("edition"));
        if is_edition {
            text.push_str("\n  = help: editions are not supported; write syntax = \"proto3\" or \"proto2\"");
        } else if let Some(help) = self.problem.help() {
            text.push_str(&format!("\n  = help: {help}"));
        }
        text
    }
}

/// The order of labels: where something is wrong comes before what it is in conflict with.
fn rank(label: &str) -> u8 {
    match label {
        _ if label.contains("again") => 0,
        _ if label.contains("found") => 1,
        "defined here" => 2,
        _ => 3,
    }
}

/// The most characters that are shown of a line.
const MAX_LINE: usize = 160;

/// A line of a `.proto` file with something marked in it.
struct Excerpt {
    /// From 1.
    line_number: usize,
    /// In characters, from 1.
    column: usize,
    line: String,
    /// In characters.
    length: usize,
    label: String,
}

impl Excerpt {
    /// `length` bytes of `source` from `offset` on, as far as they are on one line.
    fn new(source: &str, offset: usize, length: usize, label: String) -> Option<Self> {
        let (before, rest) = source.split_at_checked(offset)?;
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line_length = source[line_start..].lines().next().map_or(0, str::len);
        let marked = rest.lines().next().unwrap_or("");
        let marked = marked.get(..length).unwrap_or(marked);
        Some(Self {
            line_number: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            line: source[line_start..line_start + line_length].to_owned(),
            length: marked.chars().count().max(1),
            label,
        })
    }

    /// The end of the file, for an error that has no place of its own because the file ended too early.
    fn end(source: &str) -> Option<Self> {
        Self::new(source, source.trim_end().len(), 0, String::new())
    }

    fn show(&self, label: &str, text: &mut String) {
        let number = self.line_number.to_string();
        let margin = " ".repeat(number.len());
        // Of a very long line, what is around the mark.
        let start = if self.line.len() <= MAX_LINE { 0 } else { (self.column - 1).saturating_sub(MAX_LINE / 2) };
        let line: String = self.line.chars().skip(start).take(MAX_LINE).collect();
        let column = self.column - 1 - start;
        // Tabs stay, so that the mark is below what it means at any tab width.
        let blank: String = line.chars().take(column).map(|letter| if letter == '\t' { '\t' } else { ' ' }).collect();
        let mark = "^".repeat(self.length.min(MAX_LINE - column.min(MAX_LINE - 1)));
        let label = if label.is_empty() { String::new() } else { format!(" {label}") };
        text.push_str(&format!("\n {margin} |\n {number} | {line}\n {margin} | {blank}{mark}{label}"));
    }
}
