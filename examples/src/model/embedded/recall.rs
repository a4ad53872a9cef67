//! Earlier messages found by their words.

use super::phrase::{Word, among, clauses, sentences};

/// Words that say nothing about what a sentence is about.
const EMPTY_WORDS: &str = "the and but for not you your yours mine are was were been being have has \
    had does did doing what when where which who whom whose why how that this these those there here \
    with about from into onto over under than then them they she his her its our their can could will \
    would should shall may might must just also very much many some any all one tell told say said ask \
    asked know remember please again earlier before now yet still ever mean think like name called \
    call first last thing things something anything message question answer explain describe give show";

/// The sentence of an earlier message that has the most words in common with `words`, and the place
/// of its message, counted from 1. Questions are passed over.
pub(super) fn best<'h>(earlier: &[&'h str], words: &[Word]) -> Option<(&'h str, usize)> {
    let wanted: Vec<&str> = words.iter().map(|word| stem(&word.lower)).filter(|word| is_telling(word)).collect();
    if wanted.is_empty() {
        return None;
    }
    let mut best = None;
    let mut most = 0;
    for (index, message) in earlier.iter().enumerate() {
        for sentence in sentences(message) {
            let common = common_words(sentence, &wanted);
            // Of equals the newest wins.
            if common > 0 && common >= most {
                most = common;
                best = Some((sentence.trim(), index + 1));
            }
        }
    }
    best
}

/// How many of the wanted words a sentence holds; none if it asks something.
fn common_words(sentence: &str, wanted: &[&str]) -> usize {
    let mut found = vec![false; wanted.len()];
    for clause in clauses(sentence) {
        if clause.asks {
            return 0;
        }
        for word in &clause.words {
            let word = stem(&word.lower);
            if let Some(at) = wanted.iter().position(|wanted| *wanted == word) {
                found[at] = true;
            }
        }
    }
    found.into_iter().filter(|found| *found).count()
}

fn is_telling(word: &str) -> bool {
    word.chars().count() > 2 && !among(word, EMPTY_WORDS)
}

/// A word without the endings that its forms differ by.
fn stem(word: &str) -> &str {
    let word = word.strip_suffix("'s").unwrap_or(word);
    match word.strip_suffix('s') {
        Some(stem) if stem.len() > 2 && !stem.ends_with('s') => stem,
        _ => word,
    }
}
