//! What a history tells about the person.

use super::phrase::{self, Clause};
use super::statement::{self, Statement};
use crate::model::{Role, Turn};

/// More facts than this are not kept: the oldest go.
const MAX_FACTS: usize = 500;

/// Everything the person said that an answer may need.
#[derive(Debug, Default)]
pub(super) struct Memory<'h> {
    /// The messages of the person, the newest last.
    pub(super) said: Vec<&'h str>,
    /// The answers of the model.
    pub(super) answered: Vec<&'h str>,
    facts: Vec<Fact>,
}

/// One thing the person said about themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fact {
    /// What it is about; a newer fact with the same subject replaces it.
    pub(super) subject: Subject,
    /// The fact as a clause that an answer can hold: "your name is Ada".
    pub(super) clause: String,
    /// The place of the message that said it, counted from 1.
    pub(super) message: usize,
}

/// What a fact is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    Name,
    Age,
    Home,
    Origin,
    Birth,
    Role,
    Workplace,
    State,
    /// Something the person likes, with the words for it.
    Like(String),
    /// Something the person does not like.
    Dislike(String),
    /// Something of the person's: "favorite color", "dog".
    Mine(String),
    /// Something the person does: the verb, and the whole of it.
    Does(String, String),
    /// Something to remember as it was said.
    Note(String),
}

impl<'h> Memory<'h> {
    /// Reads a history from its beginning.
    pub(super) fn of(history: &'h [Turn]) -> Self {
        let mut memory = Self::default();
        for turn in history {
            match turn.role {
                Role::Assistant => memory.answered.push(&turn.text),
                Role::User => {
                    memory.said.push(&turn.text);
                    for clause in phrase::clauses(&turn.text) {
                        memory.learn(&clause);
                    }
                }
            }
        }
        memory
    }

    /// The place of the newest message, counted from 1.
    pub(super) fn newest(&self) -> usize {
        self.said.len()
    }

    /// The newest fact with this subject.
    pub(super) fn fact(&self, subject: &Subject) -> Option<&Fact> {
        self.facts.iter().rev().find(|fact| fact.subject == *subject)
    }

    /// All facts, the oldest first.
    pub(super) fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// The facts that the newest message told.
    pub(super) fn news(&self) -> Vec<&Fact> {
        let newest = self.newest();
        self.facts.iter().filter(|fact| fact.message == newest).collect()
    }

    fn learn(&mut self, clause: &Clause) {
        for statement in statement::read(clause) {
            match statement {
                Statement::Is(subject, clause) => {
                    // What is liked now is no longer disliked, and the other way round.
                    match &subject {
                        Subject::Like(thing) => self.forget(&Subject::Dislike(thing.clone())),
                        Subject::Dislike(thing) => self.forget(&Subject::Like(thing.clone())),
                        _ => {}
                    }
                    self.forget(&subject);
                    self.facts.push(Fact { subject, clause, message: self.said.len() });
                    if self.facts.len() > MAX_FACTS {
                        self.facts.remove(0);
                    }
                }
                Statement::IsNot(subject, clause) => {
                    self.facts.retain(|fact| fact.subject != subject || fact.clause != clause);
                }
            }
        }
    }

    fn forget(&mut self, subject: &Subject) {
        self.facts.retain(|fact| fact.subject != *subject);
    }
}
