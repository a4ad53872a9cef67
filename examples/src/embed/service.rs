//! The door of the job runner: a call is a job, and its stream tells how the job goes.

use stolid::{DetachedSender, Request, Sender, Status};

use super::proto::job_service_server::JobService;
use super::proto::{Progress, RunRequest};
use super::runner::{Job, Listener, RunnerHandle};

/// The service; it hands everything to the runner.
#[derive(Debug)]
pub struct JobDoor {
    runner: RunnerHandle,
}

impl JobDoor {
    /// A door to this runner.
    pub fn new(runner: RunnerHandle) -> Self {
        Self { runner }
    }
}

impl JobService for JobDoor {
    /// Detached, the stream belongs to the job: it waits in the queue and ends with it, and no thread of the server waits.
    fn run(&self, request: Request<RunRequest>, replies: Sender<Progress>) -> Result<(), Status> {
        let limit = request.get_ref().limit;
        self.runner.submit(Job { limit, listener: Box::new(replies.detach()) });
        Ok(())
    }
}

impl Listener for DetachedSender<Progress> {
    /// Nobody listens when the client has cancelled, is gone or out of time: sending says so.
    fn progress(&mut self, percent: u32, found: u32) -> bool {
        self.send(Progress { percent, found }).is_ok()
    }

    fn done(self: Box<Self>) {
        self.finish(Ok(()));
    }
}
