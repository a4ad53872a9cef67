//! What threads leave for a lane's next turn, and the word that ends its leader's sleep.

use std::sync::Arc;

use crate::sync::atomic::AtomicBool;
use crate::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use crate::sync::{Mutex, lock};

/// Whether something is on the ready list, or about to be put there.
#[derive(Debug)]
pub(crate) struct Listed(AtomicBool);

impl Listed {
    pub(crate) fn new() -> Self {
        Self(AtomicBool::new(false))
    }
}

/// What can be on a ready list.
pub(crate) trait Listable {
    /// Its mark, which belongs to one list.
    fn listed(&self) -> &Listed;
}

/// The ready list of a lane.
///
/// Two promises, whatever the interleaving: what is [listed](Self::list) and called for is taken by a turn that ends its sleep for it or has
/// not slept yet; and whatever a thread wrote before it listed something is seen by who takes that thing afterwards, also if it was
/// on the list already.
///
/// # Threads
/// `take` is the leader's, the others anybody's. The mark is set by whoever lists, cleared by the leader before it looks at what is marked, so that what is
/// listed after that look comes again. `called` is set by the first call after a turn, cleared by the leader before it takes
/// the list: one system call a turn. Both change by read-modify-writes, so that the leader who clears a mark has seen what everybody did who
/// found it set.
///
/// # Locks
/// `ready` is a leaf.
pub(crate) struct Posts<T> {
    ready: Mutex<Vec<Arc<T>>>,
    called: AtomicBool,
    /// Nobody will take the list any more. Set once.
    stopped: AtomicBool,
}

impl<T: Listable> Posts<T> {
    pub(crate) fn new() -> Self {
        Self { ready: Mutex::new(Vec::new()), called: AtomicBool::new(false), stopped: AtomicBool::new(false) }
    }

    /// Puts `item` on the list, unless it is there. The leader is to be called afterwards in either case: whoever has
    /// marked it may not have put it there yet.
    pub(crate) fn list(&self, item: &Arc<T>) {
        if !item.listed().0.swap(true, AcqRel) {
            lock(&self.ready).push(Arc::clone(item));
        }
    }

    /// True when the leader's sleep must be ended; somebody else has seen to that otherwise.
    pub(crate) fn call(&self) -> bool {
        !self.called.swap(true, AcqRel)
    }

    /// There was a call that no turn has heard.
    pub(crate) fn is_called(&self) -> bool {
        self.called.load(Acquire)
    }

    /// Takes the list, after the leader's sleep. What was called for before this is to be looked at after it.
    pub(crate) fn take(&self, mut each: impl FnMut(Arc<T>)) {
        // Before the list is taken: whoever lists later ends the next sleep.
        self.called.swap(false, AcqRel);
        let taken = std::mem::take(&mut *lock(&self.ready));
        for item in taken {
            // Before anybody looks at it: what is written from here on lists it again.
            item.listed().0.swap(false, AcqRel);
            each(item);
        }
    }

    /// Takes something off the list that has no use for a turn any more. It keeps its mark, so that it is not listed again.
    pub(crate) fn forget(&self, item: &T) {
        let mut forgotten = Vec::new();
        lock(&self.ready).retain(|other| {
            let same = std::ptr::eq(Arc::as_ptr(other), item);
            if same {
                forgotten.push(Arc::clone(other));
            }
            !same
        });
        // Dropped here, under no lock.
        drop(forgotten);
    }

    /// The last turn is over. What was left for the next one is forgotten, or the list would keep it alive; so must be what is listed after
    /// this, by whoever lists it.
    pub(crate) fn stop(&self) {
        // Before the list is emptied: whoever lists later sees it.
        self.stopped.store(true, Release);
        let left = std::mem::take(&mut *lock(&self.ready));
        // Dropped here, under no lock.
        drop(left);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Acquire)
    }
}

#[cfg(all(test, not(stolid_loom)))]
mod tests {
    use super::*;

    struct Thing(Listed);

    impl Listable for Thing {
        fn listed(&self) -> &Listed {
            &self.0
        }
    }

    fn thing() -> Arc<Thing> {
        Arc::new(Thing(Listed::new()))
    }

    fn take(posts: &Posts<Thing>) -> Vec<Arc<Thing>> {
        let mut taken = Vec::new();
        posts.take(|thing| taken.push(thing));
        taken
    }

    #[test]
    fn a_thing_is_listed_once_and_the_leader_is_called_once_until_it_turns() {
        let (posts, first, second) = (Posts::new(), thing(), thing());
        posts.list(&first);
        assert!(posts.call());
        posts.list(&first);
        posts.list(&second);
        assert!(!posts.call());
        assert!(posts.is_called());
        let taken = take(&posts);
        assert!(taken.len() == 2 && Arc::ptr_eq(&taken[0], &first) && Arc::ptr_eq(&taken[1], &second));
        assert!(!posts.is_called());
        posts.list(&first);
        assert!(posts.call());
        assert_eq!(take(&posts).len(), 1);
        assert!(take(&posts).is_empty());
    }

    #[test]
    fn what_is_listed_while_the_list_is_taken_comes_again() {
        let (posts, thing) = (Posts::new(), thing());
        posts.list(&thing);
        let mut taken = 0;
        posts.take(|thing| {
            taken += 1;
            posts.list(&thing);
            assert!(posts.call());
        });
        assert_eq!((taken, take(&posts).len()), (1, 1));
    }

    #[test]
    fn what_is_forgotten_is_let_go_and_not_listed_again() {
        let (posts, gone, stays) = (Posts::new(), thing(), thing());
        posts.list(&gone);
        posts.list(&stays);
        posts.forget(&gone);
        assert_eq!(Arc::strong_count(&gone), 1);
        posts.list(&gone);
        let taken = take(&posts);
        assert!(taken.len() == 1 && Arc::ptr_eq(&taken[0], &stays));
    }

    #[test]
    fn a_list_that_is_stopped_lets_everything_go() {
        let (posts, thing) = (Posts::new(), thing());
        posts.list(&thing);
        assert!(!posts.is_stopped());
        posts.stop();
        assert!(posts.is_stopped());
        assert_eq!(Arc::strong_count(&thing), 1);
    }
}

/// Threads that post and the leader's turns, in every interleaving.
///
/// A post that no turn takes up leaves the leader asleep, which loom reports as a deadlock.
#[cfg(all(test, stolid_loom))]
mod model {
    use loom::sync::Condvar;
    use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
    use loom::thread;

    use super::*;
    use crate::connection::kick::{Kick, Kicked};

    /// A connection with one note for each poster. All of it is relaxed: what a turn sees of the notes it owes to the list.
    struct Connection {
        listed: Listed,
        kick: Kick,
        written: [AtomicBool; 2],
        seen: [AtomicBool; 2],
        driven: AtomicUsize,
        dead: AtomicBool,
    }

    impl Listable for Connection {
        fn listed(&self) -> &Listed {
            &self.listed
        }
    }

    impl Connection {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                listed: Listed::new(),
                kick: Kick::new(),
                written: [false, false].map(AtomicBool::new),
                seen: [false, false].map(AtomicBool::new),
                driven: AtomicUsize::new(0),
                dead: AtomicBool::new(false),
            })
        }

        /// Looks at the notes: by the leader, who comes from the list.
        fn look(&self) {
            self.driven.fetch_add(1, Relaxed);
            for (written, seen) in self.written.iter().zip(&self.seen) {
                if written.load(Relaxed) {
                    seen.store(true, Relaxed);
                }
            }
        }
    }

    struct Lane {
        posts: Posts<Connection>,
        /// The poll: woken once for each wake.
        woken: Mutex<bool>,
        bell: Condvar,
    }

    impl Lane {
        fn new() -> Arc<Self> {
            Arc::new(Self { posts: Posts::new(), woken: Mutex::new(false), bell: Condvar::new() })
        }

        fn wake(&self) {
            if self.posts.call() {
                *lock(&self.woken) = true;
                self.bell.notify_one();
            }
        }

        fn post(&self, connection: &Arc<Connection>) {
            self.posts.list(connection);
            self.wake();
        }

        fn poll(&self) {
            let mut woken = lock(&self.woken);
            while !*woken {
                woken = self.bell.wait(woken).unwrap();
            }
            *woken = false;
        }

        /// One turn that sleeps before; how many connections it has found. They are driven as they are taken: what is marked still would be
        /// missed by who posts from here on.
        fn turn(&self, mut drive: impl FnMut(&Arc<Connection>)) -> usize {
            self.poll();
            let mut taken = Vec::new();
            self.posts.take(|connection| {
                drive(&connection);
                taken.push(connection);
            });
            assert_no_twins(&taken);
            taken.len()
        }

        /// One turn that does not sleep, and takes everything before it drives, as `Lane::turn` does.
        fn take(&self, drive: impl FnMut(&Arc<Connection>)) -> usize {
            let mut taken = Vec::new();
            self.posts.take(|connection| taken.push(connection));
            assert_no_twins(&taken);
            taken.iter().for_each(drive);
            taken.len()
        }
    }

    #[track_caller]
    fn assert_no_twins(taken: &[Arc<Connection>]) {
        let twin = |(place, one): (usize, &Arc<Connection>)| taken[..place].iter().any(|other| Arc::ptr_eq(one, other));
        assert!(!taken.iter().enumerate().any(twin), "one turn has taken a connection twice");
    }

    fn check(preemptions: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = preemptions;
        builder.check(model);
    }

    fn poster(lane: &Arc<Lane>, connection: &Arc<Connection>, note: usize) -> thread::JoinHandle<()> {
        let (lane, connection) = (Arc::clone(lane), Arc::clone(connection));
        thread::spawn(move || {
            connection.written[note].store(true, Relaxed);
            lane.post(&connection);
        })
    }

    #[test]
    fn two_who_post_one_connection() {
        check(Some(4), || {
            let (lane, connection) = (Lane::new(), Connection::new());
            let posters = [poster(&lane, &connection, 0), poster(&lane, &connection, 1)];
            while connection.seen.iter().any(|seen| !seen.load(Relaxed)) {
                lane.turn(|connection| connection.look());
            }
            for poster in posters {
                poster.join().unwrap();
            }
            assert!(connection.driven.load(Relaxed) <= 2, "driven more often than posted");
        });
    }

    #[test]
    fn two_who_post_a_connection_each() {
        check(Some(4), || {
            let lane = Lane::new();
            let connections = [Connection::new(), Connection::new()];
            let posters = [poster(&lane, &connections[0], 0), poster(&lane, &connections[1], 1)];
            let mut found = 0;
            while found < 2 {
                found += lane.turn(|connection| connection.look());
            }
            for (number, (connection, poster)) in connections.iter().zip(posters).enumerate() {
                assert!(connection.seen[number].load(Relaxed), "a note is lost");
                poster.join().unwrap();
            }
        });
    }

    /// A turn of one leader and then of another, who owes what it sees to the passing of the lead alone.
    #[test]
    fn a_post_that_meets_a_new_leader() {
        check(Some(4), || {
            let (lane, connection) = (Lane::new(), Connection::new());
            let lead = Arc::new(Mutex::new(()));
            let other = {
                let (lane, lead) = (Arc::clone(&lane), Arc::clone(&lead));
                thread::spawn(move || {
                    let _lead = lock(&lead);
                    lane.take(|connection| connection.look());
                })
            };
            let poster = poster(&lane, &connection, 0);
            loop {
                let lead = lock(&lead);
                if connection.seen[0].load(Relaxed) {
                    break;
                }
                if lane.take(|connection| connection.look()) > 0 {
                    assert!(connection.seen[0].load(Relaxed), "a note is lost");
                    break;
                }
                drop(lead);
                lane.poll();
            }
            poster.join().unwrap();
            other.join().unwrap();
            assert_eq!(connection.driven.load(Relaxed), 1, "driven as often as posted");
        });
    }

    /// Visitors who run out of rounds leave the rest to the lane, as `Connection::drive` does.
    #[test]
    fn what_a_visitor_leaves_is_driven_by_the_lane() {
        check(None, || {
            let (lane, connection) = (Lane::new(), Connection::new());
            let visit = |lane: &Arc<Lane>, connection: &Arc<Connection>, note: usize| {
                connection.written[note].store(true, Relaxed);
                let kicked = connection.kick.kick(false, 1, || connection.look());
                if kicked == (Kicked::Driven { post: true }) {
                    lane.post(connection);
                }
            };
            let other = {
                let (lane, connection) = (Arc::clone(&lane), Arc::clone(&connection));
                thread::spawn(move || visit(&lane, &connection, 1))
            };
            visit(&lane, &connection, 0);
            other.join().unwrap();
            if lane.posts.is_called() {
                lane.turn(|connection| {
                    assert_eq!(connection.kick.kick(true, 1, || connection.look()), Kicked::Driven { post: false });
                });
            }
            assert!(connection.seen.iter().all(|seen| seen.load(Relaxed)), "a note is lost");
        });
    }

    /// The end of a lane or of a connection, and `Connection::post`: nothing is left on a list that nobody takes.
    #[test]
    fn nothing_stays_on_a_list_that_is_stopped() {
        check(None, || {
            let (lane, connection) = (Lane::new(), Connection::new());
            let poster = {
                let (lane, connection) = (Arc::clone(&lane), Arc::clone(&connection));
                thread::spawn(move || {
                    lane.post(&connection);
                    if lane.posts.is_stopped() {
                        lane.posts.forget(&connection);
                    }
                })
            };
            lane.posts.stop();
            poster.join().unwrap();
            assert_eq!(Arc::strong_count(&connection), 1, "the list keeps a connection alive");
        });
    }

    #[test]
    fn a_dead_connection_is_not_left_on_the_list() {
        check(None, || {
            let (lane, connection) = (Lane::new(), Connection::new());
            let poster = {
                let (lane, connection) = (Arc::clone(&lane), Arc::clone(&connection));
                thread::spawn(move || {
                    lane.post(&connection);
                    if connection.dead.load(Relaxed) {
                        lane.posts.forget(&connection);
                    }
                })
            };
            connection.dead.store(true, Relaxed);
            lane.posts.forget(&connection);
            poster.join().unwrap();
            assert_eq!(Arc::strong_count(&connection), 1, "the list keeps a connection alive");
        });
    }

    #[test]
    fn what_is_called_for_is_seen_by_the_turn_that_hears_of_it() {
        check(Some(4), || {
            let lane = Lane::new();
            let called = Arc::new([false, false].map(AtomicBool::new));
            let callers = [0, 1].map(|caller| {
                let (lane, called) = (Arc::clone(&lane), Arc::clone(&called));
                thread::spawn(move || {
                    called[caller].store(true, Relaxed);
                    lane.wake();
                })
            });
            while called.iter().any(|called| !called.load(Relaxed)) {
                lane.turn(|_| {});
            }
            for caller in callers {
                caller.join().unwrap();
            }
        });
    }
}
