//! The text of one line: what could be taken for a link, a tag or code is escaped.

/// What becomes of a bare address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Addresses {
    /// `<https://…>`.
    Link,
    /// Left alone, for a later step that makes it a link.
    Bare,
}

/// `text` so that it means itself, except that `code`, links to web addresses and emphasis stay.
pub(super) fn escape(text: &str, addresses: Addresses) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let taken = match letter {
            '\\' => backslash(rest, &mut escaped),
            '`' | '~' => run(rest, letter, &mut escaped),
            '<' => tag(rest, addresses, &mut escaped),
            '[' => link(rest, &mut escaped),
            ']' => {
                escaped.push_str("\\]");
                1
            }
            'h' if is_word_start(&escaped) => bare(rest, addresses, &mut escaped),
            other => {
                escaped.push(other);
                other.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    escaped
}

/// An escape of the author's own stays. Any other backslash is escaped, or it would escape what is added behind it.
fn backslash(rest: &str, escaped: &mut String) -> usize {
    escaped.push('\\');
    let next = rest[1..].chars().next().filter(char::is_ascii_punctuation);
    escaped.push(next.unwrap_or('\\'));
    1 + next.map_or(0, char::len_utf8)
}

/// Code between two equal runs of backticks stays; a run without a partner, or tildes enough for a fence, do not.
fn run(rest: &str, letter: char, escaped: &mut String) -> usize {
    let length = rest.len() - rest.trim_start_matches(letter).len();
    if letter == '`' {
        if let Some(end) = closing_run(&rest[length..], length) {
            escaped.push_str(&rest[..length + end]);
            return length + end;
        }
    } else if length < 3 {
        escaped.push_str(&rest[..length]);
        return length;
    }
    for _ in 0..length {
        escaped.push('\\');
        escaped.push(letter);
    }
    length
}

/// Where a run of exactly `length` backticks ends in `text`.
fn closing_run(text: &str, length: usize) -> Option<usize> {
    let mut position = 0;
    while let Some(start) = text[position..].find('`') {
        let start = position + start;
        let run = text[start..].len() - text[start..].trim_start_matches('`').len();
        position = start + run;
        if run == length {
            return Some(position);
        }
    }
    None
}

/// `<https://…>` is a link, anything else in angle brackets is not meant as HTML.
fn tag(rest: &str, addresses: Addresses, escaped: &mut String) -> usize {
    let address = address(&rest[1..]);
    if !address.is_empty() && rest[1 + address.len()..].starts_with('>') {
        push_address(address, addresses, escaped);
        return address.len() + 2;
    }
    escaped.push_str("\\<");
    1
}

/// `[text](https://…)` stays, anything else in brackets is no link.
fn link(rest: &str, escaped: &mut String) -> usize {
    if let Some((text, target)) = rest[1..].split_once("](")
        && !text.contains(['[', ']', '`', '\\'])
        && let Some((target, _)) = target.split_once(')')
        && address(target) == target
        && !target.is_empty()
    {
        // No link within a link: an address in its text stays as it is.
        let inner = escape(text, Addresses::Bare);
        escaped.push_str(&format!("[{inner}]({target})"));
        return text.len() + target.len() + "[]()".len();
    }
    escaped.push_str("\\[");
    1
}

/// An address in running text, without the full stop or bracket that follows it there.
fn bare(rest: &str, addresses: Addresses, escaped: &mut String) -> usize {
    let address = address(rest).trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '"', ')', '*', '_']);
    if address.is_empty() {
        escaped.push('h');
        return 1;
    }
    push_address(address, addresses, escaped);
    address.len()
}

/// The web address that `text` begins with, or nothing.
fn address(text: &str) -> &str {
    let Some(host) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return "";
    };
    let scheme = text.len() - host.len();
    let is_end = |letter: char| letter.is_whitespace() || matches!(letter, '<' | '>' | '`' | '[' | ']' | '\\' | '"');
    let length = host.find(is_end).unwrap_or(host.len());
    if length == 0 { "" } else { &text[..scheme + length] }
}

fn push_address(address: &str, addresses: Addresses, escaped: &mut String) {
    match addresses {
        Addresses::Link => escaped.push_str(&format!("<{address}>")),
        Addresses::Bare => escaped.push_str(address),
    }
}

/// Whether a word could start after what there is.
fn is_word_start(before: &str) -> bool {
    !before.ends_with(|letter: char| letter.is_alphanumeric())
}
