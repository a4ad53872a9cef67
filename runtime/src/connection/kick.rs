//! The word that decides who drives a connection.
//!
//! Nobody waits for a connection. Whoever has something for it to do writes that down where the
//! driver looks (an outbox, the command list) and then *kicks*. A kicker that finds the connection
//! free becomes its holder and drives it; one that finds it held leaves a notice and goes, and the
//! holder goes round again.

use crate::sync::atomic::AtomicU32;
use crate::sync::atomic::Ordering::{AcqRel, Acquire};

/// Somebody holds the connection and is the only one to drive it.
const LOCKED: u32 = 1;

/// Something was written down since the last drive began.
const NOTIFIED: u32 = 2;

/// A leader saw the socket readable since the last drive began.
const READ: u32 = 4;

/// The right to drive one connection, passed on without waiting.
///
/// Three promises, whatever the interleaving: drives never overlap; whatever a thread wrote before
/// its kick is seen by a drive that begins after that kick, or the last holder reports
/// [`post`](Kicked::Driven::post); a wish to read is met by a reading drive or by such a report.
///
/// # Threads
/// Any thread kicks. Bits are set by every kicker with one `fetch_or`; they are cleared by the
/// holder alone: NOTIFIED and READ by the `swap` that begins a drive, LOCKED by the
/// `compare_exchange` (or, out of rounds, the `fetch_and`) that ends the last one. All of these
/// are read-modify-writes of one word with `AcqRel`, so each sees everything that was written
/// before every earlier one, and no fence is needed.
///
/// # Locks
/// None, and nothing waits here. The drive takes the connection's own mutex, which the holder of
/// LOCKED always gets at once.
#[derive(Debug)]
pub(crate) struct Kick {
    word: AtomicU32,
}

/// What became of a kick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kicked {
    /// Somebody else holds the connection and will drive it once more.
    Busy,
    /// The connection was driven at least once.
    Driven {
        /// The caller must put the connection on its lane's ready list: there is work left, or
        /// reading that only the lane's leader may do.
        post: bool,
    },
}

impl Kick {
    /// A connection that nobody holds.
    pub(crate) fn new() -> Self {
        Self { word: AtomicU32::new(0) }
    }

    /// Calls `drive` until nothing is left to do, or leaves that to whoever is at it.
    ///
    /// `reads` says that the caller is the lane's leader: its drives read the socket, and if
    /// somebody else holds the connection it leaves the wish to read with its notice.
    ///
    /// `rounds` bounds the number of drives (0 counts as 1), so that a caller with little to say is
    /// not captured into driving everybody else's traffic. What is left then is reported by `post`.
    ///
    /// # Panics
    /// If `drive` panics, the panic passes through and LOCKED is cleared on the way, so that the
    /// next kicker finds the connection free. Notices left meanwhile stay set, but nobody is bound
    /// to act on them: the caller has to give the connection up and wake whoever waits for it.
    pub(crate) fn kick(&self, reads: bool, rounds: u32, mut drive: impl FnMut()) -> Kicked {
        let notice = if reads { NOTIFIED | READ } else { NOTIFIED };
        // The kicker's bits and the question who holds it are one step. In two, the holder could
        // look for bits before the first and let go before the second.
        if self.word.fetch_or(LOCKED | notice, AcqRel) & LOCKED != 0 {
            return Kicked::Busy;
        }
        let held = Held { word: &self.word };
        let mut reading_left = false;
        let mut rounds_left = rounds.max(1);
        loop {
            // Notices are cleared before the drive looks around: one that comes later, and may be
            // about something the drive has already passed by, is still there at its end.
            let seen = self.word.swap(LOCKED, AcqRel);
            reading_left |= !reads && seen & READ != 0;
            drive();
            rounds_left -= 1;
            if self.word.compare_exchange(LOCKED, 0, AcqRel, Acquire).is_ok() {
                held.already_released();
                return Kicked::Driven { post: reading_left };
            }
            if rounds_left == 0 {
                // Dropping `held` keeps the notices, so that they are still there for the lane.
                return Kicked::Driven { post: true };
            }
        }
    }
}

/// Clears LOCKED when dropped, also when a drive panics.
struct Held<'a> {
    word: &'a AtomicU32,
}

impl Held<'_> {
    /// For the holder whose `compare_exchange` has cleared LOCKED itself.
    fn already_released(self) {
        std::mem::forget(self);
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.word.fetch_and(!LOCKED, AcqRel);
    }
}

#[cfg(all(test, not(stolid_loom)))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_kick_of_a_free_connection_drives_it_once() {
        let kick = Kick::new();
        let mut drives = 0;
        let kicked = kick.kick(false, 2, || drives += 1);
        assert_eq!(kicked, Kicked::Driven { post: false });
        assert_eq!(drives, 1);
    }

    #[test]
    fn a_kick_during_a_drive_makes_the_holder_go_round_again() {
        let kick = Kick::new();
        let mut drives = 0;
        let kicked = kick.kick(false, 2, || {
            drives += 1;
            if drives == 1 {
                let inner = kick.kick(false, 2, || unreachable!("the connection is held"));
                assert_eq!(inner, Kicked::Busy);
            }
        });
        assert_eq!(kicked, Kicked::Driven { post: false });
        assert_eq!(drives, 2);
    }

    #[test]
    fn a_holder_out_of_rounds_lets_go_and_posts_the_rest() {
        let kick = Kick::new();
        let mut drives = 0;
        let kicked = kick.kick(true, 3, || {
            drives += 1;
            kick.kick(false, 1, || unreachable!("the connection is held"));
        });
        assert_eq!(kicked, Kicked::Driven { post: true });
        assert_eq!(drives, 3);
        // The connection is free again, and what was left over does not make the next kick post.
        let kicked = kick.kick(true, 1, || drives += 1);
        assert_eq!(kicked, Kicked::Driven { post: false });
        assert_eq!(drives, 4);
    }

    #[test]
    fn no_rounds_are_one_round() {
        let kick = Kick::new();
        let mut drives = 0;
        assert_eq!(kick.kick(false, 0, || drives += 1), Kicked::Driven { post: false });
        assert_eq!(drives, 1);
    }

    #[test]
    fn reading_left_for_a_visitor_is_posted() {
        let kick = Kick::new();
        let mut drives = 0;
        let kicked = kick.kick(false, 2, || {
            drives += 1;
            if drives == 1 {
                assert_eq!(kick.kick(true, 2, || unreachable!()), Kicked::Busy);
            }
        });
        assert_eq!(kicked, Kicked::Driven { post: true });
        assert_eq!(drives, 2);
    }

    #[test]
    fn reading_left_for_a_leader_is_its_own() {
        let kick = Kick::new();
        let mut drives = 0;
        let kicked = kick.kick(true, 2, || {
            drives += 1;
            if drives == 1 {
                assert_eq!(kick.kick(true, 2, || unreachable!()), Kicked::Busy);
            }
        });
        assert_eq!(kicked, Kicked::Driven { post: false });
        assert_eq!(drives, 2);
    }

    #[test]
    fn reading_left_by_a_holder_out_of_rounds_is_still_posted_by_the_next_visitor() {
        let kick = Kick::new();
        let leave_reading = || {
            kick.kick(true, 1, || unreachable!("the connection is held"));
        };
        assert_eq!(kick.kick(false, 1, leave_reading), Kicked::Driven { post: true });
        assert_eq!(kick.kick(false, 1, || {}), Kicked::Driven { post: true });
        assert_eq!(kick.kick(false, 1, || {}), Kicked::Driven { post: false });
    }

    #[test]
    fn a_panic_in_a_drive_lets_go_of_the_connection() {
        let kick = Kick::new();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            kick.kick(false, 2, || panic!("a drive fails"));
        }));
        assert!(panicked.is_err());
        assert_eq!(kick.kick(false, 2, || {}), Kicked::Driven { post: false });
    }
}

/// Kickers in every interleaving. `RUSTFLAGS="--cfg stolid_loom" cargo test --release --lib model`
#[cfg(all(test, stolid_loom))]
mod model {
    use std::sync::Arc;

    use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
    use loom::thread;

    use super::*;

    /// A connection with one note for each kicker and a socket. Everything but the kick is relaxed,
    /// so whatever a drive sees of the notes and of earlier drives it owes to the kick's ordering.
    struct Connection {
        kick: Kick,
        written: Vec<AtomicBool>,
        seen: Vec<AtomicBool>,
        inside: AtomicUsize,
        drives_counted: AtomicUsize,
        drives_begun: AtomicUsize,
        readable: AtomicBool,
        read: AtomicBool,
        posted: AtomicBool,
    }

    impl Connection {
        fn new(kickers: usize) -> Arc<Self> {
            let notes = || (0..kickers).map(|_| AtomicBool::new(false)).collect();
            Arc::new(Self {
                kick: Kick::new(),
                written: notes(),
                seen: notes(),
                inside: AtomicUsize::new(0),
                drives_counted: AtomicUsize::new(0),
                drives_begun: AtomicUsize::new(0),
                readable: AtomicBool::new(false),
                read: AtomicBool::new(false),
                posted: AtomicBool::new(false),
            })
        }

        fn drive(&self, reads: bool) {
            assert_eq!(self.inside.fetch_add(1, Relaxed), 0, "two drives at once");
            // A load and a store, not one step: an earlier drive that this one does not see is lost.
            self.drives_counted.store(self.drives_counted.load(Relaxed) + 1, Relaxed);
            self.drives_begun.fetch_add(1, Relaxed);
            for (written, seen) in self.written.iter().zip(&self.seen) {
                if written.load(Relaxed) {
                    seen.store(true, Relaxed);
                }
            }
            if reads && self.readable.load(Relaxed) {
                self.read.store(true, Relaxed);
            }
            self.inside.fetch_sub(1, Relaxed);
        }

        fn kick(&self, reads: bool, rounds: u32) {
            let kicked = self.kick.kick(reads, rounds, || self.drive(reads));
            if let Kicked::Driven { post: true } = kicked {
                self.posted.store(true, Relaxed);
            }
        }

        fn visit(&self, note: usize, rounds: u32) {
            self.written[note].store(true, Relaxed);
            self.kick(false, rounds);
        }

        fn lead(&self, rounds: u32) {
            self.readable.store(true, Relaxed);
            self.kick(true, rounds);
        }

        /// Everybody has gone; the lane serves its ready list.
        fn settle(&self) {
            if self.posted.load(Relaxed) {
                self.kick(true, 1);
            }
            assert_eq!(self.kick.word.load(Relaxed), 0, "something is left to do");
            for (written, seen) in self.written.iter().zip(&self.seen) {
                assert_eq!(written.load(Relaxed), seen.load(Relaxed), "a note is lost");
            }
            assert_eq!(self.readable.load(Relaxed), self.read.load(Relaxed), "the socket is left unread");
            assert_eq!(
                self.drives_counted.load(Relaxed),
                self.drives_begun.load(Relaxed),
                "a drive did not see the one before"
            );
        }
    }

    fn check(kickers: &'static [fn(&Connection)]) {
        let mut model = loom::model::Builder::new();
        // All interleavings of two; those of three take long, and most only repeat each other.
        model.preemption_bound = (kickers.len() > 2).then_some(5);
        model.check(move || {
            let connection = Connection::new(kickers.len());
            let others: Vec<_> = kickers[1..]
                .iter()
                .map(|kicker| {
                    let connection = Arc::clone(&connection);
                    thread::spawn(move || kicker(&connection))
                })
                .collect();
            kickers[0](&connection);
            for other in others {
                other.join().unwrap();
            }
            connection.settle();
        });
    }

    #[test]
    fn two_visitors() {
        check(&[|c| c.visit(0, 2), |c| c.visit(1, 2)]);
    }

    #[test]
    fn three_visitors() {
        check(&[|c| c.visit(0, 2), |c| c.visit(1, 2), |c| c.visit(2, 2)]);
    }

    #[test]
    fn three_visitors_of_one_round() {
        check(&[|c| c.visit(0, 1), |c| c.visit(1, 1), |c| c.visit(2, 1)]);
    }

    #[test]
    fn a_visitor_and_the_leader() {
        check(&[|c| c.visit(0, 2), |c| c.lead(2)]);
    }

    #[test]
    fn two_visitors_and_the_leader() {
        check(&[|c| c.visit(0, 2), |c| c.visit(1, 2), |c| c.lead(2)]);
    }

    #[test]
    fn two_visitors_and_the_leader_of_one_round() {
        check(&[|c| c.visit(0, 1), |c| c.visit(1, 1), |c| c.lead(1)]);
    }

    #[test]
    fn a_visitor_who_comes_twice_and_the_leader() {
        check(&[
            |c| {
                c.visit(0, 1);
                c.visit(1, 1);
            },
            |c| c.lead(1),
        ]);
    }
}
