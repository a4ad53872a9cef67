//! What the person likes and does not like.

use super::memory::Subject;
use super::phrase::{Word, after, among};
use super::statement::{MAX_WORDS, Statement, thing, without_adverbs};
use super::wording::turned;

/// The most things of one list that are kept.
const MAX_THINGS: usize = 20;

/// Words after which a liked thing is over.
const THING_STOPS: &str = "because since although though when whenever while but than over as so \
    especially";

/// Words at the end of a liked thing that do not belong to it.
const TRAILING: &str = "anymore any more much lot lots a the very most best really too also";

/// "I like tea and chess", "I hate rain".
pub(super) fn read(words: &[Word]) -> Option<Vec<Statement>> {
    const YES: [&str; 7] = [
        "like|love|enjoy|adore|prefer",
        "am fond of",
        "am keen on",
        "am into",
        "am a fan of",
        "am a big|huge|great fan of",
        "am crazy about",
    ];
    const NO: [&str; 6] = [
        "do not like|love|enjoy|want",
        "do not really like|love|enjoy",
        "no longer like|love|enjoy",
        "hate|dislike|detest",
        "can not stand",
        "am not fond of",
    ];
    let rest = after(words, "i")?;
    let rest = without_adverbs(rest);
    let begins = |patterns: &[&str]| patterns.iter().find_map(|pattern| after(rest, pattern));
    let (liked, rest) = match (begins(&YES), begins(&NO)) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return None,
    };
    let told: Vec<_> = things(rest)
        .into_iter()
        .map(|words| {
            let subject = if liked { Subject::Like } else { Subject::Dislike };
            Statement::Is(subject(thing(words)), turned(words, MAX_WORDS))
        })
        .collect();
    (!told.is_empty()).then_some(told)
}

/// The things in a list: "tea, long walks and chess".
fn things(words: &[Word]) -> Vec<&[Word]> {
    let end = words.iter().position(|word| among(&word.lower, THING_STOPS));
    let words = &words[..end.unwrap_or(words.len())];
    words
        .split_inclusive(|word| word.comma || among(&word.lower, "and or & plus"))
        .map(|item| {
            let mut item = item;
            while let Some((last, rest)) = item.split_last()
                && (among(&last.lower, "and or & plus") || among(&last.lower, TRAILING))
            {
                item = rest;
            }
            without_adverbs(item)
        })
        .filter(|item| match item {
            [] => false,
            [only] => !among(&only.lower, "it that this them him her these those one so"),
            _ => true,
        })
        .take(MAX_THINGS)
        .collect()
}
