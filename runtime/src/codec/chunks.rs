//! `Chunks`: a queue of byte slices that reads as one.

use std::collections::VecDeque;
use std::mem;

use bytes::{Buf, Bytes};

/// Bytes in the order of their arrival, as the slices they came in.
///
/// The first slice lies outside the queue: most calls have one slice only and then need no queue.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    /// Empty only if there is nothing at all.
    front: Bytes,
    /// No slice in here is empty.
    rest: VecDeque<Bytes>,
    /// The bytes of all slices.
    len: usize,
}

impl Chunks {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first slice; empty only if there is nothing at all.
    pub(crate) fn front(&self) -> &Bytes {
        &self.front
    }

    pub(crate) fn push(&mut self, chunk: Bytes) {
        if chunk.is_empty() {
            return;
        }
        self.len += chunk.len();
        if self.front.is_empty() {
            self.front = chunk;
        } else {
            self.rest.push_back(chunk);
        }
    }

    /// Puts a slice before all others.
    pub(crate) fn push_front(&mut self, chunk: Bytes) {
        if chunk.is_empty() {
            return;
        }
        self.len += chunk.len();
        let second = mem::replace(&mut self.front, chunk);
        if !second.is_empty() {
            self.rest.push_front(second);
        }
    }

    /// Takes `count` bytes out of the first slice, which has to have that many.
    pub(crate) fn split_front(&mut self, count: usize) -> Bytes {
        self.len -= count;
        if count < self.front.len() { self.front.split_to(count) } else { self.pop() }
    }

    /// Moves the first `count` bytes, or all there are, to the end of `into`.
    pub(crate) fn move_to(&mut self, count: usize, into: &mut Self) {
        let mut left = count.min(self.len);
        if left == self.len && into.is_empty() {
            mem::swap(self, into);
            return;
        }
        while left > 0 {
            let taken = left.min(self.front.len());
            left -= taken;
            into.push(self.split_front(taken));
        }
    }

    fn advance_over_slices(&mut self, count: usize) {
        assert!(count <= self.len, "cannot advance past the last chunk");
        self.len -= count;
        let mut left = count;
        while left >= self.front.len() && left > 0 {
            left -= self.pop().len();
        }
        self.front.advance(left);
    }

    fn pop(&mut self) -> Bytes {
        let next = self.rest.pop_front().unwrap_or_default();
        mem::replace(&mut self.front, next)
    }
}

impl Buf for Chunks {
    fn remaining(&self) -> usize {
        self.len
    }

    fn chunk(&self) -> &[u8] {
        &self.front
    }

    #[inline]
    fn advance(&mut self, count: usize) {
        if count < self.front.len() {
            self.len -= count;
            self.front.advance(count);
        } else {
            self.advance_over_slices(count);
        }
    }

    fn copy_to_bytes(&mut self, count: usize) -> Bytes {
        if count <= self.front.len() {
            return self.split_front(count);
        }
        assert!(count <= self.len, "cannot copy past the last chunk");
        let mut copy = Vec::with_capacity(count);
        while copy.len() < count {
            let part = self.front.len().min(count - copy.len());
            copy.extend_from_slice(&self.front[..part]);
            self.advance(part);
        }
        Bytes::from(copy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(parts: &[&'static str]) -> Chunks {
        let mut chunks = Chunks::default();
        for part in parts {
            chunks.push(Bytes::from_static(part.as_bytes()));
        }
        chunks
    }

    fn read(mut chunks: Chunks) -> Bytes {
        chunks.copy_to_bytes(chunks.len())
    }

    #[test]
    fn reads_as_one() {
        let mut all = chunks(&["ab", "", "c", "defg"]);
        assert_eq!((all.len(), all.remaining()), (7, 7));
        assert_eq!(all.chunk(), b"ab");
        all.advance(2);
        assert_eq!(all.chunk(), b"c");
        assert_eq!(all.copy_to_bytes(2), "cd");
        assert_eq!(all.copy_to_bytes(3), "efg");
        assert!(all.is_empty() && all.chunk().is_empty());
        assert_eq!(all.copy_to_bytes(0), "");
    }

    #[test]
    fn what_is_put_back_comes_first() {
        let mut all = chunks(&[]);
        for part in ["c", "", "b", "a"] {
            all.push_front(Bytes::from_static(part.as_bytes()));
        }
        all.push(Bytes::from_static(b"d"));
        assert_eq!((all.len(), all.front().as_ref()), (4, b"a".as_slice()));
        assert_eq!(read(all), "abcd");
    }

    #[test]
    fn every_cut_gives_back_the_whole() {
        for cut in 0..=7 {
            let mut all = chunks(&["ab", "c", "defg"]);
            let mut start = chunks(&["-"]);
            all.move_to(cut, &mut start);
            assert_eq!((start.len(), all.len()), (cut + 1, 7 - cut));
            assert_eq!([read(start), read(all)].concat(), b"-abcdefg");

            let mut skipped = chunks(&["ab", "c", "defg"]);
            skipped.advance(cut);
            assert_eq!(read(skipped), b"abcdefg"[cut..]);
        }
    }

    #[test]
    fn moving_everything_leaves_nothing() {
        let mut all = chunks(&["ab", "c"]);
        let mut into = Chunks::default();
        all.move_to(usize::MAX, &mut into);
        assert!(all.is_empty() && all.front().is_empty());
        assert_eq!(read(into), "abc");
    }

    #[test]
    #[should_panic(expected = "past the last chunk")]
    fn advancing_too_far_is_a_bug() {
        chunks(&["ab", "c"]).advance(4);
    }
}
