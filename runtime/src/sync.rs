//! The locks, atomics and thread calls of the state machines that a model checker walks through.
//!
//! The kick, the waiter, the worker claim, a lane's role, seats and ready list, and the helm of a
//! client's connection import from here alone. Built as usual these are the standard library's;
//! built with `--cfg stolid_loom` they are loom's, which runs the models of those files through
//! every interleaving. `Arc` is the standard one in both builds: it guards nothing in these
//! machines, and loom's cannot hold a trait object.

use std::sync::PoisonError;

#[cfg(not(stolid_loom))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(not(stolid_loom))]
pub(crate) use std::{thread, thread_local};

#[cfg(stolid_loom)]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(stolid_loom)]
pub(crate) use loom::{thread, thread_local};

/// Locks `mutex`, also after a panic under it.
///
/// What these mutexes guard is changed in single steps, so a panic cannot leave it half done, and
/// a poisoned lock must not take the other calls down with it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
