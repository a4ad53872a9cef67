//! What our side sent, as far as a scripted peer looks at it.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Bytes that came, the frames of which are checked as they are complete.
#[derive(Debug, Default)]
pub struct Received {
    unread: Vec<u8>,
    /// HEADERS frames that came.
    pub heads: usize,
    /// The streams that our side has ended or reset.
    pub ended: BTreeSet<u32>,
    /// The connection is over.
    pub closed: bool,
}

impl Received {
    /// Reads until `enough`, the end of the connection, or the end of `patience`; false in the last case.
    pub fn until(&mut self, socket: &mut TcpStream, patience: Duration, enough: impl Fn(&Self) -> bool) -> bool {
        let deadline = Instant::now() + patience;
        let mut buffer = [0; 16 * 1024];
        while !self.closed && !enough(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            socket.set_read_timeout(Some(left)).expect("the timeout is not zero");
            match socket.read(&mut buffer) {
                Ok(0) => self.closed = true,
                Ok(count) => {
                    self.unread.extend_from_slice(&buffer[..count]);
                    self.frames();
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                    _ => self.closed = true,
                },
            }
        }
        true
    }

    /// Drops a client's preface.
    pub fn skip_preface(&mut self, socket: &mut TcpStream, patience: Duration) -> bool {
        let mut preface = [0; super::frames::PREFACE.len()];
        socket.set_read_timeout(Some(patience)).expect("the timeout is not zero");
        let came = socket.read_exact(&mut preface).is_ok();
        assert!(!came || preface == super::frames::PREFACE, "a client begins with its preface");
        came
    }

    /// Checks what RFC 9113 §6 says about frames of each type.
    fn frames(&mut self) {
        let mut at = 0;
        while let Some(head) = self.unread[at..].first_chunk::<9>() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let (kind, flags) = (head[3], head[4]);
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            let shown = format!("type {kind}, flags {flags:#x}, stream {stream}, {length} bytes");
            // Only clients open streams. A reset may name another all the same: h2 answers a PRIORITY frame that makes any stream
            // depend on itself so (RFC 7540 section 5.3.1).
            assert!(stream < 1 << 31 && (stream == 0 || stream % 2 == 1 || kind == 3), "{shown}");
            match kind {
                0 | 1 | 9 => assert!(stream != 0 && length < 1 << 24, "{shown}"),
                3 => assert!(stream != 0 && length == 4, "{shown}"),
                4 => assert!(stream == 0 && length.is_multiple_of(6) && (flags & 1 == 0 || length == 0), "{shown}"),
                6 => assert!(stream == 0 && length == 8, "{shown}"),
                7 => assert!(stream == 0 && length >= 8, "{shown}"),
                8 => assert_eq!(length, 4, "{shown}"),
                _ => panic!("nobody sends {shown}"),
            }
            if self.unread.len() < at + 9 + length {
                break;
            }
            self.heads += usize::from(kind == 1);
            if kind == 3 || (kind <= 1 && flags & 1 != 0) {
                self.ended.insert(stream);
            }
            at += 9 + length;
        }
        self.unread.drain(..at);
    }
}
