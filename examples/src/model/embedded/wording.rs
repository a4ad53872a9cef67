//! How answers put things.

use super::phrase::Word;

/// The longest quotation in an answer, in characters.
const MAX_QUOTE: usize = 80;

/// The most items of one list in an answer.
const MAX_LISTED: usize = 12;

/// `text` in quotation marks, on one line and not long.
pub(super) fn quoted(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().take(MAX_QUOTE).collect();
    let line = words.join(" ");
    match line.char_indices().nth(MAX_QUOTE) {
        Some((end, _)) => {
            // A cut between words reads better, unless there is but one.
            let cut = line[..end].rfind(' ').unwrap_or(end);
            format!("\"{}…\"", &line[..cut])
        }
        None => format!("\"{line}\""),
    }
}

/// A list as English has it: "a", "a and b", "a, b and c".
pub(super) fn listed<T: AsRef<str>>(items: &[T]) -> String {
    let mut shown: Vec<String> = items.iter().take(MAX_LISTED).map(|item| item.as_ref().to_owned()).collect();
    if items.len() > MAX_LISTED {
        shown.push(format!("{} more", items.len() - MAX_LISTED));
    }
    match shown.pop() {
        Some(last) if shown.is_empty() => last,
        Some(last) => format!("{} and {last}", shown.join(", ")),
        None => String::new(),
    }
}

/// The word for a place in a row, counted from 1.
pub(super) fn ordinal(place: usize) -> String {
    match ORDINALS.get(place.wrapping_sub(1)) {
        Some(word) => (*word).to_owned(),
        None => {
            let ending = match (place % 100, place % 10) {
                (11..=13, _) => "th",
                (_, 1) => "st",
                (_, 2) => "nd",
                (_, 3) => "rd",
                _ => "th",
            };
            format!("{place}{ending}")
        }
    }
}

/// The place in a row that a word names, counted from 1.
pub(super) fn place(word: &str) -> Option<usize> {
    let digits = word
        .strip_suffix("st")
        .or_else(|| word.strip_suffix("nd"))
        .or_else(|| word.strip_suffix("rd"))
        .or_else(|| word.strip_suffix("th"));
    ORDINALS
        .iter()
        .position(|ordinal| *ordinal == word)
        .map(|index| index + 1)
        .or_else(|| digits?.parse().ok().filter(|place| *place > 0))
}

const ORDINALS: [&str; 10] =
    ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];

/// A number with its noun: "1 message", "2 messages".
pub(super) fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `text` with its first letter in upper case.
pub(super) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// The words as the other side of the conversation says them: "my dog" becomes "your dog".
pub(super) fn turned(words: &[Word], limit: usize) -> String {
    let turned: Vec<&str> = words
        .iter()
        .take(limit)
        .map(|word| match word.lower.as_str() {
            "i" | "me" => "you",
            "my" => "your",
            "mine" => "yours",
            "myself" => "yourself",
            "am" => "are",
            "you" => "me",
            "your" => "my",
            "yours" => "mine",
            "yourself" => "myself",
            _ => word.text.as_str(),
        })
        .collect();
    turned.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_like_english() {
        assert_eq!(listed(&["tea"]), "tea");
        assert_eq!(listed(&["tea", "chess"]), "tea and chess");
        assert_eq!(listed(&["tea", "chess", "Rust"]), "tea, chess and Rust");
        assert_eq!(listed::<&str>(&[]), "");
        assert!(listed(&["x"; 40]).ends_with(" and 28 more"));
    }

    #[test]
    fn places_and_their_words_agree() {
        for number in 1..200 {
            assert_eq!(place(&ordinal(number)), Some(number));
        }
        assert_eq!(ordinal(112), "112th");
        assert_eq!(ordinal(23), "23rd");
        assert_eq!(place("word"), None);
        assert_eq!(place("0th"), None);
    }

    #[test]
    fn quotations_are_short_and_on_one_line() {
        assert_eq!(quoted(" two\n lines "), "\"two lines\"");
        let long = quoted(&"word ".repeat(1000));
        assert!(long.chars().count() <= MAX_QUOTE + 3 && long.ends_with("word…\""), "{long}");
        let one = quoted(&"ü".repeat(1000));
        assert_eq!(one.chars().count(), MAX_QUOTE + 3);
    }
}
