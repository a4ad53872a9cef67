//! Client: what has left a streaming call is kept for as long as the call may have to be made again.
//!
//! A server that refuses a stream promises that it has not begun with it, and then the call is made again, once, without
//! the application's knowledge ("transparent retries", gRFC A6). A unary call is repeated by its own thread, which still
//! has the request; nobody else does.

use bytes::Bytes;
use http::Request;

use super::Stream;
use super::outbox::{Outbox, Sending};

/// Bytes of a stream of requests that are kept. A call that has sent more is not made again.
pub(crate) const KEPT_MAX: usize = 64 * 1024;

/// What is needed to make a call again.
#[derive(Debug)]
pub(crate) struct Kept {
    request: Request<()>,
    chunks: Vec<Bytes>,
    len: usize,
    limit: usize,
}

impl Kept {
    /// `limit`: bytes of messages that are kept at most.
    pub(crate) fn new(request: Request<()>, limit: usize) -> Self {
        Self { request, chunks: Vec::new(), len: 0, limit }
    }

    /// Keeps what goes out now; false when that is too much. Nothing is copied.
    pub(super) fn add(&mut self, chunk: &Bytes) -> bool {
        self.len += chunk.len();
        if self.len > self.limit {
            return false;
        }
        self.chunks.push(chunk.clone());
        true
    }
}

impl Outbox {
    /// Puts back what was sent; `None` when the call cannot be made again, now or ever.
    fn rewind(&mut self) -> Option<Request<()>> {
        let Kept { request, chunks, .. } = *self.kept.take()?;
        if matches!(self.sending, Sending::Closed(_)) {
            return None;
        }
        for chunk in chunks.into_iter().rev() {
            self.put_back(chunk);
        }
        Some(request)
    }
}

impl Stream {
    /// Keeps what this call sends, until its answer begins. Before the call is opened.
    pub(crate) fn keep(&self, request: Request<()>, limit: usize) {
        self.keeps.store(true, std::sync::atomic::Ordering::Relaxed);
        self.outbox().kept = Some(Box::new(Kept::new(request, limit)));
    }

    /// The answer has begun: the call is not made again.
    pub(crate) fn commit(&self) {
        if self.keeps.load(std::sync::atomic::Ordering::Relaxed) {
            let kept = self.outbox().kept.take();
            drop(kept);
        }
    }

    /// The server has refused the call: makes it ready to be opened again, if that was not done before and everything
    /// that it has sent was kept.
    pub(crate) fn rewind(&self) -> Option<Request<()>> {
        self.outbox().rewind()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::BytesMut;

    use super::*;
    use crate::stream::outbox::Finish;
    use crate::wait::WakeSet;

    fn outbox(limit: usize) -> Outbox {
        let mut outbox = Outbox::new(Arc::default());
        outbox.kept = Some(Box::new(Kept::new(Request::new(()), limit)));
        outbox
    }

    fn sent(outbox: &mut Outbox) -> Vec<u8> {
        let mut bytes = Vec::new();
        while outbox.len() > 0 {
            bytes.extend_from_slice(&outbox.take(3));
        }
        bytes
    }

    #[test]
    fn what_was_sent_is_sent_again_before_what_was_not() {
        let mut outbox = outbox(100);
        outbox.push(&mut BytesMut::from(&b"first "[..]), None).unwrap();
        assert_eq!(sent(&mut outbox), b"first ");
        outbox.push(&mut BytesMut::from(&b"second"[..]), None).unwrap();
        assert!(outbox.finish(Finish::HalfClose, &mut WakeSet::default()));
        assert!(outbox.rewind().is_some());
        assert_eq!(sent(&mut outbox), b"first second");
        assert!(matches!(outbox.sending, Sending::Finishing(Finish::HalfClose)));
    }

    #[test]
    fn a_call_is_made_again_once() {
        let mut outbox = outbox(100);
        assert!(outbox.rewind().is_some());
        assert!(outbox.rewind().is_none());
    }

    #[test]
    fn a_call_that_has_sent_too_much_is_not_made_again() {
        let mut outbox = outbox(8);
        outbox.push(&mut BytesMut::from(&b"12345678"[..]), None).unwrap();
        assert_eq!(sent(&mut outbox), b"12345678");
        assert!(outbox.kept.is_some());
        outbox.push(&mut BytesMut::from(&b"9"[..]), None).unwrap();
        assert_eq!(sent(&mut outbox), b"9");
        assert!(outbox.rewind().is_none());
    }

    #[test]
    fn a_call_that_is_over_is_not_made_again() {
        let mut outbox = outbox(8);
        outbox.close(crate::Status::cancelled("cancelled"), &mut WakeSet::default());
        assert!(outbox.rewind().is_none());
    }
}
