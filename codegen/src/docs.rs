//! Comments of a `.proto` file as doc comments that neither rustdoc nor a test run can stumble over.
//!
//! Comments are prose by people who do not think of rustdoc: it would run indented text as a doc test, look for
//! items named like anything in brackets, take `List<T>` for a tag, and refuse a lone carriage return. So
//! - code, fenced or indented, becomes a fenced block of `text`, which is always closed;
//! - other lines are indented by three spaces at most and have no runs of spaces, so that none is code;
//! - brackets, angle brackets and lonely backticks are escaped unless they belong to a link or to `code`;
//! - bare addresses become links, and control and text-direction characters are dropped.

mod inline;

use prost_build::Comments;

use inline::Addresses;

/// Doc lines for a service or method; empty when it has no comment.
pub(crate) fn doc_lines(comments: &Comments) -> Vec<String> {
    let mut docs = Vec::new();
    for part in [&comments.leading, &comments.trailing] {
        let lines = part.iter().map(String::as_str);
        let lines = markdown(lines, Addresses::Link);
        if !docs.is_empty() && !lines.is_empty() {
            docs.push(String::new());
        }
        docs.extend(lines);
    }
    docs
}

/// A comment in a descriptor of which prost makes a doc comment: prost itself turns addresses into links.
pub(crate) fn comment_for_prost(comment: &str) -> String {
    markdown(comment.lines(), Addresses::Bare).join("\n")
}

/// A comment in a descriptor that becomes an ordinary comment.
pub(crate) fn comment_without_controls(comment: &str) -> String {
    let lines: Vec<String> = comment.lines().map(clean).collect();
    lines.join("\n")
}

fn markdown<'a>(lines: impl Iterator<Item = &'a str>, addresses: Addresses) -> Vec<String> {
    let mut lines: Vec<String> = lines.map(clean).collect();
    let margin = lines.iter().filter(|line| !line.is_empty()).map(|line| indentation(line)).min();
    for line in &mut lines {
        line.drain(..line.len().min(margin.unwrap_or(0)));
    }
    let filled = |line: &String| !line.is_empty();
    let Some(first) = lines.iter().position(filled) else {
        return Vec::new();
    };
    let last = lines.iter().rposition(filled).unwrap_or(first);

    let mut blocks = Blocks { lines: &lines[first..=last], addresses, in_list: false, docs: Vec::new() };
    while let Some((line, rest)) = blocks.lines.split_first() {
        blocks.lines = rest;
        blocks.next(line);
    }
    blocks.docs
}

/// A line with spaces for tabs, without trailing space and without characters that compilers warn of.
fn clean(line: &str) -> String {
    let mut cleaned = String::with_capacity(line.len());
    for letter in line.chars() {
        match letter {
            '\t' => cleaned.push_str("    "),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            letter if letter.is_control() => cleaned.push(' '),
            letter => cleaned.push(letter),
        }
    }
    cleaned.truncate(cleaned.trim_end().len());
    cleaned
}

/// The number of spaces that a line begins with.
fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// A comment on its way to Markdown.
struct Blocks<'a> {
    lines: &'a [String],
    addresses: Addresses,
    in_list: bool,
    docs: Vec<String>,
}

/// The most spaces before a line that is not code (CommonMark 4.4: four make an indented code block).
const MAX_INDENTATION: usize = 3;

impl<'a> Blocks<'a> {
    fn next(&mut self, line: &'a str) {
        let indentation = indentation(line);
        let content = &line[indentation..];
        let after_blank = self.docs.last().is_none_or(String::is_empty);
        if indentation > MAX_INDENTATION && after_blank && !self.in_list {
            return self.indented(line);
        }
        if let Some(fence) = Fence::open(content) {
            return self.fenced(&fence, indentation);
        }
        if is_list_item(content) {
            self.in_list = true;
        } else if indentation == 0 && after_blank && !content.is_empty() {
            self.in_list = false;
        }
        let margin = " ".repeat(indentation.min(MAX_INDENTATION));
        let words: Vec<&str> = content.split_whitespace().collect();
        let content = inline::escape(&words.join(" "), self.addresses);
        self.docs.push(format!("{margin}{content}"));
    }

    /// A fenced code block, to its end or that of the comment.
    fn fenced(&mut self, fence: &Fence<'_>, indentation: usize) {
        let margin = " ".repeat(indentation.min(MAX_INDENTATION));
        self.docs.push(format!("{margin}{}text", fence.0));
        while let Some((line, rest)) = self.lines.split_first() {
            self.lines = rest;
            if fence.is_closed_by(line) {
                break;
            }
            let line = &line[self::indentation(line).min(indentation)..];
            self.docs.push(if line.is_empty() { String::new() } else { format!("{margin}{line}") });
        }
        self.docs.push(margin + fence.0);
    }

    /// An indented code block, to the first line that is not indented so far.
    fn indented(&mut self, first: &'a str) {
        let belongs = |line: &&String| line.is_empty() || indentation(line) > MAX_INDENTATION;
        let more = self.lines.iter().take_while(belongs).count();
        let (code, rest) = self.lines.split_at(more);
        let blank_at_the_end = code.iter().rev().take_while(|line| line.is_empty()).count();
        let code = &code[..code.len() - blank_at_the_end];
        self.lines = rest;

        let code: Vec<&str> = std::iter::once(first).chain(code.iter().map(String::as_str)).collect();
        let longest_run = code.iter().map(|line| longest_run(line)).max().unwrap_or(0);
        let fence = "`".repeat((longest_run + 1).max(3));
        self.docs.push(format!("{fence}text"));
        let unindented = code.iter().map(|line| line.get(MAX_INDENTATION + 1..).unwrap_or(""));
        self.docs.extend(unindented.map(str::to_owned));
        self.docs.push(fence);
        if blank_at_the_end > 0 {
            self.docs.push(String::new());
        }
    }
}

/// The number of backticks in the longest run of them.
fn longest_run(line: &str) -> usize {
    line.split(|letter| letter != '`').map(str::len).max().unwrap_or(0)
}

/// Whether a line begins an item of a list (CommonMark 5.2).
fn is_list_item(content: &str) -> bool {
    let digits = content.len() - content.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let rest = match digits {
        0 => content.strip_prefix(['-', '*', '+']),
        1..=9 => content[digits..].strip_prefix(['.', ')']),
        _ => None,
    };
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// The run of backticks or tildes around a fenced code block (CommonMark 4.5).
struct Fence<'a>(&'a str);

impl<'a> Fence<'a> {
    fn open(content: &'a str) -> Option<Self> {
        let letter = content.chars().next().filter(|letter| matches!(letter, '`' | '~'))?;
        let rest = content.trim_start_matches(letter);
        let length = content.len() - rest.len();
        let is_inline_code = letter == '`' && rest.contains('`');
        (length >= 3 && !is_inline_code).then(|| Self(&content[..length]))
    }

    fn is_closed_by(&self, line: &str) -> bool {
        let line = line.trim();
        line.starts_with(self.0) && line.trim_start_matches(&self.0[..1]).is_empty()
    }
}

#[cfg(test)]
mod tests;
