//! Where threads sleep, and how they are woken.
//!
//! Every wait of the crate goes the same way: [`Waiter::begin`], look at the condition and enter a
//! [`WaiterList`] in one step under the condition's mutex, [`Waiter::park`] (or
//! [`Waiter::poll`] for a thread that leads a lane), and round again. Whoever changes the condition
//! takes the list into a [`WakeSet`] under the same mutex and fires it after unlocking.

pub(crate) mod before;
pub(crate) mod callbacks;
mod list;
mod waiter;

pub(crate) use list::{WaiterList, WakeSet};
pub(crate) use waiter::{Waiter, WakeLane};
