//! Who waits for one condition, and who is to be woken for it.

use std::sync::Arc;

use super::Waiter;

/// The threads that wait for one condition.
///
/// Room for two waiters is inline, as most conditions have one waiter or none (a stream's reader,
/// a sender out of quota); only more allocate.
///
/// # Locks
/// Lives inside the mutex of its condition, a leaf. No method calls anything.
#[derive(Debug, Default)]
pub(crate) struct WaiterList {
    waiters: Waiters,
}

/// Waiters collected under locks, to be woken when no lock is held.
///
/// Dropping it wakes nobody.
#[derive(Debug, Default)]
#[must_use = "the collected waiters sleep until `fire`"]
pub(crate) struct WakeSet {
    waiters: Waiters,
}

impl WaiterList {
    /// Enters `waiter`, unless it is in the list already: a wait loop enters itself each time
    /// round.
    pub(crate) fn add(&mut self, waiter: &Arc<Waiter>) {
        if !self.waiters.iter().any(|other| Arc::ptr_eq(other, waiter)) {
            self.waiters.push(Arc::clone(waiter));
        }
    }

    /// Strikes `waiter` out, if it is there.
    pub(crate) fn remove(&mut self, waiter: &Arc<Waiter>) {
        self.waiters.remove(waiter);
    }

    /// Moves everybody into `into`; the list is empty afterwards.
    pub(crate) fn take(&mut self, into: &mut WakeSet) {
        into.waiters.append(&mut self.waiters);
    }
}

impl WakeSet {
    /// Wakes everybody. No lock may be held.
    pub(crate) fn fire(mut self) {
        self.waiters.drain(|waiter| waiter.wake());
    }
}

/// Two places inline and a vector for the rest.
#[derive(Debug, Default)]
struct Waiters {
    near: [Option<Arc<Waiter>>; 2],
    far: Vec<Arc<Waiter>>,
}

impl Waiters {
    fn push(&mut self, waiter: Arc<Waiter>) {
        match self.near.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(waiter),
            None => self.far.push(waiter),
        }
    }

    fn remove(&mut self, waiter: &Arc<Waiter>) {
        for place in &mut self.near {
            place.take_if(|other| Arc::ptr_eq(other, waiter));
        }
        self.far.retain(|other| !Arc::ptr_eq(other, waiter));
    }

    fn append(&mut self, other: &mut Self) {
        other.drain(|waiter| self.push(waiter));
    }

    fn drain(&mut self, mut each: impl FnMut(Arc<Waiter>)) {
        for place in &mut self.near {
            if let Some(waiter) = place.take() {
                each(waiter);
            }
        }
        for waiter in self.far.drain(..) {
            each(waiter);
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Arc<Waiter>> {
        self.near.iter().flatten().chain(&self.far)
    }
}

#[cfg(all(test, not(stolid_loom)))]
mod tests {
    use std::time::Instant;

    use super::*;

    /// Waiters of so many threads, which have ended: a wake is a mark on the waiter.
    fn waiters(number: usize) -> Vec<Arc<Waiter>> {
        (0..number).map(|_| std::thread::spawn(Waiter::current).join().unwrap()).collect()
    }

    fn list(waiters: &[Arc<Waiter>]) -> WaiterList {
        let mut list = WaiterList::default();
        for waiter in waiters {
            list.add(waiter);
        }
        list
    }

    #[test]
    fn a_waiter_is_entered_once() {
        let waiters = waiters(4);
        let mut list = list(&waiters);
        for waiter in &waiters {
            list.add(waiter);
        }
        assert_eq!(list.waiters.iter().count(), 4);
    }

    #[test]
    fn waiters_are_struck_out_wherever_they_are() {
        let waiters = waiters(4);
        let mut list = list(&waiters);
        for (left, waiter) in [3, 2, 1, 0].into_iter().zip(&waiters) {
            list.remove(waiter);
            list.remove(waiter);
            assert_eq!(list.waiters.iter().count(), left);
        }
        assert_eq!(list.waiters.iter().count(), 0);
        list.add(&waiters[3]);
        assert_eq!(list.waiters.iter().count(), 1);
    }

    #[test]
    fn take_empties_the_list_and_adds_to_the_set() {
        let mut set = WakeSet::default();
        assert_eq!(set.waiters.iter().count(), 0);
        for number in [0, 1, 2, 5] {
            let mut list = list(&waiters(number));
            list.take(&mut set);
            assert_eq!(list.waiters.iter().count(), 0);
        }
        assert_eq!(set.waiters.iter().count(), 8);
    }

    #[test]
    fn fire_wakes_and_drop_does_not() {
        let me = Waiter::current();
        let mut list = list(&waiters(3));
        list.add(&me);
        let mut set = WakeSet::default();
        list.take(&mut set);
        me.begin();
        drop(set);
        assert!(!me.park_until(Instant::now()), "a dropped set has woken");

        list.add(&me);
        let mut set = WakeSet::default();
        list.take(&mut set);
        me.begin();
        set.fire();
        assert!(me.park_until(Instant::now()), "a fired set has not woken");
    }
}
