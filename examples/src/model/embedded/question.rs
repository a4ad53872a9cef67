//! What a clause asks.

use super::memory::Subject;
use super::phrase::{Clause, Word, after, among, around, searchable};
use super::statement::{mine, thing};
use super::wording::place;

/// A question that the model can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Question {
    /// What the person told about this.
    What(Subject),
    /// Whether the person's name is this.
    IsNamed(String),
    /// What the person likes.
    Likes,
    /// What the person does not like.
    Dislikes,
    /// Whether the person likes this.
    DoesLike(String),
    /// What the person does, by the verb.
    Does(String),
    /// Everything about the person.
    Everything,
    /// What the person said about something.
    About(Vec<Word>),
    /// The message of this place, counted from 1.
    Said(usize),
    /// The question of this place, counted from 1.
    Asked(usize),
    /// The message before this one.
    SaidLast,
    /// How far the conversation has come.
    Count,
    /// The last answer, once more.
    Repeat,
    /// Who answers here.
    WhoAreYou,
    /// What can be asked.
    Help,
    /// How the model is.
    HowAreYou,
    /// The numbers up to this one.
    CountTo(usize),
    /// A story.
    Story,
}

/// The highest number that is counted to.
const MAX_COUNT: usize = 200;

/// What `clause` asks, if it is something that can be answered.
pub(super) fn read(clause: &Clause) -> Option<Question> {
    if !clause.asks {
        return None;
    }
    let words = without_end(&clause.words);
    let said = searchable(words);
    conversation(words, &said)
        .or_else(|| social(words, &said))
        .or_else(|| likes(words, &said))
        .or_else(|| person(words, &said))
}

/// The words without those at the end that only make a question softer.
fn without_end(words: &[Word]) -> &[Word] {
    let soft = |word: &Word| among(&word.lower, "again please now then yet already anyway right ok");
    let end = words.iter().rposition(|word| !soft(word)).map_or(0, |at| at + 1);
    &words[..end]
}

/// Whether one of the phrases, which stand between slashes, is in a searchable text.
fn any(said: &str, phrases: &str) -> bool {
    phrases.split('/').any(|phrase| said.contains(&format!(" {phrase} ")))
}

/// Questions about the conversation itself.
fn conversation(words: &[Word], said: &str) -> Option<Question> {
    let counts = any(said, "how many/number of/count/how long");
    let units = "turns/turn/messages/message/questions/conversation";
    if counts && any(said, units) {
        return Some(Question::Count);
    }
    let telling =
        any(said, "ask/asked/say/said/tell/told/mention/mentioned/write/wrote/question/message/thing/talk/start");
    if !telling {
        return None;
    }
    if after(words, "say that|it|this").is_some() {
        return Some(Question::Repeat);
    }
    let of_model = any(said, "you/your") && !any(said, "i/my/we");
    if of_model {
        let again = "last/just/before/repeat/previous";
        return any(said, again).then_some(Question::Repeat);
    }
    if let Some((_, topic)) = around(words, "about").filter(|(_, topic)| !topic.is_empty()) {
        return Some(if after(topic, "me|myself|us").is_some() {
            Question::Everything
        } else {
            Question::About(topic.to_vec())
        });
    }
    if said.contains(" name ") {
        return None;
    }
    if let Some(place) = words.iter().find_map(|word| place(&word.lower)) {
        let asked = any(said, "ask/asked/question");
        return Some(if asked { Question::Asked(place) } else { Question::Said(place) });
    }
    if any(said, "last/previous/just/before") {
        return Some(Question::SaidLast);
    }
    any(said, "told you/tell you/said to you").then_some(Question::Everything)
}

/// What people ask each other.
fn social(words: &[Word], said: &str) -> Option<Question> {
    if let Some(rest) = after(words, "count to|until") {
        let number = rest.first()?.lower.parse().ok()?;
        return (1..=MAX_COUNT).contains(&number).then_some(Question::CountTo(number));
    }
    if any(said, "a story/a long story/another story/a short story") {
        return Some(Question::Story);
    }
    if after(words, "repeat").is_some() {
        return Some(Question::Repeat);
    }
    let who = "who are you/what are you/your name/which model/what model";
    if any(said, who) {
        return Some(Question::WhoAreYou);
    }
    if after(words, "help").is_some() || any(said, "can you do/you help/can i ask") {
        return Some(Question::Help);
    }
    any(said, "how are you/how do you do/how is it going").then_some(Question::HowAreYou)
}

/// Questions about likes.
fn likes(words: &[Word], said: &str) -> Option<Question> {
    if let Some(rest) = after(words, "do i like|love|enjoy|prefer").filter(|it| !it.is_empty()) {
        return Some(Question::DoesLike(thing(rest)));
    }
    let not = "i hate/i dislike/not i like/i not like/i do not like/not like";
    if any(said, not) {
        return Some(Question::Dislikes);
    }
    any(said, "i like/i love/i enjoy/i prefer").then_some(Question::Likes)
}

/// What is asked about the person, and in which phrases.
const PERSON: [(&str, Subject); 10] = [
    ("am i called/i am called/you call me/my name", Subject::Name),
    ("old am i/old i am/my age", Subject::Age),
    ("am i from/i am from/i come from", Subject::Origin),
    ("i live/i am living/where am i/where i am/my home", Subject::Home),
    ("i born/i was born", Subject::Birth),
    ("i do for a living/i do for work/what am i/my job", Subject::Role),
    ("where do i work/where i work/who do i work for", Subject::Workplace),
    ("how am i/how i am/i feel/am i feeling", Subject::State),
    ("what do i do", Subject::Role),
    ("what i do", Subject::Role),
];

/// Questions about the person.
fn person(words: &[Word], said: &str) -> Option<Question> {
    if let Some(rest) = after(words, "is my name").filter(|it| !it.is_empty()) {
        return Some(Question::IsNamed(thing(rest)));
    }
    if after(words, "am i called|named").is_some_and(|it| !it.is_empty()) {
        return Some(Question::IsNamed(thing(&words[3..])));
    }
    if any(said, "who am i/who i am/about me/about myself") {
        return Some(Question::Everything);
    }
    if said.ends_with(" you know ") || said.ends_with(" you remember ") {
        return Some(Question::Everything);
    }
    // "What is my name's origin?" and "is my name in use?" ask something else.
    let is_own = |subject: &Subject| *subject != Subject::Name || ends_with_name(words, said);
    for (phrases, subject) in PERSON {
        if any(said, phrases) && is_own(&subject) {
            return Some(Question::What(subject));
        }
    }
    of_mine(words).or_else(|| {
        let (_, rest) = around(words, "do|did i")?;
        rest.first().map(|verb| Question::Does(verb.lower.clone()))
    })
}

fn ends_with_name(words: &[Word], said: &str) -> bool {
    match around(words, "my name") {
        Some((_, rest)) => rest.iter().all(|word| among(&word.lower, "is was of what and")),
        None => !said.contains(" my name "),
    }
}

/// "What is my dog called?", "tell me my favourite colour".
fn of_mine(words: &[Word]) -> Option<Question> {
    let (_, rest) = around(words, "my")?;
    let is_end = |word: &Word| among(&word.lower, "is are was were");
    let end = rest.iter().position(is_end).unwrap_or(rest.len());
    let rest = &rest[..end];
    let (last, before) = rest.split_last()?;
    if !before.is_empty()
        && among(&last.lower, "called named")
        && let Subject::Mine(key) = mine(before)
    {
        return Some(Question::What(Subject::Mine(format!("{key} name"))));
    }
    Some(Question::What(mine(rest)))
}
