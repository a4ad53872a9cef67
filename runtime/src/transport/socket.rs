//! One TCP connection: readiness as the lane saw it, a read budget a drive, and one write a turn.

use std::cell::RefCell;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Instant;

use mio::net::TcpStream;

use super::first_bytes::{Expect, FirstBytes, Verdict};
use super::frames::{Excess, PREFACE, Traffic};
use super::goaway::{Goaway, GoawayWatch};
use super::read_size::ReadSize;

/// Bytes read from one connection in one drive. h2 reads until the socket says Pending, so that without a budget one
/// busy peer would hold the lane.
pub(crate) const READ_BUDGET: usize = 64 * 1024;

/// Unsent bytes at which h2 is told to wait. One write system call moves at most about this much.
const WRITE_BUFFER: usize = 128 * 1024;

thread_local! {
    // An idle connection owns no write buffer: the driving thread lends one and takes it back when all was sent.
    static SPARE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A socket and what is known of it.
///
/// # Threads
/// The flags are raised by the lane's leader (`mark`). `readable` is also cleared by the leader alone, for nobody else
/// reads; `writable` is cleared by whoever drives, see `await_writable`. The state is touched by the driving thread only.
///
/// # Locks
/// `state` is a leaf and never contended: only the holder of the connection's LOCKED bit takes it.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    readable: AtomicBool,
    writable: AtomicBool,
    /// The peer closed its side (or the socket failed): reading goes on until it says so itself.
    hung_up: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    reads: bool,
    budget: usize,
    read_size: ReadSize,
    /// Something was readable that this drive did not read.
    unread: bool,
    /// Bytes were handed over since the last poll began, so an end of file is held back until the next one.
    fresh: bool,
    eof: bool,
    out: Vec<u8>,
    sent: usize,
    /// Writing has failed. What is written from then on is thrown away, and reading goes on to its end: what the peer has
    /// said before it hung up tells more than the error of a write.
    error: Option<io::Error>,
    first: FirstBytes,
    /// Client: listens for the server's goodbye.
    goaway: Option<GoawayWatch>,
    /// The buffer was empty before this drive: waiting begins now.
    first_output: bool,
    last_progress: Instant,
    traffic: Traffic,
    /// Reading waits until the peer takes what was written (server).
    held_up: bool,
    server: bool,
}

impl State {
    /// Whether the peer sends without end and takes nothing: what is read for it piles up in h2. Frames that carry a
    /// message are bounded by windows, and 10 000 frames are far more than a peer has on its way that stops to read until it has
    /// written something; so a server can wait for it. A client reads always, or the two could wait for each other.
    fn must_wait(&self) -> bool {
        self.server && self.out.len() - self.sent >= WRITE_BUFFER && self.traffic.is_unanswered()
    }

    fn owed(&self) -> Owed {
        Owed {
            verdict: self.first.verdict(),
            block_since: self.traffic.block_since(),
            stuck_since: (self.out.len() > self.sent).then_some(self.last_progress),
        }
    }
}

/// What the peer has to do in time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owed {
    /// It has shown that it speaks HTTP/2.
    pub(crate) verdict: Verdict,
    /// Since when it has owed us the rest of a header block.
    pub(crate) block_since: Option<Instant>,
    /// Since when unsent bytes have been waiting without any progress.
    pub(crate) stuck_since: Option<Instant>,
}

/// What the end of a drive came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finished {
    /// Readable bytes were left for a later turn.
    pub(crate) unread: bool,
    /// There was something to write.
    pub(crate) wrote: bool,
    /// Reading had to wait and need not any more: the leader must come, whoever drove.
    pub(crate) resumes: bool,
    /// Writing has failed: the leader reads what is left, and then the end.
    pub(crate) broken: bool,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, expect: Expect, now: Instant) -> Self {
        let server = expect == Expect::Preface;
        let (incoming, outgoing) = if server { (PREFACE, 0) } else { (0, PREFACE) };
        let state = State {
            reads: false,
            budget: 0,
            read_size: ReadSize::new(),
            unread: false,
            fresh: false,
            eof: false,
            out: Vec::new(),
            sent: 0,
            error: None,
            first: FirstBytes::new(expect),
            goaway: (expect == Expect::Settings).then(GoawayWatch::default),
            first_output: false,
            last_progress: now,
            traffic: Traffic::new(incoming, outgoing, now),
            held_up: false,
            server,
        };
        Self {
            stream,
            readable: AtomicBool::new(true),
            writable: AtomicBool::new(true),
            hung_up: AtomicBool::new(false),
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lane saw readiness. Stored before the kick, whose read-modify-write publishes it.
    pub(crate) fn mark(&self, event: &mio::event::Event) {
        if event.is_read_closed() || event.is_error() {
            self.hung_up.store(true, Ordering::Release);
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.readable.store(true, Ordering::Release);
        }
        if event.is_writable() || event.is_write_closed() || event.is_error() {
            self.writable.store(true, Ordering::Release);
        }
    }

    /// A drive begins. Without `reads` the socket looks as if nothing had arrived.
    pub(crate) fn begin(&self, reads: bool) {
        let mut state = self.state();
        state.reads = reads;
        state.budget = READ_BUDGET;
        state.unread = false;
    }

    /// One poll of h2 begins: from here on an end of file may be told.
    pub(crate) fn begin_poll(&self) {
        self.state().fresh = false;
    }

    /// A drive ends: writes what is buffered.
    pub(crate) fn finish(&self, now: Instant) -> Finished {
        let mut state = self.state();
        if std::mem::take(&mut state.first_output) {
            state.last_progress = now;
        }
        let wrote = !state.out.is_empty();
        self.write_out(&mut state, now);
        // Nothing else tells of what came meanwhile.
        let resumes = state.held_up && !state.must_wait();
        state.held_up &= !resumes;
        if state.out.is_empty() && state.out.capacity() > 0 {
            // A thread that is about to end may have dropped its spare buffer already.
            let out = std::mem::take(&mut state.out);
            let _ = SPARE.try_with(|spare| spare.replace(out));
        }
        Finished { unread: state.unread, wrote, resumes, broken: state.error.is_some() }
    }

    /// A stream was accepted, which explains one reset.
    pub(crate) fn took_on_a_stream(&self) {
        self.state().traffic.took_on();
    }

    /// What the peer does so often that only an attack explains it, and what it owes us.
    pub(crate) fn excess(&self, resets: Option<u32>, now: Instant) -> (Option<Excess>, Owed) {
        let mut state = self.state();
        (state.traffic.excess(resets, now), state.owed())
    }

    /// What the peer owes us.
    pub(crate) fn owed(&self) -> Owed {
        self.state().owed()
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.state().first.verdict()
    }

    /// The server's last GOAWAY.
    pub(crate) fn goaway(&self) -> Option<Goaway> {
        self.state().goaway.as_ref().and_then(GoawayWatch::last).cloned()
    }

    /// What the peer's first bytes look like.
    pub(crate) fn describe_first_bytes(&self) -> String {
        self.state().first.describe()
    }

    /// How many bytes to offer room for, if a read makes sense now. Asked before a buffer is prepared for it.
    pub(crate) fn may_read(&self) -> Option<usize> {
        let mut state = self.state();
        if state.eof {
            return Some(state.read_size.now);
        }
        if !self.readable.load(Ordering::Acquire) && state.error.is_none() {
            return None;
        }
        if !state.reads || state.budget == 0 {
            state.unread = true;
            return None;
        }
        if state.must_wait() {
            self.write_out(&mut state, Instant::now());
            if state.must_wait() {
                state.held_up = true;
                return None;
            }
        }
        Some(state.read_size.now)
    }

    /// Reads; only when [`may_read`](Self::may_read) says so.
    pub(crate) fn read(&self, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        if state.eof {
            return if state.fresh { Poll::Pending } else { Poll::Ready(Ok(0)) };
        }
        loop {
            match (&self.stream).read(buf) {
                Ok(0) => {
                    state.eof = true;
                    // h2 drops requests that were not yet taken when it sees the end in the same poll.
                    if state.fresh {
                        state.unread = true;
                        return Poll::Pending;
                    }
                    return Poll::Ready(Ok(0));
                }
                Ok(n) => return Poll::Ready(self.accept_bytes(&mut state, buf, n)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.readable.store(false, Ordering::Release);
                    // Everything the peer has said is taken: now the error of the write may be told.
                    return state.error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn accept_bytes(&self, state: &mut State, buf: &[u8], n: usize) -> io::Result<usize> {
        // With edge-triggered readiness a short read means that the socket is empty, unless the peer has hung up:
        // then only a further read tells the end.
        if n < buf.len() && !self.hung_up.load(Ordering::Acquire) {
            self.readable.store(false, Ordering::Release);
        }
        state.fresh = true;
        state.budget = state.budget.saturating_sub(n);
        state.read_size.filled(n);
        state.traffic.read(&buf[..n]);
        if state.first.verdict() == Verdict::Unknown && state.first.saw(&buf[..n]) == Verdict::Other {
            let text = format!("the peer does not speak HTTP/2: {}", state.first.describe());
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        if let Some(watch) = &mut state.goaway {
            watch.saw(&buf[..n]);
        }
        Ok(n)
    }

    /// Buffers bytes for the one write of this turn; Pending when the peer does not take what is already there.
    pub(crate) fn write(&self, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        if state.out.len() - state.sent >= WRITE_BUFFER {
            self.write_out(&mut state, Instant::now());
            if state.out.len() - state.sent >= WRITE_BUFFER {
                return Poll::Pending;
            }
        }
        if state.error.is_some() {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        if state.out.capacity() == 0 {
            state.out = SPARE.try_with(RefCell::take).unwrap_or_default();
        }
        state.first_output |= state.out.is_empty();
        let mut taken = 0;
        for slice in slices {
            state.traffic.wrote(slice);
            state.out.extend_from_slice(slice);
            taken += slice.len();
        }
        Poll::Ready(Ok(taken))
    }

    /// Everything buffered is on its way and our side is closed; Pending while the peer does not take the rest.
    pub(crate) fn close_writing(&self) -> Poll<io::Result<()>> {
        let mut state = self.state();
        self.write_out(&mut state, Instant::now());
        if let Some(error) = state.error.take() {
            return Poll::Ready(Err(error));
        }
        if !state.out.is_empty() {
            return Poll::Pending;
        }
        // The peer may be gone already, which ends the connection just as well.
        let _ = self.stream.shutdown(Shutdown::Write);
        Poll::Ready(Ok(()))
    }

    /// After our side is closed: throws away what still arrives. True when the peer's end (or an error) was seen.
    ///
    /// Closing a socket with unread bytes makes TCP send a reset, which can destroy the last answer on its way.
    pub(crate) fn discard(&self) -> bool {
        let mut scratch = [0; 4096];
        // Bounded, so that a peer that never stops cannot hold the lane.
        for _ in 0..64 {
            match (&self.stream).read(&mut scratch) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
            }
        }
        false
    }

    /// Ends both directions at once.
    pub(crate) fn abort(&self) {
        // Failing means that the connection is gone, which is what was asked for.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    fn write_out(&self, state: &mut State, now: Instant) {
        while state.sent < state.out.len() && state.error.is_none() && self.writable.load(Ordering::Acquire) {
            match (&self.stream).write(&state.out[state.sent..]) {
                Ok(0) => state.error = Some(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    state.sent += n;
                    state.last_progress = now;
                    state.traffic.sent();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.await_writable(state),
                Err(error) => state.error = Some(error),
            }
        }
        if state.sent == state.out.len() || state.error.is_some() {
            state.out.clear();
            state.sent = 0;
            state.last_progress = now;
        }
    }

    /// The kernel's buffer is full. The flag is cleared before a last try, or an edge in between would be lost.
    fn await_writable(&self, state: &mut State) {
        self.writable.store(false, Ordering::Release);
        match (&self.stream).write(&state.out[state.sent..]) {
            Ok(n) if n > 0 => {
                state.sent += n;
                state.traffic.sent();
                self.writable.store(true, Ordering::Release);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // Told by the next try.
            _ => self.writable.store(true, Ordering::Release),
        }
    }
}
