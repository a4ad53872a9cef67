//! The receiving side of a stream: filled by the drive, emptied by one application thread.

use crate::codec::{Assembler, Batch, BrokenEnvelope};
use crate::metadata::Metadata;
use crate::status::Status;
use crate::wait::{Waiter, WaiterList, WakeSet};
use bytes::Bytes;
use http::HeaderValue;
use std::sync::Arc;

/// How the receiving side ended.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// Server: the client has sent everything.
    HalfClosed,
    /// Client: status OK, with trailers.
    Ok(Box<Metadata>),
    /// The call failed.
    Failed(Status),
}

/// The headers of the peer.
#[derive(Debug)]
enum Head {
    Waiting,
    Arrived(Metadata),
}

/// What a reader finds.
#[derive(Debug)]
pub(crate) enum Taken {
    /// The batch holds at least one message.
    Messages,
    /// Nothing more will come.
    End(End),
}

/// The receiving side.
///
/// # Locks
/// Lives in a leaf mutex (level 4) of its stream.
#[derive(Debug)]
pub(crate) struct Inbox {
    assembler: Assembler,
    head: Head,
    /// What `grpc-encoding` said, if it was not `identity`.
    encoding: Option<HeaderValue>,
    end: Option<End>,
    /// Buffered messages are skipped: the end came from this side.
    at_once: bool,
    waiters: WaiterList,
}

impl Inbox {
    pub(crate) fn new(max_message: usize) -> Self {
        Self {
            assembler: Assembler::new(max_message),
            head: Head::Waiting,
            encoding: None,
            end: None,
            at_once: false,
            waiters: WaiterList::default(),
        }
    }

    /// Server: of a call whose headers said this.
    pub(crate) fn of_request(max_message: usize, encoding: Option<HeaderValue>, metadata: Metadata) -> Self {
        Self { encoding, head: Head::Arrived(metadata), ..Self::new(max_message) }
    }

    /// Adds the payload of a DATA frame. Returns how many of its bytes belong to complete messages now.
    pub(crate) fn push(&mut self, data: Bytes, wakes: &mut WakeSet) -> Result<(), BrokenEnvelope> {
        let whole_before = self.assembler.partial_bytes() == 0;
        let completed = self.assembler.push(data)?;
        // A caller that wants one message also wants to know that a second one has begun.
        let begun = whole_before && self.assembler.partial_bytes() > 0 && self.assembler.complete_messages() > 0;
        if completed > 0 || begun {
            self.waiters.take(wakes);
        }
        Ok(())
    }

    /// Bytes of the message that is not complete yet.
    pub(crate) fn partial_bytes(&self) -> usize {
        self.assembler.partial_bytes()
    }

    /// Bytes of complete messages that were not taken.
    pub(crate) fn complete_bytes(&self) -> usize {
        self.assembler.complete_bytes()
    }

    pub(crate) fn complete_messages(&self) -> usize {
        self.assembler.complete_messages()
    }

    /// More than one message has come, if only in part.
    pub(crate) fn has_begun_a_second_message(&self) -> bool {
        self.complete_messages() > 1 || (self.complete_messages() == 1 && self.partial_bytes() > 0)
    }

    /// Fails when the stream ended inside a message.
    pub(crate) fn check_end(&self) -> Result<(), BrokenEnvelope> {
        self.assembler.end()
    }

    pub(crate) fn set_encoding(&mut self, encoding: Option<HeaderValue>) {
        self.encoding = encoding;
    }

    pub(crate) fn encoding(&self) -> Option<&HeaderValue> {
        self.encoding.as_ref()
    }

    pub(crate) fn head_arrived(&mut self, metadata: Metadata, wakes: &mut WakeSet) {
        self.head = Head::Arrived(metadata);
        self.waiters.take(wakes);
    }

    /// The end as the peer told it: what was received before it can still be read. The first end stands.
    pub(crate) fn finish(&mut self, end: End, wakes: &mut WakeSet) {
        if self.end.is_none() {
            self.end = Some(end);
        }
        self.waiters.take(wakes);
    }

    /// The end that this side has set: nothing more is read.
    pub(crate) fn fail_at_once(&mut self, status: Status, wakes: &mut WakeSet) {
        if !matches!(self.end, Some(End::Ok(_) | End::Failed(_))) {
            self.end = Some(End::Failed(status));
            self.at_once = true;
        }
        self.waiters.take(wakes);
    }

    pub(crate) fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Moves everything complete into `batch`, or tells the end, or registers `waiter`.
    pub(crate) fn take(&mut self, batch: &mut Batch, waiter: Option<&Arc<Waiter>>) -> Option<Taken> {
        if self.assembler.complete_messages() > 0 && !self.at_once {
            self.assembler.take(batch);
            return Some(Taken::Messages);
        }
        if let Some(end) = &self.end {
            return Some(Taken::End(end.clone()));
        }
        if let Some(waiter) = waiter {
            self.waiters.add(waiter);
        }
        None
    }

    /// Server: moves the one message of a call that consists of it into `batch`; false when it has not come in whole, or is not alone.
    pub(crate) fn take_only(&mut self, batch: &mut Batch) -> bool {
        let only = self.assembler.complete_messages() == 1 && matches!(self.end, Some(End::HalfClosed));
        if only {
            self.assembler.take(batch);
        }
        only
    }

    /// Registers a waiter for whatever comes next.
    pub(crate) fn watch(&mut self, waiter: &Arc<Waiter>) {
        self.waiters.add(waiter);
    }

    /// Wakes everybody, for another look.
    pub(crate) fn rouse(&mut self, wakes: &mut WakeSet) {
        self.waiters.take(wakes);
    }

    pub(crate) fn unwatch(&mut self, waiter: &Arc<Waiter>) {
        self.waiters.remove(waiter);
    }

    /// The response headers, or the end that came without any.
    pub(crate) fn take_head(&mut self, waiter: &Arc<Waiter>) -> Option<Result<Metadata, End>> {
        match (&self.head, &self.end) {
            (Head::Arrived(metadata), _) => Some(Ok(metadata.clone())),
            (Head::Waiting, Some(end)) => Some(Err(end.clone())),
            (Head::Waiting, None) => {
                self.waiters.add(waiter);
                None
            }
        }
    }

    /// The peer's headers as far as they are known.
    pub(crate) fn head(&mut self) -> Option<Metadata> {
        match &mut self.head {
            Head::Waiting => None,
            Head::Arrived(metadata) => Some(std::mem::take(metadata)),
        }
    }
}
