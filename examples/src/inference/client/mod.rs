//! `inference-client`.
//!
//! | file | what it is |
//! | --- | --- |
//! | [`program`], [`arguments`] | `inference-client` |
//! | [`tokens`] | prints an answer while it arrives |
//! | [`predict`] | asks for many predictions at the same time |

pub mod arguments;
pub mod predict;
pub mod program;
pub mod tokens;
