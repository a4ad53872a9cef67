//! Who cuts connections, and kills and replaces the server in the other process.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use stolid_tests::attack::Dice;

use crate::away::Away;
use crate::line::Line;

/// What dies: the connections of two lines, and the server at the end of the second.
#[derive(Debug)]
pub(crate) struct Mortals {
    /// The line to the server of this process.
    pub(crate) home: Line,
    /// The line to the other process.
    pub(crate) line: Line,
    /// The server of the other process.
    pub(crate) away: Mutex<Away>,
    /// How many died so far.
    pub(crate) deaths: Arc<Deaths>,
}

/// How many died of what.
#[derive(Debug, Default)]
pub(crate) struct Deaths {
    cuts: AtomicU64,
    kills: AtomicU64,
    shutdowns: AtomicU64,
}

impl fmt::Display for Deaths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [cuts, kills, shutdowns] =
            [&self.cuts, &self.kills, &self.shutdowns].map(|count| count.load(Ordering::Relaxed));
        write!(f, "{cuts} cuts, {kills} kills, {shutdowns} shutdowns")
    }
}

/// The thread that brings death.
#[derive(Debug)]
pub(crate) struct Reaper {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Reaper {
    /// Begins with one of each, so that a short run has them all too.
    pub(crate) fn start(mortals: &Arc<Mortals>, mut dice: Dice) -> Self {
        let (stop, stopped) = mpsc::channel();
        let mortals = Arc::clone(mortals);
        let thread = thread::Builder::new().name("reaper".to_owned());
        let thread = thread.spawn(move || reap(&mortals, &stopped, &mut dice)).expect("the machine has threads left");
        Self { stop, thread }
    }

    /// Stops it; gives whether it did its work without a panic.
    pub(crate) fn end(self) -> bool {
        drop(self.stop);
        self.thread.join().is_ok()
    }
}

fn reap(mortals: &Mortals, stopped: &Receiver<()>, dice: &mut Dice) {
    for turn in 0.. {
        let pause = Duration::from_millis(20 + dice.roll(300));
        if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        match if turn < 4 { turn } else { dice.roll(12) } {
            0 => mortals.kill(),
            1 => mortals.replace(Duration::from_millis(dice.roll(200))),
            number if number % 2 == 0 => mortals.cut(&mortals.home, dice),
            _ => mortals.cut(&mortals.line, dice),
        }
    }
}

impl Mortals {
    /// The server of the other process, for as long as the guard lives.
    pub(crate) fn away(&self) -> MutexGuard<'_, Away> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cut(&self, line: &Line, dice: &mut Dice) {
        if line.cut(dice) {
            self.deaths.cuts.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Kills the server; another one comes up a moment later.
    fn kill(&self) {
        let mut away = self.away();
        // Clients find nobody in between.
        self.line.lead_to(None);
        away.kill();
        *away = Away::start();
        self.line.lead_to(Some(away.addr()));
        self.deaths.kills.fetch_add(1, Ordering::Relaxed);
    }

    /// Starts another server, then shuts the old one down with `grace` for its calls.
    fn replace(&self, grace: Duration) {
        let successor = Away::start();
        self.line.lead_to(Some(successor.addr()));
        let old = std::mem::replace(&mut *self.away(), successor);
        old.shut_down(grace);
        self.deaths.shutdowns.fetch_add(1, Ordering::Relaxed);
    }
}
