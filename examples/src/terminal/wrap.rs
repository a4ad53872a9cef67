//! Breaks text into lines at words, also text that arrives piece by piece.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Writes text word by word into lines of a fixed width.
///
/// A word goes out as soon as it is known to be whole, that is with the blank behind it, so that a line is
/// never broken inside a word that still grows. A word wider than a line is broken where the line ends, and a
/// wide character (as in Chinese or Japanese) counts as a word of its own.
#[derive(Debug)]
pub struct Wrapper {
    width: usize,
    column: usize,
    blanks: String,
    word: String,
}

impl Wrapper {
    /// Starts at the beginning of a line of `width` columns.
    pub fn new(width: usize) -> Self {
        Self { width: width.max(1), column: 0, blanks: String::new(), word: String::new() }
    }

    /// Takes the next piece of text; returns what can be written now.
    pub fn push(&mut self, text: &str) -> String {
        let mut out = String::new();
        for character in text.chars() {
            match character {
                '\n' => {
                    self.put_word(&mut out);
                    self.blanks.clear();
                    out.push('\n');
                    self.column = 0;
                }
                character if character.is_whitespace() => {
                    self.put_word(&mut out);
                    self.blanks.push(' ');
                }
                character => {
                    if character.width().unwrap_or(0) > 1 {
                        self.put_word(&mut out);
                    }
                    self.word.push(character);
                    if character.width().unwrap_or(0) > 1 || self.word.width() >= self.width {
                        self.put_word(&mut out);
                    }
                }
            }
        }
        out
    }

    /// The text is over: returns what was held back.
    pub fn finish(&mut self) -> String {
        let mut out = String::new();
        self.put_word(&mut out);
        self.blanks.clear();
        out
    }

    /// Whether something stands in the current line.
    pub fn is_mid_line(&self) -> bool {
        self.column > 0
    }

    fn put_word(&mut self, out: &mut String) {
        if self.word.is_empty() {
            return;
        }
        let width = self.word.width();
        if self.column > 0 && self.column + self.blanks.len() + width > self.width {
            out.push('\n');
            self.column = 0;
        } else if self.column + self.blanks.len() + width <= self.width {
            self.column += self.blanks.len();
            out.push_str(&self.blanks);
        }
        self.blanks.clear();
        for character in self.word.drain(..) {
            let width = character.width().unwrap_or(0);
            if self.column > 0 && self.column + width > self.width {
                out.push('\n');
                self.column = 0;
            }
            out.push(character);
            self.column += width;
        }
    }
}

/// Breaks a whole text into lines of at most `width` columns; at least one line, if only an empty one.
pub fn lines(text: &str, width: usize) -> Vec<String> {
    let mut wrapper = Wrapper::new(width);
    let mut out = wrapper.push(text);
    out.push_str(&wrapper.finish());
    out.split('\n').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader sees when `text` arrives in pieces of `size` characters.
    fn in_pieces(text: &str, size: usize, width: usize) -> String {
        let mut wrapper = Wrapper::new(width);
        let characters: Vec<char> = text.chars().collect();
        let mut out: String =
            characters.chunks(size).map(|piece| wrapper.push(&piece.iter().collect::<String>())).collect();
        out.push_str(&wrapper.finish());
        out
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(lines("the quick brown fox", 10), ["the quick", "brown fox"]);
        assert_eq!(lines("", 10), [""]);
        assert_eq!(lines("a\n\nb", 10), ["a", "", "b"]);
    }

    #[test]
    fn blanks_inside_a_line_stay_and_at_its_end_go() {
        assert_eq!(lines("a  b   ", 10), ["a  b"]);
        assert_eq!(lines("  indented", 12), ["  indented"]);
        assert_eq!(lines("12345   67890", 7), ["12345", "67890"]);
    }

    #[test]
    fn a_word_wider_than_a_line_is_broken() {
        assert_eq!(lines("abcdefghijkl xy", 5), ["abcde", "fghij", "kl xy"]);
        assert_eq!(lines("see abcdefghijkl", 5), ["see", "abcde", "fghij", "kl"]);
    }

    #[test]
    fn wide_characters_take_two_columns_and_break_anywhere() {
        assert_eq!(lines("世界世界", 5), ["世界", "世界"]);
        assert_eq!(lines("ab世界", 4), ["ab世", "界"]);
    }

    #[test]
    fn the_pieces_do_not_change_the_lines() {
        let text = "Hello Ada,  nice to meet you!\n- one\n- abcdefghijklmnopqrstuvwxyz\n世界 end";
        for width in [1, 2, 5, 12, 64] {
            let whole = lines(text, width).join("\n");
            for size in 1..8 {
                assert_eq!(in_pieces(text, size, width), whole, "pieces of {size}");
            }
            assert!(whole.split('\n').all(|line| line.width() <= width.max(2)));
        }
    }

    #[test]
    fn a_word_goes_out_with_the_blank_behind_it() {
        let mut wrapper = Wrapper::new(20);
        assert_eq!(wrapper.push("Hel"), "");
        assert!(!wrapper.is_mid_line());
        assert_eq!(wrapper.push("lo wor"), "Hello");
        assert!(wrapper.is_mid_line());
        assert_eq!(wrapper.push("ld"), "");
        assert_eq!(wrapper.finish(), " world");
    }
}
