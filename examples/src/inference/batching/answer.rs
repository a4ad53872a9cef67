//! The way of a result back to the thread that waits for it.

use std::sync::mpsc;

use stolid::Status;

/// To be answered once. Dropped without an answer, it answers that there is none: whatever happens to a batch, nobody
/// waits for ever.
#[derive(Debug)]
pub(super) struct Answer<Out> {
    sender: Option<mpsc::Sender<Result<Out, Status>>>,
}

impl<Out> Answer<Out> {
    pub(super) fn new(sender: mpsc::Sender<Result<Out, Status>>) -> Self {
        Self { sender: Some(sender) }
    }

    pub(super) fn give(mut self, result: Result<Out, Status>) {
        self.send(result);
    }

    fn send(&mut self, result: Result<Out, Status>) {
        if let Some(sender) = self.sender.take() {
            // Whoever was cancelled meanwhile waits no more.
            let _ = sender.send(result);
        }
    }
}

impl<Out> Drop for Answer<Out> {
    fn drop(&mut self) {
        self.send(Err(Status::internal("the model gave no result")));
    }
}
