//! Where items come from and go to.

use std::io;

use super::proto::Item;

/// Something that keeps items in an order of its own.
pub trait Repository: Send + Sync {
    /// Up to `limit` items from `cursor` on. 0 is the beginning; every other cursor comes from the batch before.
    ///
    /// # Errors
    /// When they cannot be read.
    fn batch(&self, cursor: u64, limit: usize) -> io::Result<Batch>;

    /// Keeps an item, behind all others.
    ///
    /// # Errors
    /// When it cannot be kept; then nothing has changed.
    fn save(&self, item: &Item) -> io::Result<()>;
}

/// Some items in a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// The items.
    pub items: Vec<Item>,
    /// Where the next batch begins; `None` when there is none.
    pub next: Option<u64>,
}
