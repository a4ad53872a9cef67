//! Models that do what a test tells them.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stolid_examples::model::{Answer, Limits, Model, ModelError, ModelErrorKind, Turn};

use super::output::PATIENCE;

/// A model that is a function of the history.
pub(crate) struct Simple<F>(pub(crate) F);

impl<F> Model for Simple<F>
where
    F: Fn(&[Turn]) -> Result<Answer, ModelError> + Send + Sync,
{
    fn name(&self) -> &str {
        "simple"
    }

    fn framework(&self) -> &str {
        "test"
    }

    fn answer(&self, history: &[Turn], _: &Limits) -> Result<Answer, ModelError> {
        (self.0)(history)
    }
}

/// An answer that is there already.
pub(crate) fn complete<const N: usize>(pieces: [&str; N]) -> Answer {
    let pieces: Vec<_> = pieces.iter().map(|piece| Ok((*piece).to_owned())).collect();
    Answer { complete: true, pieces: Box::new(pieces.into_iter()) }
}

/// A model that says how many messages it was given, and repeats the last one.
pub(crate) fn counting() -> Arc<dyn Model> {
    Arc::new(Simple(|history: &[Turn]| {
        let last = history.last().expect("there is a question");
        Ok(complete([format!("{}: {}", history.len(), last.text).as_str()]))
    }))
}

/// A live model whose answers come from the test, piece by piece.
pub(crate) struct Gated(SyncSender<Asked>);

/// A question the model was asked, and the way to answer it. Dropping it ends the answer.
pub(crate) struct Asked {
    /// What the model was given.
    pub(crate) history: Vec<Turn>,
    pieces: Sender<Result<String, ModelError>>,
    given_up: Receiver<()>,
}

/// The questions a [`Gated`] model was asked.
pub(crate) struct Questions(Receiver<Asked>);

impl Gated {
    /// The model, and what it will be asked.
    pub(crate) fn new() -> (Arc<Self>, Questions) {
        let (sender, receiver) = mpsc::sync_channel(100);
        (Arc::new(Self(sender)), Questions(receiver))
    }
}

impl Questions {
    /// The next question.
    #[track_caller]
    pub(crate) fn next(&self) -> Asked {
        self.0.recv_timeout(PATIENCE).expect("the model is asked")
    }

    /// Nothing was asked that was not taken.
    #[track_caller]
    pub(crate) fn assert_none(&self) {
        assert!(self.0.try_recv().is_err(), "the model was asked too early");
    }
}

impl Asked {
    /// The last message of the history.
    pub(crate) fn question(&self) -> &str {
        &self.history.last().expect("there is a question").text
    }

    /// Says the next piece of the answer.
    pub(crate) fn say(&self, piece: &str) {
        // Whether anybody still listens is for the test to find out by other means.
        let _ = self.pieces.send(Ok(piece.to_owned()));
    }

    /// Waits until the server has dropped the answer.
    #[track_caller]
    pub(crate) fn wait_given_up(&self) {
        let end = self.given_up.recv_timeout(PATIENCE);
        assert_eq!(end, Err(RecvTimeoutError::Disconnected), "the answer was not given up");
    }
}

impl Model for Gated {
    fn name(&self) -> &str {
        "gated"
    }

    fn framework(&self) -> &str {
        "test"
    }

    fn answer(&self, history: &[Turn], limits: &Limits) -> Result<Answer, ModelError> {
        let (pieces, receiver) = mpsc::channel();
        let (alive, given_up) = mpsc::channel();
        let asked = Asked { history: history.to_vec(), pieces, given_up };
        self.0.send(asked).map_err(|_| ModelError::new(ModelErrorKind::Failed, "the test is over"))?;
        let pieces = GatedPieces { receiver: Mutex::new(receiver), limits: limits.clone(), _alive: alive };
        Ok(Answer { complete: false, pieces: Box::new(pieces) })
    }
}

struct GatedPieces {
    receiver: Mutex<Receiver<Result<String, ModelError>>>,
    limits: Limits,
    _alive: Sender<()>,
}

impl Iterator for GatedPieces {
    type Item = Result<String, ModelError>;

    fn next(&mut self) -> Option<Self::Item> {
        let receiver = self.receiver.get_mut().unwrap_or_else(PoisonError::into_inner);
        loop {
            if self.limits.is_cancelled() {
                return Some(Err(ModelError::new(ModelErrorKind::Cancelled, "nobody listens")));
            }
            match receiver.recv_timeout(Duration::from_millis(5)) {
                Ok(piece) => return Some(piece),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }
}
