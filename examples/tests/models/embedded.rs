//! What the embedded model says.

use std::sync::Arc;

use stolid_examples::model::{Embedded, Limits, Model, ModelErrorKind, Turn};

use crate::patient;

/// A conversation with the embedded model.
#[derive(Default)]
struct Conversation {
    history: Vec<Turn>,
}

impl Conversation {
    fn with(messages: &[&str]) -> Self {
        let mut conversation = Self::default();
        for message in messages {
            conversation.say(message);
        }
        conversation
    }

    fn say(&mut self, message: &str) -> String {
        self.history.push(Turn::user(message));
        let answer = answer_to(&self.history);
        self.history.push(Turn::assistant(answer.clone()));
        answer
    }
}

fn answer_to(history: &[Turn]) -> String {
    let answer = Embedded.answer(history, &patient()).expect("an answer");
    assert!(answer.complete, "all of the answer is there at once");
    let pieces: Vec<String> = answer.pieces.map(|piece| piece.expect("a piece")).collect();
    assert!(!pieces.is_empty());
    for piece in &pieces {
        let words = piece.split_whitespace().count();
        assert_eq!(words, 1, "{piece:?} is not one word");
    }
    pieces.concat()
}

/// What the model answers to the last of the messages must hold all of `wanted`.
#[track_caller]
fn expect(messages: &[&str], wanted: &[&str]) {
    let (last, earlier) = messages.split_last().expect("a message");
    let answer = Conversation::with(earlier).say(last);
    for part in wanted {
        assert!(answer.contains(part), "{messages:?}: {part:?} is not in: {answer}");
    }
}

/// What the model answers to the last of the messages must hold none of `unwanted`.
#[track_caller]
fn expect_not(messages: &[&str], unwanted: &[&str]) {
    let (last, earlier) = messages.split_last().expect("a message");
    let answer = Conversation::with(earlier).say(last);
    for part in unwanted {
        assert!(!answer.contains(part), "{messages:?}: {part:?} is in: {answer}");
    }
}

#[test]
fn recalls_a_name_from_the_history_alone() {
    let mut told = Conversation::default();
    assert!(told.say("My name is Ada.").contains("Ada"));
    assert!(told.say("What is my name?").contains("Your name is Ada."));

    let mut fresh = Conversation::default();
    let answer = fresh.say("What is my name?");
    assert!(!answer.contains("Ada") && answer.contains("not told me your name"), "{answer}");
}

#[test]
fn names_come_in_many_forms() {
    for (told, name) in [
        ("my name is ada", "Ada"),
        ("MY NAME IS ADA", "Ada"),
        ("I'm Ada", "Ada"),
        ("I’m Ada!", "Ada"),
        ("im ada", "Ada"),
        ("Hi, I am Ada.", "Ada"),
        ("Call me Ada", "Ada"),
        ("Could you please call me Ada?", "Ada"),
        ("You can call me Ada.", "Ada"),
        ("My name is Ada, ok?", "Ada"),
        ("My name's Ada, nice to meet you", "Ada"),
        ("I'm Ada and I like chess", "Ada"),
        ("Ada is my name", "Ada"),
        ("I am Ada Lovelace, a programmer from London.", "Ada Lovelace"),
        ("My name is José María O'Neill-Núñez.", "José María O'Neill-Núñez"),
        ("My name is 李雷。", "李雷"),
        ("I am Zoë 🙂", "Zoë"),
        ("By the way, my name is Dr. Ada Lovelace", "Dr Ada Lovelace"),
    ] {
        for question in
            ["What is my name?", "what's my name", "Do you know my name?", "tell me my name please", "WHAT AM I CALLED"]
        {
            expect(&[told, question], &[&format!("our name is {name}.")]);
        }
    }
}

#[test]
fn moods_and_places_are_no_names() {
    for told in [
        "I'm tired",
        "I am hungry.",
        "I'm from Rome",
        "I am here",
        "I'm working",
        "I am 36",
        "i'm a teacher",
        "I'm not Ada",
    ] {
        expect(&[told, "What is my name?"], &["not told me your name"]);
    }
}

#[test]
fn the_newest_statement_wins() {
    expect(&["My name is Ada.", "Call me Grace", "What is my name?"], &["Grace"]);
    expect_not(&["My name is Ada.", "Call me Grace", "What is my name?"], &["Ada"]);
    expect_not(&["I'm Ada", "I'm Grace", "What do you know about me?"], &["Ada"]);
    let moved = ["I live in Rome", "I live in Oslo now", "Where do I live?"];
    expect(&moved, &["Oslo"]);
    expect_not(&moved, &["Rome"]);
    let colours = ["My favourite colour is blue", "My favorite color is green.", "What is my favourite color?"];
    expect(&colours, &["green"]);
    expect_not(&colours, &["blue"]);
    let soured = ["I like tea and chess", "I don't like chess anymore", "What do I like?"];
    expect(&soured, &["You like tea."]);
    expect(&["My name is Ada", "My name is not Ada", "What is my name?"], &["not told me"]);
}

#[test]
fn recalls_likes() {
    let told = "I like green tea and chess";
    expect(&[told], &["green tea and chess"]);
    expect(&[told, "What do I like?"], &["green tea and chess"]);
    expect(
        &[told, "I also love long walks, Rust and C++!", "what do i like"],
        &["green tea, chess, long walks, Rust and C++"],
    );
    expect(&[told, "Do I like chess?"], &["Yes.", "chess"]);
    expect(&[told, "I hate rain", "Do I like rain?"], &["No.", "do not like rain"]);
    expect(&[told, "Do I like football?"], &["not told me whether you like football"]);
    expect(&["What do I like?"], &["not told me what you like"]);
    expect(&["I like my dog and my cat.", "what do I like"], &["your dog and your cat"]);
}

#[test]
fn recalls_other_facts() {
    for (told, question, wanted) in [
        ("I live in Berlin and work at a bakery", "Where do I live?", "You live in Berlin."),
        ("I live in Berlin and work at a bakery", "Where do I work?", "work at a bakery"),
        ("I'm 36 years old", "How old am I?", "36 years old"),
        ("I am 36.", "What is my age?", "36 years old"),
        ("I'm a nurse from Rome", "What do I do?", "a nurse"),
        ("I'm a nurse from Rome", "Where am I from?", "from Rome"),
        ("My dog is called Rex", "What is my dog's name?", "Rex"),
        ("My dog's name is Rex", "What is my dog called?", "Rex"),
        ("My birthday is on May 3rd", "When is my birthday?", "May 3rd"),
        ("I have two cats", "What do I have?", "two cats"),
        ("My interests are art and study", "What are my interests?", "art and study"),
        ("I speak French and German.", "What languages do I speak?", "French and German"),
        ("Remember that the door code is 1234", "What is the door code?", "1234"),
        ("The meeting with Bob is on Friday.", "When is the meeting?", "on Friday"),
        ("My boss is my best friend", "Who is my boss?", "your best friend"),
    ] {
        expect(&[told, "Hello", question], &[wanted]);
    }
}

#[test]
fn recalls_the_conversation() {
    let told = ["My name is Ada.", "What is my name?", "I like tea."];
    let ask = |question| [&told[..], &[question]].concat();
    expect(&ask("What did I ask first?"), &["\"What is my name?\"", "\"My name is Ada.\""]);
    expect(&ask("what was the first thing I said"), &["\"My name is Ada.\""]);
    expect(&ask("What was my second message?"), &["\"What is my name?\""]);
    expect(&ask("What did I just say?"), &["\"I like tea.\""]);
    expect(&ask("What did I say about tea?"), &["\"I like tea.\"", "third message"]);
    expect(&ask("How many turns so far?"), &["turn 4", "4 messages", "3 answers"]);
    expect(&ask("How many messages have I sent?"), &["4 messages"]);
    expect(&ask("What do you know about me?"), &["your name is Ada", "you like tea"]);
    expect(&ask("Who am I?"), &["your name is Ada"]);
    expect(&ask("Say that again"), &["you like tea"]);
    expect(&["What did I ask first?"], &["first message"]);
    expect(&["How many turns so far?"], &["turn 1", "1 message", "0 answers"]);
    expect(&["What do you know about me?"], &["nothing about yourself"]);
}

#[test]
fn one_message_may_tell_and_ask() {
    expect(&["My name is Ada. What is my name?"], &["Ada"]);
    expect(
        &["I'm Ada, I live in Oslo and I like tea", "Tell me what I like and where I live"],
        &["You like tea", "You live in Oslo"],
    );
}

#[test]
fn says_so_when_it_cannot_answer() {
    for question in ["What is the capital of France?", "Explain monads", "Wie heiße ich?", "What is 2+2?"] {
        expect(&["My name is Ada.", question], &["cannot answer that"]);
    }
    for text in ["", "   \n\t", "???", "..."] {
        assert!(answer_to(&[Turn::user(text)]).contains("your"), "{text:?}");
    }
    assert!(answer_to(&[]).contains("empty"));
    assert!(answer_to(&[Turn::user("Hi"), Turn::assistant("Hello.")]).contains("empty"));
}

#[test]
fn answers_are_whole_sentences_of_a_readable_length() {
    let mut conversation = Conversation::default();
    for message in [
        "Hello",
        "My name is Ada.",
        "What is my name?",
        "I like green tea and chess",
        "What do I like?",
        "Where do I live?",
        "I live in Rome",
        "Where do I live?",
        "How many turns so far?",
        "What did I ask first?",
        "Today was nice",
        "What is the capital of France?",
        "Who are you?",
        "How are you?",
        "help",
        "What can you do?",
        "What was my first message?",
        "What did I say about chess?",
        "thanks",
        "bye",
        "🙂",
        "!!!",
        "",
    ] {
        let answer = conversation.say(message);
        let words = answer.split_whitespace().count();
        assert!((8..=30).contains(&words), "{words} words for {message:?}: {answer}");
        assert!(answer.ends_with(['.', '?']), "{answer}");
    }
}

#[test]
fn is_deterministic_and_knows_no_other_session() {
    let messages = ["I'm Ada", "I like tea", "I live in Oslo", "What do you know about me?"];
    let first = Conversation::with(&messages).history;
    let other = Conversation::with(&["I'm Bob", "I like rum", "What do you know about me?"]).history;
    assert_eq!(first, Conversation::with(&messages).history);
    let said = |history: &[Turn]| history.iter().map(|turn| turn.text.clone()).collect::<String>();
    assert!(!said(&other).contains("Ada") && !said(&first).contains("Bob"));
}

#[test]
fn long_messages_get_short_answers() {
    let megabyte = "All work and no play makes Jack a dull boy. ".repeat(25_000);
    let endless = "x".repeat(1_000_000);
    for text in [
        megabyte.clone(),
        endless.clone(),
        "word ".repeat(200_000),
        format!("My name is {endless}"),
        format!("I like {}", "tea, ".repeat(100_000)),
        format!("my {endless} is {endless}"),
    ] {
        let mut conversation = Conversation::default();
        for message in
            [&text, "What is my name?", "What do you know about me?", "What did I just say?", "what did I say first"]
        {
            let answer = conversation.say(message);
            assert!(answer.len() < 1500, "{} bytes", answer.len());
        }
    }
    expect(&[&format!("{megabyte} My name is Ada."), "What is my name?"], &["Ada"]);
}

#[test]
fn a_long_answer_can_be_asked_for() {
    expect(&["Count to 200"], &["1, 2, 3", "199, 200"]);
    assert!(Conversation::default().say("Tell me a story").split(' ').count() > 80);
}

#[test]
fn a_cancelled_answer_does_not_begin() {
    let limits: Limits = patient().with_cancelled(Arc::new(|| true));
    let error = Embedded.answer(&[Turn::user("Hi")], &limits).expect_err("an error");
    assert_eq!(error.kind(), ModelErrorKind::Cancelled);
}
