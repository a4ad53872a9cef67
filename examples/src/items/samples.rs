//! Items that are made up when somebody asks for them.

use std::io;

use super::proto::Item;
use super::repository::{Batch, Repository};

/// So many items as one likes. What is saved is thrown away.
#[derive(Clone, Copy, Debug)]
pub struct Samples {
    count: u64,
}

impl Samples {
    /// This many items.
    pub fn new(count: u64) -> Self {
        Self { count }
    }
}

impl Repository for Samples {
    fn batch(&self, cursor: u64, limit: usize) -> io::Result<Batch> {
        let end = cursor.saturating_add(limit as u64).min(self.count);
        let items = (cursor..end).map(|index| sample(index + 1)).collect();
        Ok(Batch { items, next: (end < self.count).then_some(end) })
    }

    fn save(&self, _: &Item) -> io::Result<()> {
        Ok(())
    }
}

fn sample(number: u64) -> Item {
    Item {
        id: format!("item-{number:06}"),
        name: format!("Item {number}"),
        data: format!("This is item {number}.").into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_batches_hold_every_item_once() {
        for count in [0, 1, 99, 100, 101, 250] {
            let samples = Samples::new(count);
            let (mut cursor, mut ids) = (Some(0), Vec::new());
            while let Some(from) = cursor {
                let batch = samples.batch(from, 100).unwrap();
                assert!(batch.items.len() <= 100);
                ids.extend(batch.items.into_iter().map(|item| item.id));
                cursor = batch.next;
            }
            let expected: Vec<String> = (1..=count).map(|number| format!("item-{number:06}")).collect();
            assert_eq!(ids, expected);
        }
    }
}
