//! What follows "I am": a name, an age, a place, a trade or a mood.

use super::memory::Subject;
use super::phrase::{Word, after, among, around, written};
use super::statement::{NAME_STOPS, Statement, name_is, named, value, without_adverbs};

/// Words that follow "I am" and are no name.
const STATES: &str = "a an the not no here there back ready done sure sorry fine ok okay well good \
    great happy sad tired hungry thirsty bored busy sick ill late early lost new old young alone \
    afraid angry glad mad hot cold warm free home online offline away out in on at of to for with \
    from very so too quite really just still also about almost your my his her our their it he she \
    they we you i this that single vegan vegetarian able unable human american british english \
    german french male female tall short rich poor smart crazy certain aware awake asleep better \
    worse best worst alright proud calm sober both half sort kind near under over off up down";

/// Endings of words that say how someone is.
const STATE_ENDINGS: [&str; 9] = ["ing", "ed", "ful", "less", "ous", "able", "ive", "ish", "ian"];

/// Numbers that are an age on their own.
const NUMBERS: &str = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen \
    nineteen twenty thirty forty fifty sixty seventy eighty ninety";

/// What follows "I am".
pub(super) fn read(words: &[Word]) -> Vec<Statement> {
    let rest = without_adverbs(words);
    let is = |subject, rest| vec![Statement::Is(subject, format!("you are {}", value(rest)))];
    let begins = |pattern| after(rest, pattern).is_some_and(|value| !value.is_empty());
    if let Some(age) = age(rest) {
        vec![Statement::Is(Subject::Age, age)]
    } else if begins("called|named") {
        named(&rest[1..]).map(|(name, _)| name_is(&name)).into_iter().collect()
    } else if begins("from") {
        is(Subject::Origin, rest)
    } else if begins("living|based in|at|near") || begins("in|at|near") {
        is(Subject::Home, rest)
    } else if begins("working at|for|in|with") {
        is(Subject::Workplace, rest)
    } else if begins("working as") || (begins("a|an") && !begins("a bit|little|lot")) {
        // "I am a teacher from Paris" tells two things.
        let end = rest.iter().position(|word| word.lower == "from");
        let (role, origin) = rest.split_at(end.unwrap_or(rest.len()));
        let mut told = is(Subject::Role, role);
        if !origin.is_empty() {
            told.extend(read(origin));
        }
        told
    } else if let Some((name, rest)) = name_alone(rest) {
        let mut told = vec![name_is(&name)];
        // "I am Ada, a teacher" goes on about the same person.
        if rest.first().is_some_and(|word| among(&word.lower, "from a an")) {
            told.extend(read(rest));
        }
        told
    } else if rest.is_empty() || begins("not") {
        Vec::new()
    } else {
        is(Subject::State, rest)
    }
}

/// A name after "I am", told from a word for how someone is.
fn name_alone(words: &[Word]) -> Option<(String, &[Word])> {
    let (name, rest) = named(words)?;
    let is_picture = |word: &&Word| !word.text.contains(char::is_alphanumeric);
    let parts = words[..words.len() - rest.len()].iter();
    let parts: Vec<&Word> = parts.filter(|word| !is_picture(word)).collect();
    let first = parts.first()?;
    let is_written_small = parts.iter().any(|word| word.text == word.lower);
    let is_state = among(&first.lower, STATES)
        || STATE_ENDINGS
            .iter()
            .any(|ending| is_written_small && first.lower.len() > 4 && first.lower.ends_with(ending));
    let has_letters = parts.iter().all(|word| word.text.contains(char::is_alphabetic));
    // Letters without case, as in Chinese, are no reason to doubt a name.
    let fits = has_letters && parts.len() <= 3 && (parts.len() == 1 || !is_written_small);
    (fits && !is_state).then_some((name, rest))
}

/// "36", "36 years old", "thirty-six".
fn age(words: &[Word]) -> Option<String> {
    let (first, rest) = words.split_first()?;
    if let Some((before, _)) = around(words, "years|year old")
        && before.len() <= 3
    {
        return Some(format!("you are {} years old", written(before, 3)));
    }
    let is_number = match first.lower.parse::<u32>() {
        Ok(years) => (1..=150).contains(&years),
        Err(_) => first.lower.split('-').next().is_some_and(|word| among(word, NUMBERS)),
    };
    let stands_alone = first.comma || rest.first().is_none_or(|word| among(&word.lower, NAME_STOPS));
    (is_number && stands_alone).then(|| format!("you are {} years old", first.text))
}
