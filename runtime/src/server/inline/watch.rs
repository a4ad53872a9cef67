//! The watch: one thread that looks whether a leader is stuck in a handler, and if so puts another in its place.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use super::super::running::Shared;
use super::crew::Crew;
use super::role::Lent;

/// Between two looks.
const TICK: Duration = Duration::from_millis(1);

/// Between two looks for a while after a role was taken: where one handler blocks, others will.
const ALERT_TICK: Duration = Duration::from_micros(100);

/// How long that while is.
const ALERT: Duration = Duration::from_millis(100);

/// After so long without a handler on any lane it sleeps until there is one.
const QUIET: Duration = Duration::from_millis(10);

/// A handler that has had a processor for so long while it was watched is one that computes.
const COMPUTES: Duration = Duration::from_micros(500);

/// How long a handler may go on that neither sleeps nor, as far as can be told, computes: it waits for a processor, as everybody else does.
const WAITS: Duration = Duration::from_millis(100);

/// The same where nothing can be told of processors.
const UNKNOWN: Duration = Duration::from_millis(5);

/// After a thread could not be started.
const RETRY: Duration = Duration::from_millis(100);

/// The rules, without a clock and without threads.
#[derive(Debug)]
struct Rules {
    /// The word of each lane, and since when it is that.
    seen: Vec<Option<(u64, Instant)>>,
    /// How long the leader of each lane had had a processor when it was first found in the handler it is in.
    ran: Vec<Option<(u64, Duration)>>,
    busy: Instant,
    alert: Option<Instant>,
}

/// What one look comes to.
#[derive(Debug, PartialEq, Eq)]
struct Look {
    /// Lanes whose leader is in the same handler as at the look before, and for how long it has been seen there.
    stuck: Vec<(usize, Duration)>,
    /// When to look again; `None`: when a handler starts.
    next: Option<Duration>,
}

/// One lane as it is at a look: its word, and whether the role is lent.
type Sight = (u64, bool);

impl Rules {
    fn new(lanes: usize, now: Instant) -> Self {
        Self { seen: vec![None; lanes], ran: vec![None; lanes], busy: now, alert: None }
    }

    fn look(&mut self, now: Instant, lanes: &[Sight]) -> Look {
        let mut stuck = Vec::new();
        for (lane, (&(word, lent), seen)) in lanes.iter().zip(&mut self.seen).enumerate() {
            let since = seen.filter(|(before, _)| *before == word).map(|(_, since)| since);
            *seen = Some((word, since.unwrap_or(now)));
            let same = since.is_some();
            if let Some(since) = since.filter(|_| lent) {
                stuck.push((lane, now.saturating_duration_since(since)));
            }
            if lent || !same {
                self.busy = now;
            }
        }
        let next = match self.alert {
            Some(until) if now < until => Some(ALERT_TICK),
            _ if now.saturating_duration_since(self.busy) >= QUIET => None,
            _ => Some(TICK),
        };
        Look { stuck, next }
    }

    /// Whether a leader that has been in one handler for `time` is to lose the role: it sleeps, or has computed for a while.
    fn is_stuck(&mut self, lane: usize, time: Duration, sleeps: bool, ran: Option<Duration>) -> bool {
        let word = self.seen[lane].map(|(word, _)| word);
        let computes = match (ran, word) {
            (Some(ran), Some(word)) => {
                let before = self.ran[lane].filter(|(former, _)| *former == word);
                let (_, before) = *self.ran[lane].insert(before.unwrap_or((word, ran)));
                ran.saturating_sub(before) >= COMPUTES
            }
            _ => time >= UNKNOWN,
        };
        sleeps || computes || time >= WAITS
    }

    /// A role was taken.
    fn took(&mut self, now: Instant) {
        self.alert = Some(now + ALERT);
    }
}

/// What others see of the watch.
#[derive(Debug, Default)]
pub(in crate::server) struct Watch {
    thread: OnceLock<Thread>,
    asleep: AtomicBool,
    over: AtomicBool,
    runs: AtomicBool,
}

impl Watch {
    /// A role was lent: the watch must not sleep. A load and no more while it is awake.
    pub(super) fn attend(&self) {
        if self.asleep.load(Ordering::SeqCst) && self.asleep.swap(false, Ordering::SeqCst) {
            self.wake();
        }
    }

    /// Has it look at once: a spare is missing, or it is to end.
    pub(super) fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Its thread has begun.
    pub(in crate::server) fn runs(&self) -> bool {
        self.runs.load(Ordering::SeqCst)
    }

    /// Nobody leads any more.
    pub(in crate::server) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Starts the thread.
    pub(in crate::server) fn spawn(server: &Arc<Shared>) -> std::io::Result<JoinHandle<()>> {
        let shared = Arc::clone(server);
        let thread = thread::Builder::new().name("stolid-watch".to_owned()).spawn(move || keep_watch(&shared))?;
        // Set before any lane has a leader that could lend.
        let _ = server.watch.thread.set(thread.thread().clone());
        Ok(thread)
    }
}

fn keep_watch(server: &Arc<Shared>) {
    let watch = &server.watch;
    watch.runs.store(true, Ordering::SeqCst);
    server.tell();
    let mut rules = Rules::new(server.crews.len(), Instant::now());
    let mut spares = Spares::default();
    let mut lanes: Vec<Sight> = Vec::with_capacity(server.crews.len());
    while !watch.over.load(Ordering::SeqCst) {
        lanes.clear();
        lanes.extend(server.crews.iter().map(|crew| crew.sight()));
        let look = rules.look(Instant::now(), &lanes);
        for (lane, time) in look.stuck {
            let crew = &server.crews[lane];
            let (sleeps, ran) = crew.leader_pulse();
            let stuck = rules.is_stuck(lane, time, sleeps, ran);
            if stuck
                && let Some(lent) = Lent::of(lanes[lane].0)
                && crew.take_over(server, lent)
            {
                rules.took(Instant::now());
            }
        }
        let complete = spares.complete(server);
        let next = look.next.or_else(|| (!complete).then_some(RETRY));
        match next {
            Some(tick) => thread::park_timeout(tick),
            None => {
                watch.asleep.store(true, Ordering::SeqCst);
                // Whoever lends from here on sees that, and whoever did before is seen here.
                let lent = server.crews.iter().any(|crew| crew.last_look());
                if !lent && !watch.over.load(Ordering::SeqCst) {
                    thread::park();
                }
                watch.asleep.store(false, Ordering::SeqCst);
            }
        }
    }
}

/// Sees to it that each lane has a spare.
#[derive(Debug, Default)]
struct Spares {
    retry: Option<Instant>,
}

impl Spares {
    /// Starts the spares that are missing; false if one could not be started.
    fn complete(&mut self, server: &Arc<Shared>) -> bool {
        if server.crews.iter().all(|crew| crew.is_complete()) || server.stop.load(Ordering::SeqCst) {
            return true;
        }
        if self.retry.is_some_and(|at| Instant::now() < at) {
            return false;
        }
        self.retry = None;
        for number in (0..server.crews.len()).filter(|&number| server.crews[number].wants_spare()) {
            if let Err(error) = Crew::spawn_spare(server, number) {
                // Calls go to workers meanwhile, each on its own account.
                tracing::debug!(%error, "a lane's spare thread could not be started");
                server.crews[number].spare_failed();
                self.retry = Some(Instant::now() + RETRY);
            }
        }
        self.retry.is_none()
    }
}

#[cfg(all(test, not(stolid_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_leader_that_is_in_the_same_handler_at_two_looks_is_stuck() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut rules = Rules::new(2, start);
        assert_eq!(rules.look(at(0), &[(1, true), (4, false)]), Look { stuck: vec![], next: Some(TICK) });
        assert_eq!(rules.look(at(1), &[(3, true), (4, false)]).stuck, [], "another handler");
        let ms = Duration::from_millis;
        assert_eq!(rules.look(at(2), &[(3, true), (5, true)]).stuck, [(0, ms(1))]);
        rules.took(at(2));
        let alert = rules.look(at(3), &[(6, false), (5, true)]);
        assert_eq!(alert, Look { stuck: vec![(1, ms(1))], next: Some(ALERT_TICK) });
        let calm = rules.look(at(103), &[(6, false), (8, false)]);
        assert_eq!(calm, Look { stuck: vec![], next: Some(TICK) });
    }

    #[test]
    fn a_handler_that_waits_for_a_processor_keeps_the_role_and_one_that_computes_does_not() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut rules = Rules::new(1, start);
        let mut stuck = |word, at, sleeps, ran| {
            rules.look(start + ms(at), &[(word, true)]);
            let look = rules.look(start + ms(at + 1), &[(word, true)]);
            look.stuck.into_iter().any(|(lane, time)| rules.is_stuck(lane, time, sleeps, ran))
        };
        assert!(stuck(1, 0, true, Some(ms(7))), "it sleeps");
        assert!(!stuck(3, 10, false, Some(ms(7))));
        assert!(!stuck(3, 20, false, Some(ms(7))), "it does not get on");
        assert!(stuck(3, 30, false, Some(ms(8))), "it has computed for a millisecond");
        assert!(!stuck(5, 40, false, Some(ms(20))), "another handler");
        assert!(stuck(5, 200, false, Some(ms(20))), "that is long enough for anybody");
        assert!(!stuck(7, 300, false, None));
        assert!(stuck(7, 310, false, None));
    }

    #[test]
    fn it_sleeps_when_nothing_happens_for_a_while() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut rules = Rules::new(1, start);
        assert_eq!(rules.look(at(0), &[(2, false)]).next, Some(TICK));
        assert_eq!(rules.look(at(9), &[(2, false)]).next, Some(TICK));
        assert_eq!(rules.look(at(10), &[(2, false)]).next, None);
        // Handlers came and went.
        assert_eq!(rules.look(at(11), &[(44, false)]).next, Some(TICK));
        assert_eq!(rules.look(at(30), &[(45, true)]).next, Some(TICK), "one that is stuck keeps it awake");
        assert_eq!(rules.look(at(60), &[(45, true)]).stuck, [(0, Duration::from_millis(30))]);
        assert_eq!(rules.look(at(61), &[(45, true)]).next, Some(TICK));
    }
}
