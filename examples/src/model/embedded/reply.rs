//! The answer to a message.

use super::memory::{Fact, Memory, Subject};
use super::phrase::{self, Clause, Word, among};
use super::question::{self, Question};
use super::recall;
use super::wording::{capitalised, counted, listed, ordinal, quoted, turned};
use crate::model::{Role, Turn};

/// The most questions of one message that are answered.
const MAX_ANSWERS: usize = 3;

/// The answer to the newest turn of a history.
pub(super) fn to(history: &[Turn]) -> String {
    let newest = match history.last() {
        Some(turn) if turn.role == Role::User => turn.text.as_str(),
        _ => "",
    };
    if newest.trim().is_empty() {
        return "Your message is empty, so there is nothing to answer. Tell me something about \
                yourself, or ask me a question."
            .to_owned();
    }
    let memory = Memory::of(history);
    let clauses: Vec<Clause> = phrase::clauses(newest).collect();
    let mut answers: Vec<String> = Vec::new();
    for clause in clauses.iter().filter(|clause| clause.asks) {
        if let Some(question) = question::read(clause) {
            let answer = answer(&memory, &question, &clause.words);
            if !answers.contains(&answer) {
                answers.push(answer);
            }
        }
    }
    if !answers.is_empty() {
        answers.truncate(MAX_ANSWERS);
        return answers.join(" ");
    }
    let news = memory.news();
    if !news.is_empty() {
        return acknowledgement(&news);
    }
    match clauses.iter().rev().find(|clause| clause.asks) {
        Some(clause) => search(&memory, &clause.words).unwrap_or_else(|| {
            "I cannot answer that, because I know nothing beyond this conversation. Ask me about \
             something that you have told me."
                .to_owned()
        }),
        None => small_talk(&memory, newest),
    }
}

/// What is said to a message that told something.
fn acknowledgement(news: &[&Fact]) -> String {
    let name = news.iter().find_map(|fact| match fact.subject {
        Subject::Name => fact.clause.strip_prefix("your name is "),
        _ => None,
    });
    let told = summary(news.iter().copied().filter(|fact| fact.subject != Subject::Name));
    match name {
        Some(name) if told.is_empty() => {
            format!("Nice to meet you, {name}. I will remember your name for the rest of our conversation.")
        }
        Some(name) => format!("Nice to meet you, {name}. I will remember that {told}."),
        None => format!("Thank you, I will remember that {told}. Ask me about it at any time."),
    }
}

/// Facts as one clause: "you live in Berlin, and you like tea and chess".
fn summary<'f>(facts: impl Iterator<Item = &'f Fact>) -> String {
    let (mut clauses, mut liked, mut disliked, mut noted) = (vec![], vec![], vec![], vec![]);
    for fact in facts {
        match fact.subject {
            Subject::Like(_) => liked.push(fact.clause.as_str()),
            Subject::Dislike(_) => disliked.push(fact.clause.as_str()),
            Subject::Note(_) => noted.push(format!("you wanted me to remember {}", quoted(&fact.clause))),
            Subject::Name => clauses.insert(0, fact.clause.clone()),
            _ => clauses.push(fact.clause.clone()),
        }
    }
    if !liked.is_empty() {
        clauses.push(format!("you like {}", listed(&liked)));
    }
    if !disliked.is_empty() {
        clauses.push(format!("you do not like {}", listed(&disliked)));
    }
    clauses.extend(noted);
    listed(&clauses)
}

/// What is said to a message that neither tells nor asks anything.
fn small_talk(memory: &Memory<'_>, message: &str) -> String {
    let words: Vec<Word> = phrase::clauses(message).flat_map(|clause| clause.words).collect();
    let is_one_of = |list| words.iter().any(|word| among(&word.lower, list));
    let name = memory
        .fact(&Subject::Name)
        .and_then(|fact| fact.clause.strip_prefix("your name is "))
        .map_or_else(String::new, |name| format!(", {name}"));
    if words.is_empty() {
        "I find no words in your message. Tell me something about yourself, or ask me a question.".to_owned()
    } else if is_one_of("bye goodbye farewell") {
        format!("Goodbye{name}. It was nice to talk with you, and I wish you a good day.")
    } else if is_one_of("thanks thank thx") {
        format!("You are welcome{name}. Is there anything else that you would like to tell or ask?")
    } else if words.len() <= 3 && is_one_of("hello hi hey greetings morning afternoon evening") {
        format!("Hello{name}. Tell me something about yourself, and ask me about it later.")
    } else {
        format!("I see{name}. I cannot say much about that, but you can ask me about it later.")
    }
}

/// What an earlier message says about these words.
fn search(memory: &Memory<'_>, words: &[Word]) -> Option<String> {
    let (_, earlier) = memory.said.split_last()?;
    let (sentence, message) = recall::best(earlier, words)?;
    Some(format!("You said {} in your {} message. I know nothing more about that.", quoted(sentence), ordinal(message)))
}

/// Facts as sentences, and where the newest of them was told.
fn recalled(memory: &Memory<'_>, facts: &[&Fact]) -> Option<String> {
    let newest = facts.iter().map(|fact| fact.message).max()?;
    let told = capitalised(&summary(facts.iter().copied()));
    Some(if newest == memory.newest() {
        format!("{told}. You told me so just now, in this very message.")
    } else {
        format!("{told}. You told me so in your {} message.", ordinal(newest))
    })
}

fn not_told(what: &str) -> String {
    format!("You have not told me {what} yet. Tell me, and I will remember it for this conversation.")
}

fn answer(memory: &Memory<'_>, question: &Question, words: &[Word]) -> String {
    match question {
        Question::What(subject) => what(memory, subject, words),
        Question::IsNamed(name) => is_named(memory, name),
        Question::Likes => liked(memory),
        Question::Dislikes => disliked(memory),
        Question::DoesLike(thing) => does_like(memory, thing),
        Question::Does(verb) => does(memory, verb, words),
        Question::Everything => everything(memory),
        Question::About(topic) => about(memory, topic),
        Question::Said(place) => said(memory, *place),
        Question::Asked(place) => asked(memory, *place),
        Question::SaidLast => match memory.newest() {
            0 | 1 => "This is your first message, so there is none before it that I could recall.".to_owned(),
            newest => said(memory, newest - 1),
        },
        Question::Count => count(memory),
        Question::Repeat => match memory.answered.last() {
            Some(answer) => format!("My last answer was: {}", quoted(answer)),
            None => "I have not said anything yet in this conversation, so I cannot repeat it.".to_owned(),
        },
        Question::WhoAreYou => "I am the embedded model of this chat, a small program without \
            outside knowledge. I remember what you tell me in this conversation."
            .to_owned(),
        Question::Help => "I can recall your name, what you like, other things you told me, and our \
            earlier messages. I know nothing beyond this conversation."
            .to_owned(),
        Question::HowAreYou => "I am well, thank you. I am ready to listen and to recall what you \
            tell me."
            .to_owned(),
        Question::CountTo(number) => {
            let numbers: Vec<String> = (1..=*number).map(|number| number.to_string()).collect();
            format!("I count to {number} as you asked: {}. That was all.", numbers.join(", "))
        }
        Question::Story => STORY.to_owned(),
    }
}

fn what(memory: &Memory<'_>, subject: &Subject, words: &[Word]) -> String {
    if let Some(known) = memory.fact(subject).and_then(|fact| recalled(memory, &[fact])) {
        return known;
    }
    let what = match subject {
        Subject::Name => "your name".to_owned(),
        Subject::Age => "how old you are".to_owned(),
        Subject::Home => "where you live".to_owned(),
        Subject::Origin => "where you are from".to_owned(),
        Subject::Birth => "when and where you were born".to_owned(),
        Subject::Role => "what you do".to_owned(),
        Subject::Workplace => "where you work".to_owned(),
        Subject::State => "how and where you are".to_owned(),
        Subject::Mine(key) => return mine(memory, key, words),
        Subject::Like(_) | Subject::Dislike(_) | Subject::Does(..) | Subject::Note(_) => "about that".to_owned(),
    };
    not_told(&what)
}

/// What is known about a thing of the person's that has no fact under its own words.
fn mine(memory: &Memory<'_>, key: &str, words: &[Word]) -> String {
    match key {
        "likes" | "interests" | "hobbies" => return liked(memory),
        "dislikes" => return disliked(memory),
        "address" | "city" | "town" | "country" | "location" | "home" => {
            return what(memory, &Subject::Home, words);
        }
        "work" => return what(memory, &Subject::Role, words),
        "employer" | "company" => return what(memory, &Subject::Workplace, words),
        _ => {}
    }
    let is_near = |fact: &&Fact| match &fact.subject {
        Subject::Mine(other) => {
            let other = other.strip_suffix(" name").unwrap_or(other);
            other == key.strip_suffix(" name").unwrap_or(key)
        }
        _ => false,
    };
    let near: Vec<&Fact> = memory.facts().iter().filter(is_near).collect();
    recalled(memory, &near)
        .or_else(|| search(memory, words))
        .unwrap_or_else(|| not_told(&format!("about your {}", shortened(key))))
}

fn is_named(memory: &Memory<'_>, name: &str) -> String {
    let Some(fact) = memory.fact(&Subject::Name) else {
        return not_told("your name");
    };
    let told = ordinal(fact.message);
    if fact.clause.to_lowercase() == format!("your name is {name}") {
        format!("Yes, {}. You told me so in your {told} message.", fact.clause)
    } else {
        format!("No, {}, as you told me in your {told} message.", fact.clause)
    }
}

fn liked(memory: &Memory<'_>) -> String {
    recalled_if(memory, |subject| matches!(subject, Subject::Like(_))).unwrap_or_else(|| not_told("what you like"))
}

fn disliked(memory: &Memory<'_>) -> String {
    recalled_if(memory, |subject| matches!(subject, Subject::Dislike(_)))
        .unwrap_or_else(|| not_told("what you do not like"))
}

fn recalled_if(memory: &Memory<'_>, wanted: impl Fn(&Subject) -> bool) -> Option<String> {
    let facts = memory.facts().iter();
    recalled(memory, &facts.filter(|fact| wanted(&fact.subject)).collect::<Vec<_>>())
}

fn does_like(memory: &Memory<'_>, thing: &str) -> String {
    let told = |subject| memory.fact(&subject).and_then(|fact| recalled(memory, &[fact]));
    if let Some(known) = told(Subject::Like(thing.to_owned())) {
        format!("Yes. {known}")
    } else if let Some(known) = told(Subject::Dislike(thing.to_owned())) {
        format!("No. {known}")
    } else {
        not_told(&format!("whether you like {}", shortened(thing)))
    }
}

fn does(memory: &Memory<'_>, verb: &str, words: &[Word]) -> String {
    recalled_if(memory, |subject| matches!(subject, Subject::Does(known, _) if known == verb))
        .or_else(|| search(memory, words))
        .unwrap_or_else(|| not_told("about that"))
}

fn everything(memory: &Memory<'_>) -> String {
    match summary(memory.facts().iter()) {
        told if told.is_empty() => "You have told me nothing about yourself yet. Tell me your name, \
            or what you like, and I will remember it."
            .to_owned(),
        told => format!("This is what I know: {told}. I have it all from your own messages."),
    }
}

fn about(memory: &Memory<'_>, topic: &[Word]) -> String {
    search(memory, topic).unwrap_or_else(|| {
        format!(
            "I find nothing about {} in your earlier messages. Tell me, and I will remember it.",
            shortened(&turned(topic, 8))
        )
    })
}

fn said(memory: &Memory<'_>, place: usize) -> String {
    match memory.said.get(place - 1) {
        Some(_) if place == memory.newest() => {
            format!("This is your {} message, and you are reading my answer to it just now.", ordinal(place))
        }
        Some(text) => format!("Your {} message in this conversation was {}.", ordinal(place), quoted(text)),
        None => format!(
            "There is no {} message yet: you have sent {} so far, this one included.",
            ordinal(place),
            counted(memory.newest(), "message")
        ),
    }
}

fn asked(memory: &Memory<'_>, place: usize) -> String {
    let earlier = &memory.said[..memory.newest().saturating_sub(1)];
    let asks = |text: &&&str| phrase::clauses(text).any(|clause| clause.asks);
    let question = earlier.iter().filter(asks).nth(place - 1);
    match (question, earlier.first()) {
        (None, None) => "This is your first message, so you have asked me nothing before it.".to_owned(),
        (Some(question), Some(first)) if place == 1 && question != first => format!(
            "The first thing you asked was {}. Your first message of all was {}.",
            quoted(question),
            quoted(first)
        ),
        (Some(question), _) => {
            format!("Your {} question in this conversation was {}.", ordinal(place), quoted(question))
        }
        (None, Some(first)) if place == 1 => {
            format!("You have asked nothing before this question. Your first message was {}.", quoted(first))
        }
        (None, _) => format!(
            "You have not asked {} before this one, so there is no {} question yet.",
            counted(place, "question"),
            ordinal(place)
        ),
    }
}

fn count(memory: &Memory<'_>) -> String {
    format!(
        "This is turn {} of our conversation. You have sent {}, this one included, and I have given {} before.",
        memory.newest(),
        counted(memory.newest(), "message"),
        counted(memory.answered.len(), "answer")
    )
}

/// A few words of the person inside a sentence of the model.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A text long enough to watch it arrive.
const STORY: &str = "Once there was a keeper who counted the ships that passed the lighthouse. \
    Every evening the keeper wrote the number into a book, and every morning read it aloud to the \
    gulls. One night the fog was so thick that no ship could be seen. The keeper opened the window, \
    listened, and heard seven bells. So the keeper wrote seven, and lit a second lamp. In the \
    morning seven crews stood at the door to say thank you. The gulls had never heard so long a \
    reading, and they stayed until noon.";
