//! Cuts what a model says into the chunks that go out.

use std::collections::VecDeque;

use unicode_width::UnicodeWidthChar;

/// Takes pieces of text and yields the chunks that are whole. Put together again, the chunks are the text.
#[derive(Debug)]
pub struct Chunks {
    by_word: bool,
    held: String,
    ready: VecDeque<String>,
}

impl Chunks {
    /// Every piece is a chunk.
    pub fn pieces() -> Self {
        Self { by_word: false, held: String::new(), ready: VecDeque::new() }
    }

    /// Every word is a chunk, with the blanks behind it; a wide character (as in Chinese or Japanese) is a word.
    ///
    /// A word is whole once the next one begins, so that a piece that ends inside a word does not break it.
    pub fn words() -> Self {
        Self { by_word: true, ..Self::pieces() }
    }

    /// Takes the next piece of the text.
    pub fn push(&mut self, piece: &str) {
        for character in piece.chars() {
            if self.by_word && self.begins_word(character) {
                self.finish();
            }
            self.held.push(character);
        }
        if !self.by_word {
            self.finish();
        }
    }

    /// The text is over: what was held back is whole.
    pub fn finish(&mut self) {
        if !self.held.is_empty() {
            self.ready.push_back(std::mem::take(&mut self.held));
        }
    }

    fn begins_word(&self, character: char) -> bool {
        let Some(last) = self.held.chars().next_back() else { return false };
        let between_words = last.is_whitespace() && !self.held.trim_start().is_empty();
        let beside_wide = !last.is_whitespace() && (is_wide(last) || is_wide(character));
        // What has no width belongs to the character before it.
        !character.is_whitespace() && character.width() != Some(0) && (between_words || beside_wide)
    }
}

fn is_wide(character: char) -> bool {
    character.width().unwrap_or(0) > 1
}

/// The chunks known to be whole so far.
impl Iterator for Chunks {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words_of(pieces: &[&str]) -> Vec<String> {
        let mut chunks = Chunks::words();
        pieces.iter().for_each(|piece| chunks.push(piece));
        chunks.finish();
        chunks.collect()
    }

    #[test]
    fn each_word_takes_the_blanks_behind_it() {
        assert_eq!(words_of(&["Hello  Ada,\nbye."]), ["Hello  ", "Ada,\n", "bye."]);
        assert_eq!(words_of(&["  a b "]), ["  a ", "b "]);
        assert!(words_of(&[""]).is_empty());
        assert_eq!(words_of(&["  \n"]), ["  \n"]);
    }

    #[test]
    fn tokens_inside_a_word_do_not_break_it() {
        assert_eq!(words_of(&["Hel", "lo", " wor", "ld", "!"]), ["Hello ", "world!"]);
    }

    #[test]
    fn text_without_blanks_does_not_wait_for_its_end() {
        assert_eq!(words_of(&["世界 ok你好!"]), ["世", "界 ", "ok", "你", "好", "!"]);
        assert_eq!(words_of(&["e\u{301}te\u{301} 世\u{200d}"]), ["e\u{301}te\u{301} ", "世\u{200d}"]);
    }

    #[test]
    fn nothing_is_lost_however_the_text_arrives() {
        let text = "  Grüße,\t世界 \n\n and  more ";
        let characters: Vec<char> = text.chars().collect();
        for size in 1..=characters.len() {
            let pieces: Vec<String> = characters.chunks(size).map(|piece| piece.iter().collect()).collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            assert_eq!(words_of(&pieces).concat(), text);
            assert_eq!(words_of(&pieces), words_of(&[text]));
        }
    }

    #[test]
    fn a_word_is_yielded_when_the_next_one_begins() {
        let mut chunks = Chunks::words();
        chunks.push("one two");
        assert_eq!(chunks.next().as_deref(), Some("one "));
        assert_eq!(chunks.next(), None);
        chunks.push(" ");
        assert_eq!(chunks.next(), None);
        chunks.finish();
        assert_eq!(chunks.next().as_deref(), Some("two "));
    }

    #[test]
    fn pieces_are_yielded_as_they_come_unless_empty() {
        let mut chunks = Chunks::pieces();
        ["Hel", "", "lo wor", "ld"].iter().for_each(|piece| chunks.push(piece));
        chunks.finish();
        assert_eq!(chunks.collect::<Vec<_>>(), ["Hel", "lo wor", "ld"]);
    }
}
