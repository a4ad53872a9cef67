//! `generate`: writes word by word what usually follows the word before.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use stolid::Status;

use super::{hash, take, words};
use crate::inference::proto::{GenerateRequest, GenerateResponse};

/// What the model has read in its life.
const TEXT: &str = "\
    the server waits for a call . a call comes from a client . the client waits for an answer . \
    an answer comes word by word . every word leaves the server as soon as the model knows it . \
    the model knows what follows a word . a thread waits without any work . \
    the client reads every word as soon as it comes . the server stops when the client leaves . ";

/// Sentences of a whole answer.
const SENTENCES: usize = 3;

/// What the text has behind each word.
static FOLLOWERS: LazyLock<HashMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
    let mut followers = HashMap::<_, Vec<_>>::new();
    for (word, next) in TEXT.split_whitespace().zip(TEXT.split_whitespace().skip(1)) {
        followers.entry(word).or_default().push(next);
    }
    followers
});

/// Answers a request, with a pause before every word but the first.
///
/// # Errors
/// INVALID_ARGUMENT for a prompt of more than 64 KiB.
pub fn generate(request: GenerateRequest, delay: Duration) -> Result<Words, Status> {
    let GenerateRequest { prompt, max_tokens } = request;
    if prompt.len() > 64 * 1024 {
        return Err(Status::invalid_argument("the prompt is longer than 64 KiB"));
    }
    // The model goes on behind a word that it knows, and begins a sentence behind any other.
    let last = words(&prompt).last().and_then(|word| FOLLOWERS.get_key_value(&*word).map(|(known, _)| *known));
    let most = if max_tokens == 0 { usize::MAX } else { max_tokens as usize };
    Ok(Words { last: last.unwrap_or("."), chance: hash(&prompt), delay, made: 0, most, sentences: 0 })
}

/// An answer that is being written.
#[derive(Clone, Debug)]
pub struct Words {
    last: &'static str,
    /// Chooses among followers. It begins with the prompt, so that the same prompt gets the same answer.
    chance: u64,
    delay: Duration,
    made: usize,
    most: usize,
    sentences: usize,
}

impl Iterator for Words {
    type Item = Result<GenerateResponse, Status>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.made == self.most || self.sentences == SENTENCES {
            return None;
        }
        if self.made > 0
            && let Err(status) = take(self.delay)
        {
            return Some(Err(status));
        }
        let followers = FOLLOWERS.get(self.last)?;
        // Knuth's MMIX generator; its upper bits are the good ones.
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let word = followers[(self.chance >> 33) as usize % followers.len()];
        let blank = if self.made == 0 || word == "." { "" } else { " " };
        self.last = word;
        self.made += 1;
        self.sentences += usize::from(word == ".");
        Some(Ok(GenerateResponse { token: format!("{blank}{word}") }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(prompt: &str, max_tokens: u32) -> Vec<String> {
        let request = GenerateRequest { prompt: prompt.to_owned(), max_tokens };
        generate(request, Duration::ZERO).unwrap().map(|token| token.unwrap().token).collect()
    }

    #[test]
    fn the_same_prompt_gets_the_same_whole_answer() {
        let first = answer("What does the server do?", 0);
        assert_eq!(first, answer("What does the server do?", 0));
        assert_eq!(first.iter().filter(|token| *token == ".").count(), SENTENCES);
        assert_eq!(first.last().map(String::as_str), Some("."));
    }

    #[test]
    fn an_answer_goes_on_behind_the_last_word_of_the_prompt() {
        assert_eq!(answer("As soon", 1), ["as"]);
        assert_eq!(answer("It comes word BY!", 2), ["word", answer("It comes word BY!", 0)[1].as_str()]);
        assert!(["the", "a", "an", "every"].contains(&answer("", 1)[0].as_str()));
    }

    #[test]
    fn a_limit_ends_the_answer() {
        let whole = answer("Tell me", 0);
        assert_eq!(answer("Tell me", 3), whole[..3]);
        assert_eq!(answer("Tell me", u32::MAX), whole);
    }
}
