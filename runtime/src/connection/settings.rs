//! HTTP/2 windows and limits: what we advertise, and why.

use std::time::Duration;

/// A stream's receive window, bytes. Large enough for a fast sender over a few milliseconds of round trip, and a bound on what a
/// reader that never reads costs.
pub(crate) const STREAM_WINDOW: u32 = 1024 * 1024;

/// A connection's receive window when every stream is read, bytes.
pub(crate) const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// A connection's receive window at most, bytes. It grows by what slow readers hold, so that they do not stop the others;
/// beyond this the connection backs up.
pub(crate) const CONNECTION_WINDOW_MAX: u32 = 16 * 1024 * 1024;

/// The same on a client, bytes. What a client does not read is bounded by the streams that its own program has opened; a lower cap would
/// let a program that reads slowly from many streams wait for ever for the answer of another call.
pub(crate) const CONNECTION_WINDOW_MAX_CLIENT: u32 = 1024 * 1024 * 1024;

/// The same while incomplete messages hold more than [`INCOMPLETE_MAX`], bytes: the oldest must be able to become complete,
/// whatever the others have used of the window.
pub(crate) const CONNECTION_WINDOW_CROWDED: u32 = 128 * 1024 * 1024;

/// Bytes of incomplete messages on one connection that are given back to the peer before the message is complete. Beyond
/// it only the oldest incomplete message may grow.
pub(crate) const INCOMPLETE_MAX: usize = 64 * 1024 * 1024;

/// Bytes of one stream that h2 may buffer when the socket does not take them. Not below the outbox's quota.
pub(crate) const SEND_BUFFER: usize = 128 * 1024;

/// Payload of a frame that the peer may send, bytes. HTTP/2 begins with 16 KiB, and each frame costs some work: large messages are
/// faster by 15 to 25 % with frames of this size. A connection that has received such frames keeps as much for the next one.
pub(crate) const FRAME_SIZE: u32 = 64 * 1024;

/// Largest header block, bytes, counted as RFC 9113 section 10.5.1 does. h2's own default is 16 MiB.
pub(crate) const HEADER_LIST: u32 = 32 * 1024;

/// h2 charges unread small DATA frames against a budget and ends the whole connection when it is used up. There is nothing to bound: every
/// drive takes all frames out of h2, and reads no more than its own budget. What comes for a stream that we have reset is charged too and
/// never given back, so that any bound would end the connections of programs that cancel calls with small messages on the way.
pub(crate) const DATA_FRAME_BUDGET: usize = usize::MAX;

/// Streams a client may have open on one connection (server).
pub(crate) const MAX_STREAMS: u32 = 1024;

/// Streams a client opens before the server's SETTINGS arrive; h2 would open any number and see them refused.
pub(crate) const FIRST_STREAMS: usize = 100;

/// Numbers of streams only rise, and the last is 2^31 - 1 (RFC 9113, section 5.1.1). A client's connection takes no further
/// call from here on, while there is still room for what is on its way.
pub(crate) const LAST_STREAM: u32 = 3 << 29;

/// Calls that the client has reset before they were accepted, in one read. h2's default of 20 ends the connection of a client
/// that cancels a burst of calls; one read budget holds fewer than this, at 29 bytes for the smallest call and its reset.
pub(crate) const RESET_BEFORE_ACCEPT: usize = 4096;

/// How long h2 remembers a stream that was reset, so that frames still on their way are no violation.
pub(crate) const RESET_MEMORY: Duration = Duration::from_secs(10);

/// How many such streams it remembers. Fewer than this and a server that cancels often would end good connections.
pub(crate) const RESET_STREAMS: usize = 4 * MAX_STREAMS as usize;

/// A peer that has sent no complete preface by then is cut.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Calls of one client that may be reset in a second, averaged over ten. A program that cancels what it asks for has a burst of
/// some thousands; an attack (CVE-2023-44487) has ten times that all the time.
pub(crate) const RESET_RATE: u32 = 10_000;

/// Unsent bytes without any progress for so long end the connection.
pub(crate) const WRITE_STUCK: Duration = Duration::from_secs(30);

/// Requests of at most so many bytes, not compressed, are decoded in no time.
pub(crate) const SMALL_REQUEST: usize = 64 * 1024;

/// Unsent bytes of one connection above which its further calls wait before they start. Responses are not bound by the
/// streams' quota, so that a client which sends requests and reads nothing could pile them up.
pub(crate) const UNSENT_MAX: usize = 4 * 1024 * 1024;

/// How long a closed connection waits for the peer's end.
pub(crate) const LINGER: Duration = Duration::from_secs(1);

/// A draining peer that does not answer our PING in this time is closed without waiting for it, once it is idle.
pub(crate) const DRAIN_PING: Duration = Duration::from_secs(1);

/// Queued bytes of one stream that are sent without waiting for more. Just below what a sender may queue, so that a pack is sent before its
/// sender would have to wait for room.
pub(crate) const PACKING: usize = 56 * 1024;

/// How soon after a write further messages are left to the lane. About what it takes to wake the lane's thread.
pub(crate) const FLUSH_DELAY: Duration = Duration::from_micros(50);

/// Which part of it that is for the stream whose sender was the last to write by itself.
pub(crate) const GOES_ON: u32 = 5;

/// What the peer of one connection may do, and how long messages to it wait for company, as configured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Server: streams open at a time.
    pub(crate) streams: u32,
    /// A frame's payload, bytes.
    pub(crate) frame_size: u32,
    /// A header list, bytes.
    pub(crate) header_list: u32,
    /// Until the peer's preface is complete, and for each header block it has begun.
    pub(crate) handshake_timeout: Duration,
    /// Without any progress while bytes wait to be written.
    pub(crate) write_timeout: Duration,
    /// Server: resets a second, averaged over ten.
    pub(crate) resets: u32,
    /// What it may send on one stream before that is read, bytes.
    pub(crate) stream_window: u32,
    /// What it may send on all streams, beyond what slow readers hold, bytes.
    pub(crate) connection_window: u32,
    /// Queued bytes of one stream that are sent without waiting for more; not zero.
    pub(crate) packing: usize,
    /// How soon after a write further messages are left to the lane.
    pub(crate) flush_delay: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            streams: MAX_STREAMS,
            frame_size: FRAME_SIZE,
            header_list: HEADER_LIST,
            handshake_timeout: HANDSHAKE_TIMEOUT,
            write_timeout: WRITE_STUCK,
            resets: RESET_RATE,
            stream_window: STREAM_WINDOW,
            connection_window: CONNECTION_WINDOW,
            packing: PACKING,
            flush_delay: FLUSH_DELAY,
        }
    }
}

/// A window as HTTP/2 allows it (RFC 9113 section 6.9.1). Without any room nothing could ever be received.
pub(crate) fn window(bytes: u32) -> u32 {
    bytes.clamp(1, (1 << 31) - 1)
}

/// A connection's window as HTTP/2 allows it: SETTINGS cannot make it smaller than it begins.
pub(crate) fn connection_window(bytes: u32) -> u32 {
    window(bytes).max(65_535)
}

/// The payload of a frame as HTTP/2 allows it (RFC 9113 section 6.5.2).
pub(crate) fn frame_size(bytes: u32) -> u32 {
    bytes.clamp(16_384, (1 << 24) - 1)
}

/// Of zero bytes there are never more than before: the first byte is the one that is sent at once.
pub(crate) fn packing(bytes: usize) -> usize {
    bytes.max(1)
}

pub(crate) fn server(bounds: Bounds) -> h2::server::Builder {
    let max_streams = bounds.streams;
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(bounds.stream_window)
        .initial_connection_window_size(bounds.connection_window)
        .max_concurrent_streams(max_streams)
        .max_frame_size(bounds.frame_size)
        .max_header_list_size(bounds.header_list)
        .max_send_buffer_size(SEND_BUFFER)
        .max_concurrent_reset_streams(RESET_STREAMS.max(4 * max_streams as usize))
        .reset_stream_duration(RESET_MEMORY)
        .max_pending_accept_reset_streams(RESET_BEFORE_ACCEPT)
        .max_local_error_reset_streams(None)
        .data_frame_budget(DATA_FRAME_BUDGET);
    builder
}

pub(crate) fn client(bounds: Bounds) -> h2::client::Builder {
    let mut builder = h2::client::Builder::new();
    builder
        .initial_window_size(bounds.stream_window)
        .initial_connection_window_size(bounds.connection_window)
        .initial_max_send_streams(FIRST_STREAMS)
        .enable_push(false)
        .max_frame_size(bounds.frame_size)
        .max_header_list_size(bounds.header_list)
        .max_send_buffer_size(SEND_BUFFER)
        .max_concurrent_reset_streams(RESET_STREAMS)
        .reset_stream_duration(RESET_MEMORY)
        .max_local_error_reset_streams(None)
        .data_frame_budget(DATA_FRAME_BUDGET);
    builder
}

/// Unread bytes of a finished call that are given back to the connection's window at once: small answers are read soon,
/// and a place in the table would cost another drive.
pub(crate) const SMALL_REST: usize = 16 * 1024;
