//! How deep a `.proto` file goes, known before protox parses it: some of its parsers recurse without a limit.

use std::fs;
use std::path::{Path, PathBuf};

use protox::Error;
use protox::file::{File, FileResolver, IncludeFileResolver};

/// The most brackets within each other. protobuf's parsers take a message 100 deep, and messages in a `.proto` file 32.
const MAX_NESTING: usize = 100;

/// The stack for a file that is just not too deep, in bytes, with a wide margin: a level of an option takes 30 KiB
/// without optimisation.
pub(crate) const STACK_SIZE: usize = 64 << 20;

/// Opens files in one include directory that are not nested too deep.
#[derive(Debug)]
pub(crate) struct ShallowFiles {
    include: PathBuf,
    files: IncludeFileResolver,
}

impl ShallowFiles {
    pub(crate) fn new(include: &Path) -> Self {
        Self { include: include.to_owned(), files: IncludeFileResolver::new(include.to_owned()) }
    }
}

impl FileResolver for ShallowFiles {
    fn resolve_path(&self, path: &Path) -> Option<String> {
        self.files.resolve_path(path)
    }

    fn open_file(&self, name: &str) -> Result<File, Error> {
        let path = self.include.join(name);
        // What cannot be read is protox's to explain.
        let source = fs::read_to_string(&path).unwrap_or_default();
        if source.starts_with('\u{feff}') {
            return Err(Error::new(format!(
                "{}:1:1: the file begins with a byte order mark: save it as UTF-8 without one",
                path.display()
            )));
        }
        if let Some(offset) = too_deep(&source) {
            let before = &source[..offset];
            let (line, column) = (before.matches('\n').count() + 1, before.chars().rev().take_while(|c| *c != '\n'));
            return Err(Error::new(format!(
                "{}:{line}:{}: more than {MAX_NESTING} brackets or comments are open here",
                path.display(),
                column.count() + 1,
            )));
        }
        self.files.open_file(name)
    }
}

/// Where the first bracket is that is too deep. Those in comments and strings are none.
fn too_deep(source: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut nested_comments = 0;
    let mut position = 0;
    let bytes = source.as_bytes();
    while let Some(&byte) = bytes.get(position) {
        match byte {
            b'/' if bytes.get(position + 1) == Some(&b'/') => position = end_of(source, position, "\n"),
            b'#' => position = end_of(source, position, "\n"),
            b'/' if bytes.get(position + 1) == Some(&b'*') => {
                let start = position;
                position = end_of(source, position + 2, "*/");
                // A mistake that protox explains well, once or twice; its time grows with their square.
                nested_comments += source[start + 2..position].matches("/*").count();
                if nested_comments > MAX_NESTING {
                    return Some(start);
                }
            }
            b'"' | b'\'' => position = end_of_string(bytes, position),
            b'{' | b'[' | b'<' | b'(' if depth == MAX_NESTING => return Some(position),
            b'{' | b'[' | b'<' | b'(' => {
                depth += 1;
                position += 1;
            }
            b'}' | b']' | b'>' | b')' => {
                depth = depth.saturating_sub(1);
                position += 1;
            }
            _ => position += 1,
        }
    }
    None
}

/// The position behind the next `mark` from `position` on.
fn end_of(source: &str, position: usize, mark: &str) -> usize {
    let rest = source.get(position..).unwrap_or_default();
    rest.find(mark).map_or(source.len(), |found| position + found + mark.len())
}

/// The position behind the string that begins at `position`. It has no line breaks.
fn end_of_string(bytes: &[u8], position: usize) -> usize {
    let quote = bytes[position];
    let mut position = position + 1;
    while let Some(&byte) = bytes.get(position) {
        match byte {
            b'\\' => position += 2,
            b'\n' => return position,
            _ if byte == quote => return position + 1,
            _ => position += 1,
        }
    }
    position
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_within_each_other_are_counted() {
        let deep = |depth| format!("option (a) = {}{};", "{ a ".repeat(depth), "}".repeat(depth));

        assert_eq!(too_deep(&deep(100)), None);
        assert_eq!(too_deep(&deep(101)), Some("option (a) = ".len() + 400));
        assert_eq!(too_deep(&"{}[]<>()".repeat(1_000)), None);
    }

    #[test]
    fn comments_and_strings_have_no_brackets() {
        let many = "(".repeat(200);
        for text in [
            format!("// {many}\n{{}}"),
            format!("# {many}\n{{}}"),
            format!("/* {many} \n {many} */ {{}}"),
            format!("/*/ {many} */ {{}}"),
            format!("\"{many}\\\"{many}\" '{many}\\'{many}'"),
            format!("/* {many} /* /*"),
            format!("\"{many}"),
            format!("\"{many}\\"),
        ] {
            assert_eq!(too_deep(&text), None, "{text}");
        }
        assert!(too_deep(&format!("\"\n{many}")).is_some(), "a string has one line");
        assert!(too_deep(&format!("'\"'{many}")).is_some());
    }
}
