//! The role word of a lane: does its leader hold it, or is it lent while a handler runs?

use crate::sync::atomic::AtomicU64;
use crate::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

/// The leader is inside a handler, and the role may be taken from it.
const LENT: u64 = 1;

/// What is added for each lending and each taking, so that no two words are the same.
const NEXT: u64 = 2;

/// The word.
///
/// # Threads
/// `lend` and `regain` are the leader's, the others anybody's. Whoever lends then looks whether the watch sleeps; the watch says that
/// it sleeps and then looks at the word by [`last_look`](Self::last_look). Both change the word, so that one of the two comes
/// later and sees what the other did before.
#[derive(Debug)]
pub(super) struct Role {
    word: AtomicU64,
}

/// A lending, by its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lent(u64);

impl Lent {
    /// The lending that a word tells of.
    pub(super) fn of(word: u64) -> Option<Self> {
        (word & LENT != 0).then_some(Self(word))
    }
}

impl Role {
    pub(super) fn new() -> Self {
        Self { word: AtomicU64::new(0) }
    }

    /// The leader goes into a handler.
    pub(super) fn lend(&self) -> Lent {
        // Only the leader stores while the role is held.
        let word = (self.word.load(Relaxed) + NEXT) | LENT;
        self.word.swap(word, AcqRel);
        Lent(word)
    }

    /// The leader is back. False when the role was taken meanwhile: somebody else leads.
    pub(super) fn regain(&self, lent: Lent) -> bool {
        self.word.compare_exchange(lent.0, lent.0 & !LENT, AcqRel, Acquire).is_ok()
    }

    /// Takes the role from a leader that has lent it and is not back. True for one caller at most.
    pub(super) fn take(&self, lent: Lent) -> bool {
        self.word.compare_exchange(lent.0, (lent.0 & !LENT) + NEXT, AcqRel, Relaxed).is_ok()
    }

    /// The word as it is, to see whether anything has happened since.
    pub(super) fn word(&self) -> u64 {
        self.word.load(Acquire)
    }

    /// Whether the role is lent, by a change that changes nothing: who lends later sees what the caller did before.
    pub(super) fn last_look(&self) -> bool {
        self.word.fetch_or(0, AcqRel) & LENT != 0
    }
}

#[cfg(test)]
impl Role {
    /// The lending that goes on, if one does.
    fn lent(&self) -> Option<Lent> {
        Lent::of(self.word())
    }
}

#[cfg(all(test, not(stolid_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_role_comes_back_unless_it_was_taken() {
        let role = Role::new();
        assert_eq!(role.lent(), None);
        let first = role.lend();
        assert_eq!(role.lent(), Some(first));
        assert!(role.regain(first));
        assert_eq!(role.lent(), None);
        let second = role.lend();
        assert_ne!(first, second);
        assert!(!role.take(first), "that lending is over");
        assert!(role.take(second));
        assert!(!role.take(second), "taken once");
        assert!(!role.regain(second));
        assert_eq!(role.lent(), None);
    }
}

/// A leader, the watch and a blocking call of the leader's own, in every interleaving.
#[cfg(all(test, stolid_loom))]
mod model {
    use std::sync::Arc;

    use loom::sync::atomic::{AtomicBool, AtomicUsize};
    use loom::thread;

    use super::*;

    /// What goes with the role is relaxed: whatever a leader sees of it, it owes to the role's ordering.
    struct Lane {
        role: Role,
        leaders: AtomicUsize,
        desk: AtomicUsize,
        asleep: AtomicBool,
    }

    impl Lane {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                role: Role::new(),
                leaders: AtomicUsize::new(1),
                desk: AtomicUsize::new(0),
                asleep: AtomicBool::new(false),
            })
        }

        /// The holder works at the desk: a load and a store, so that two at once, or one that does not see the other's work, show.
        fn work(&self) {
            assert_eq!(self.leaders.load(Relaxed), 1, "two lead");
            self.desk.store(self.desk.load(Relaxed) + 1, Relaxed);
        }
    }

    #[test]
    fn the_role_has_one_holder_and_its_work_is_seen() {
        loom::model(|| {
            let lane = Lane::new();
            let thief = {
                let lane = Arc::clone(&lane);
                thread::spawn(move || {
                    let Some(lent) = lane.role.lent() else { return 0 };
                    if !lane.role.take(lent) {
                        return 0;
                    }
                    lane.work();
                    1
                })
            };
            lane.work();
            let mut mine = 1;
            let lent = lane.role.lend();
            if lane.role.regain(lent) {
                lane.work();
                mine += 1;
            }
            let theirs = thief.join().unwrap();
            assert_eq!(lane.desk.load(Relaxed), mine + theirs, "work at the desk was lost");
            assert_eq!(mine + theirs, 2, "nobody leads, or two do");
        });
    }

    /// The watch looks at one handler and takes the role under the next.
    #[test]
    fn a_lending_is_taken_while_it_lasts_and_no_later_one_for_it() {
        loom::model(|| {
            let lane = Lane::new();
            let thief = {
                let lane = Arc::clone(&lane);
                thread::spawn(move || lane.role.lent().filter(|lent| lane.role.take(*lent)))
            };
            let mut back = Vec::new();
            for _ in 0..2 {
                let lent = lane.role.lend();
                if !lane.role.regain(lent) {
                    break;
                }
                back.push(lent);
            }
            let taken = thief.join().unwrap();
            assert!(
                taken.is_none_or(|taken| !back.contains(&taken)),
                "the role was taken under a handler that nobody has looked at"
            );
            assert_eq!(taken.is_none(), back.len() == 2, "nobody leads, or two do");
        });
    }

    #[test]
    fn a_lending_is_seen_by_the_watch_or_wakes_it() {
        loom::model(|| {
            let lane = Lane::new();
            let watch = {
                let lane = Arc::clone(&lane);
                thread::spawn(move || {
                    lane.asleep.store(true, Relaxed);
                    lane.role.last_look()
                })
            };
            lane.role.lend();
            let called = lane.asleep.load(Relaxed);
            let seen = watch.join().unwrap();
            assert!(seen || called, "a handler runs and nobody watches");
        });
    }
}
