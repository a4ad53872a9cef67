//! `inference-server`.

pub mod arguments;
pub mod program;
