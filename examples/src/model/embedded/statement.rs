//! What a clause tells about the person.

use super::memory::Subject;
use super::phrase::{Clause, Word, after, among, around, written};
use super::wording::{capitalised, turned};
use super::{being, liking};

/// The most words of one thing that are kept.
pub(super) const MAX_WORDS: usize = 12;

/// Something that a clause says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Statement {
    /// The clause that holds from now on, and what it is about.
    Is(Subject, String),
    /// A clause that does not hold.
    IsNot(Subject, String),
}

/// Words after which a name is over.
pub(super) const NAME_STOPS: &str = "and but so because since although though while if when who what how nice \
    please thanks thank now too anyway ok okay right by not from today here";

/// Words after which whatever else is told is over.
const VALUE_STOPS: &str = "because although though but";

/// Words between "I" and what is told.
const ADVERBS: &str = "really also still mostly usually often always just now currently absolutely \
    especially actually both simply";

/// What `clause` tells, in order.
pub(super) fn read(clause: &Clause) -> Vec<Statement> {
    let words = &clause.words[..];
    if let Some(rest) = to_remember(words) {
        let told = told(rest);
        return if told.is_empty() {
            let text = turned(rest, MAX_WORDS);
            vec![Statement::Is(Subject::Note(text.to_lowercase()), text)]
        } else {
            told
        };
    }
    // A question tells nothing, unless it is one in form alone: "could you call me Ada?",
    // "my name is Ada, ok?"
    let told_name = after(words, "my name is").and_then(<[Word]>::first);
    let is_told = told_name.is_some_and(|word| !among(&word.lower, "what who how"));
    if clause.asks && !is_told && after(words, "call me").is_none() {
        return Vec::new();
    }
    told(words)
}

/// The subject under which a thing of the person's is kept, however it is spelt.
pub(super) fn mine(words: &[Word]) -> Subject {
    let words: Vec<&str> = words
        .iter()
        .take(MAX_WORDS)
        .map(|word| match word.lower.as_str() {
            "favourite" => "favorite",
            "favourites" => "favorites",
            "colour" => "color",
            "colours" => "colors",
            lower => lower.strip_suffix("'s").unwrap_or(lower),
        })
        .collect();
    match words.join(" ").as_str() {
        "name" => Subject::Name,
        "age" => Subject::Age,
        "job" | "profession" | "occupation" => Subject::Role,
        key => Subject::Mine(key.to_owned()),
    }
}

/// A thing that is liked or not, as it is compared.
pub(super) fn thing(words: &[Word]) -> String {
    written(words, MAX_WORDS).to_lowercase()
}

fn told(words: &[Word]) -> Vec<Statement> {
    let one = |statement: Option<Statement>| statement.map(|statement| vec![statement]);
    one(called(words))
        .or_else(|| liking::read(words))
        .or_else(|| after(words, "i am").map(being::read))
        .or_else(|| one(my(words)))
        .or_else(|| one(is_my(words)))
        .or_else(|| one(doing(words)))
        .unwrap_or_default()
}

/// What "remember that ..." asks to remember.
fn to_remember(words: &[Word]) -> Option<&[Word]> {
    let rest = after(words, "remember|memorize|memorise|note").or_else(|| after(words, "do not forget"))?;
    let rest = after(rest, "that|this").unwrap_or(rest);
    (rest.len() > 1).then_some(rest)
}

/// A name at the beginning of `words`, and what follows it.
pub(super) fn named(words: &[Word]) -> Option<(String, &[Word])> {
    let comma = words.iter().position(|word| word.comma).map(|at| at + 1);
    let stop = words.iter().position(|word| among(&word.lower, NAME_STOPS));
    let end = words.len().min(comma.unwrap_or(usize::MAX)).min(stop.unwrap_or(usize::MAX));
    if end == 0 {
        return None;
    }
    let shouted = !words.iter().any(|word| word.text.contains(char::is_lowercase));
    // A picture after a name is not a part of it, unless it is all there is.
    let is_named = |word: &&Word| word.text.contains(char::is_alphanumeric);
    let pictures = !words[..end].iter().any(|word| is_named(&word));
    let name: Vec<String> = words[..end]
        .iter()
        .filter(|word| pictures || is_named(word))
        .take(4)
        .map(|word| match () {
            () if word.text == word.lower => capitalised(&word.text),
            () if shouted && word.text.chars().count() > 2 => capitalised(&word.lower),
            () => word.text.clone(),
        })
        .map(|word| word.chars().take(40).collect())
        .collect();
    Some((name.join(" "), &words[end..]))
}

pub(super) fn name_is(name: &str) -> Statement {
    Statement::Is(Subject::Name, format!("your name is {name}"))
}

/// "Call me Ada", "everybody calls me Ada", "I go by Ada".
fn called(words: &[Word]) -> Option<Statement> {
    let (before, rest) = around(words, "call|calls me").or_else(|| around(words, "i go by"))?;
    let no_name = "later back tomorrow tonight maybe a an the when whenever your";
    if before.len() > 4 || rest.first().is_some_and(|word| among(&word.lower, no_name)) {
        return None;
    }
    let (name, _) = named(rest)?;
    if before.iter().any(|word| among(&word.lower, "not never")) {
        let clause = format!("your name is {name}");
        return Some(Statement::IsNot(Subject::Name, clause));
    }
    Some(name_is(&name))
}

/// "My favourite colour is blue", "my dog is called Rex".
fn my(words: &[Word]) -> Option<Statement> {
    let rest = after(words, "my")?;
    let at = rest.iter().take(7).position(|word| among(&word.lower, "is are was were"))?;
    let (thing, verb, said) = (&rest[..at], &rest[at].lower, without_adverbs(&rest[at + 1..]));
    if thing.is_empty() || said.is_empty() {
        return None;
    }
    let (negated, said) = match after(said, "not") {
        Some(said) => (true, said),
        None => (false, said),
    };
    let mut subject = mine(thing);
    if let Subject::Mine(key) = &mut subject
        && after(said, "called|named").is_some()
    {
        key.push_str(" name");
    }
    let clause = match subject {
        Subject::Name => format!("your name is {}", named(said)?.0),
        _ => format!("your {} {verb} {}", turned(thing, MAX_WORDS), value(said)),
    };
    Some(if negated { Statement::IsNot(subject, clause) } else { Statement::Is(subject, clause) })
}

/// "Blue is my favourite colour".
fn is_my(words: &[Word]) -> Option<Statement> {
    let (said, thing) = around(words, "is|are my")?;
    let pointing = "this that it here there he she they these those i";
    if thing.is_empty() || thing.len() > 6 || said.len() > MAX_WORDS {
        return None;
    }
    if among(&said.first()?.lower, pointing) {
        return None;
    }
    let subject = mine(thing);
    let clause = match subject {
        Subject::Name => format!("your name is {}", named(said)?.0),
        _ => format!("your {} is {}", turned(thing, MAX_WORDS), value(said)),
    };
    Some(Statement::Is(subject, clause))
}

/// "I live in Berlin", "I have two cats".
fn doing(words: &[Word]) -> Option<Statement> {
    let rest = without_adverbs(after(words, "i")?);
    let (verb, object) = rest.split_first()?;
    let says_nothing = "think know guess mean hope wonder ask asked say said tell told would could \
        will can should must may might do did am see feel bet promise wish suppose";
    if object.is_empty() || among(&verb.lower, says_nothing) {
        return None;
    }
    if after(rest, "have a|an|another question|problem|idea|request").is_some() {
        return None;
    }
    let begins = |pattern| after(rest, pattern).is_some();
    let subject = if begins("live|reside") || begins("moved to") {
        Subject::Home
    } else if begins("come from") {
        Subject::Origin
    } else if begins("was born") {
        Subject::Birth
    } else if begins("work as") {
        Subject::Role
    } else if begins("work") {
        Subject::Workplace
    } else if begins("was") {
        return None;
    } else {
        Subject::Does(verb.lower.clone(), thing(object))
    };
    let verb = if verb.lower == "was" { "were" } else { &verb.lower };
    Some(Statement::Is(subject, format!("you {verb} {}", value(object))))
}

/// What is told, as an answer says it.
pub(super) fn value(words: &[Word]) -> String {
    let end = words.iter().skip(1).position(|word| among(&word.lower, VALUE_STOPS));
    let words = &words[..end.map_or(words.len(), |end| end + 1)];
    let mut text = String::new();
    for word in words.iter().take(MAX_WORDS) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&turned(std::slice::from_ref(word), 1));
        if word.comma {
            text.push(',');
        }
    }
    text.trim_end_matches(',').to_owned()
}

pub(super) fn without_adverbs(words: &[Word]) -> &[Word] {
    let adverbs = words.iter().take_while(|word| among(&word.lower, ADVERBS)).count();
    // What consists of such words alone is meant.
    if adverbs == words.len() { words } else { &words[adverbs..] }
}
