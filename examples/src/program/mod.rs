//! What every program of this package has in common: its address flags, its log and its signals.

pub mod address;
pub mod compression;
pub mod logging;
pub mod signals;
