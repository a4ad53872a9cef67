//! The points of the protocol that implementations get wrong, each by a test that is named for it.
//!
//! The table in `tests/README.md` says which test stands for which point.

mod compression;
mod endings;
mod messages;
mod metadata_rules;
mod request_heads;
mod requests_sent;
mod responses;
mod script;
mod statuses;
mod streams;
