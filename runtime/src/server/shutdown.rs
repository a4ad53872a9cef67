//! Stopping a server: close the port, let calls finish, cut what is left, and say what happened.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::running::{Phase, Shared};
use crate::connection::Control;
use crate::context::CancelCause;

/// How long handlers that were told to stop, and connections that were told to close, get for it.
const LAST_GRACE: Duration = Duration::from_secs(1);

/// What a shutdown came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Calls that ran when the shutdown began and ended by themselves.
    pub drained: usize,
    /// Calls that were cancelled because their time was over.
    pub cut: usize,
    /// Handlers that did not return even then. Their threads go on; they are not waited for.
    pub stuck: usize,
}

impl Shared {
    /// Drains for at most `timeout`, then cuts. Only the first call does it, later ones wait for its end.
    pub(super) fn shut_down(self: &Arc<Self>, timeout: Duration) -> ShutdownReport {
        if self.is_inside_handler() {
            return self.shut_down_from_inside(timeout);
        }
        let deadline = Instant::now().checked_add(timeout);
        let running = {
            let mut state = self.state();
            if state.phase != Phase::Serving {
                drop(state);
                self.wait(None, |state| state.phase == Phase::Stopped);
                return ShutdownReport::default();
            }
            state.phase = Phase::Stopping;
            self.watch_handlers();
            self.taken()
        };
        tracing::info!(running, "the server shuts down");
        self.say_goodbye();
        self.wait(deadline, |state| state.connections == 0 && self.taken() == 0);
        let left = self.taken();
        if left > 0 || self.state().connections > 0 {
            self.cut();
        }
        let grace = Instant::now() + LAST_GRACE;
        self.wait(Some(grace), |_| self.taken() == 0);
        self.wait(Some(grace), |state| state.connections == 0);
        self.workers.close();
        self.stop_lanes();
        let grace = Instant::now() + LAST_GRACE / 4;
        let stuck = self.workers.join(grace).min(self.taken());
        let report = ShutdownReport { drained: running.saturating_sub(left), cut: left, stuck };
        tracing::info!(?report, "the server has shut down");
        self.state().phase = Phase::Stopped;
        self.notify();
        report
    }

    /// A handler stops its own server: everything but its own call is drained, the rest follows when it has returned.
    fn shut_down_from_inside(self: &Arc<Self>, timeout: Duration) -> ShutdownReport {
        self.watch_handlers();
        let running = self.taken().saturating_sub(1);
        let server = Arc::clone(self);
        let patience = timeout.saturating_add(LAST_GRACE);
        let stopper = std::thread::Builder::new().name("stolid-shutdown".to_owned());
        if let Err(error) = stopper.spawn(move || server.shut_down(patience)) {
            tracing::error!(%error, "the thread that shuts the server down could not be started");
            return ShutdownReport::default();
        }
        self.state().stopping_handlers += 1;
        self.notify();
        self.wait(Instant::now().checked_add(timeout), |state| self.taken() <= state.stopping_handlers);
        let left = {
            let mut state = self.state();
            let left = self.taken().saturating_sub(state.stopping_handlers);
            state.stopping_handlers -= 1;
            left
        };
        ShutdownReport { drained: running.saturating_sub(left), cut: left, stuck: 0 }
    }

    fn say_goodbye(&self) {
        // Before the lists are read: a connection accepted meanwhile sees it.
        self.draining.store(true, Ordering::SeqCst);
        self.closed.store(true, Ordering::Release);
        for lane in self.crews.iter().map(|crew| &crew.lane) {
            lane.wake();
            for connection in lane.connections() {
                connection.control(Control::Drain);
            }
        }
    }

    fn cut(&self) {
        for lane in self.crews.iter().map(|crew| &crew.lane) {
            for connection in lane.connections() {
                connection.control(Control::Cut(CancelCause::Shutdown));
            }
        }
    }

    fn stop_lanes(&self) {
        self.stop.store(true, Ordering::SeqCst);
        for crew in &self.crews {
            crew.dismiss();
        }
        // The watch still takes the role from handlers that do not return: those are not waited for.
        self.wait(None, |state| state.present == 0);
        self.watch.end();
        let (members, watch) = {
            let mut state = self.state();
            (std::mem::take(&mut state.members), state.watch.take())
        };
        for member in members.into_iter().filter(|member| !member.is_away()) {
            member.join();
        }
        if watch.is_some_and(|watch| watch.join().is_err()) {
            tracing::error!("the watch panicked");
        }
        for crew in &self.crews {
            crew.clear();
            crew.lane.stop();
        }
        for connection in self.crews.iter().flat_map(|crew| crew.lane.connections()) {
            connection.control(Control::Abandon);
        }
    }
}
