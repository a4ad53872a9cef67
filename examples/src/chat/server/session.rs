//! One session: what was said in it, whose turn it is, who listens.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stolid::Status;

use super::audience::Audience;
use super::history::History;
use super::stop::{Stop, StopReason};
use super::turn::PendingTurn;
use super::turn_queue::{Full, TurnQueue};
use crate::chat::{proto, session_id};
use crate::model::Turn;
use crate::terminal::clock::Moment;

/// A session.
///
/// # Locks
/// `state` is a leaf; nothing is sent and no model is asked under it.
#[derive(Debug)]
pub struct Session {
    id: String,
    created: Moment,
    audience: Audience,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    history: History,
    last_active: Moment,
    turns: TurnQueue<PendingTurn>,
    /// The sign of the turn that runs.
    stop: Option<Arc<Stop>>,
    deleted: bool,
}

impl Session {
    /// A new, empty session.
    pub fn new(now: Moment) -> Self {
        Self {
            id: session_id::new(),
            created: now.clone(),
            audience: Audience::default(),
            state: Mutex::new(State {
                history: History::default(),
                last_active: now,
                turns: TurnQueue::new(),
                stop: None,
                deleted: false,
            }),
        }
    }

    /// The session's name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The streams that hear of this session.
    pub fn audience(&self) -> &Audience {
        &self.audience
    }

    /// Something happened in the session: it is not idle.
    pub fn touch(&self, now: Moment) {
        self.lock().last_active = now;
    }

    /// A turn arrives: it is given back if it is to run now, else [`Self::next_turn`] gives it out later.
    ///
    /// # Errors
    /// NOT_FOUND when the session was deleted, RESOURCE_EXHAUSTED when too many turns wait.
    pub fn admit(&self, turn: PendingTurn, now: Moment) -> Result<Option<PendingTurn>, Status> {
        let mut state = self.lock();
        if state.deleted {
            return Err(not_found(&self.id));
        }
        state.last_active = now;
        let stop = Arc::clone(&turn.stop);
        let turn = state.turns.enter(turn).map_err(|Full(waiting)| {
            Status::resource_exhausted(format!("{waiting} messages of this session wait already"))
        })?;
        if turn.is_some() {
            state.stop = Some(stop);
        }
        Ok(turn)
    }

    /// The running turn is over: the next one, if one waits.
    pub fn next_turn(&self) -> Option<PendingTurn> {
        let mut state = self.lock();
        let next = state.turns.leave();
        state.stop = next.as_ref().map(|turn| Arc::clone(&turn.stop));
        next
    }

    /// What goes to the model when `question` is asked.
    ///
    /// # Errors
    /// NOT_FOUND when the session was deleted, and the refusals of [`History::asking`].
    pub fn asking(&self, question: &str, limit: usize) -> Result<Vec<Turn>, Status> {
        let state = self.lock();
        if state.deleted {
            return Err(not_found(&self.id));
        }
        state.history.asking(question, limit)
    }

    /// Keeps a question with its answer; returns the number of messages now.
    pub fn keep(&self, question: String, answer: String, now: Moment) -> usize {
        let mut state = self.lock();
        state.last_active = now;
        state.history.keep(question, answer);
        state.history.messages()
    }

    /// Nobody may use the session any more: its turns are stopped.
    pub fn delete(&self) {
        let mut state = self.lock();
        state.deleted = true;
        state.history = History::default();
        for stop in state.stop.iter().chain(state.turns.waiting().map(|turn| &turn.stop)) {
            stop.raise(StopReason::SessionDeleted);
        }
    }

    /// Whether the session was deleted, by a client or for being idle.
    pub fn is_deleted(&self) -> bool {
        self.lock().deleted
    }

    /// Whether nothing happened for longer than `limit`.
    pub fn is_idle(&self, limit: Duration, now: &Moment) -> bool {
        let state = self.lock();
        !state.turns.is_busy() && now.since(&state.last_active) > limit
    }

    /// The moment the session was made.
    pub fn created(&self) -> &Moment {
        &self.created
    }

    /// What clients may know of the session.
    pub fn describe(&self, model: &str, now: &Moment) -> proto::Session {
        let state = self.lock();
        proto::Session {
            session_id: self.id.clone(),
            model: model.to_owned(),
            created_at: self.created.rfc3339(),
            last_active_at: state.last_active.rfc3339(),
            message_count: saturate(state.history.messages()),
            age_seconds: i64::try_from(now.since(&self.created).as_secs()).unwrap_or(i64::MAX),
            context_bytes: i64::try_from(state.history.bytes()).unwrap_or(i64::MAX),
            attached_streams: saturate(self.audience.len()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The refusal of everything that names a session the server does not have.
pub fn not_found(id: &str) -> Status {
    Status::not_found(format!("there is no session {id:?}"))
}

/// A count as the messages carry it.
pub fn saturate(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
