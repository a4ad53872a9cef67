//! What every program of this package has in common: its address flags, its log, its signals and its end.

pub mod address;
pub mod compression;
pub mod exit;
pub mod logging;
pub mod signals;
