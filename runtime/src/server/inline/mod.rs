//! Quick unary handlers run where their request was read: on the thread that leads the lane.
//!
//! A switch to another thread costs several times what a quick call costs altogether. So the leader runs such handlers itself,
//! one after another, and *lends* its role meanwhile: should a handler turn out to block, the [watch] takes the role from
//! under it and gives it to a spare thread that has waited for that, with everything that was still to be done. The handler
//! goes on undisturbed on the thread it has, which is an ordinary worker from then on. Nothing that a handler does delays
//! the other calls by more than about two milliseconds, and a method that does it again is run by workers at once.

pub(super) mod crew;
mod jobs;
pub(super) mod lead;
mod pulse;
mod role;
mod seats;
pub(super) mod watch;
