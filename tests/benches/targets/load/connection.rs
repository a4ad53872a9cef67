//! A connection to a server: calls are written, and what comes back is told apart by stream.
//!
//! The two halves may be used by two threads. The headers of responses are not decoded: a call whose stream
//! ends without a message has failed.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use super::Call;
use super::head::Heads;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// How much more than at first a server may send, on a connection and on each of its streams.
const WINDOW: u32 = 1 << 30;

/// How many bytes are read before the window of the connection is opened again.
const RETURNED: usize = 1 << 20;

/// The half that makes calls.
#[derive(Debug)]
pub(super) struct Calls {
    socket: TcpStream,
    heads: Heads,
    next_stream: u32,
    output: Vec<u8>,
}

/// The half that reads answers.
#[derive(Debug)]
pub(super) struct Answers {
    socket: TcpStream,
    input: Vec<u8>,
    filled: usize,
    unreturned: usize,
}

/// What happened to a stream.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// A part of a message came, of so many bytes.
    Data(u32, usize),
    /// The stream ended.
    End(u32),
}

fn frame(output: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    output.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
    output.extend_from_slice(&[kind, flags]);
    output.extend_from_slice(&stream.to_be_bytes());
    output.extend_from_slice(payload);
}

fn word(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).fold(0, |word, byte| (word << 8) | u32::from(*byte))
}

/// Connects to a server on this machine.
pub(super) fn connect(port: u16) -> io::Result<(Calls, Answers)> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_nodelay(true)?;
    let mut greeting = PREFACE.to_vec();
    // SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113, section 6.5.2).
    let window = [&[0, 4][..], &WINDOW.to_be_bytes()].concat();
    frame(&mut greeting, SETTINGS, 0, 0, &window);
    frame(&mut greeting, WINDOW_UPDATE, 0, 0, &WINDOW.to_be_bytes());
    socket.write_all(&greeting)?;
    let reader = socket.try_clone()?;
    let calls = Calls { socket, heads: Heads::default(), next_stream: 1, output: Vec::new() };
    Ok((calls, Answers { socket: reader, input: vec![0; 1 << 16], filled: 0, unreturned: 0 }))
}

impl Calls {
    /// Adds a call to what is written next; gives its stream.
    pub(super) fn add(&mut self, call: &Call) -> u32 {
        let stream = self.next_stream;
        self.next_stream += 2;
        let begin = self.output.len();
        frame(&mut self.output, HEADERS, END_HEADERS, stream, &[]);
        self.heads.encode(call.path, &mut self.output);
        let length = self.output.len() - begin - FRAME_HEAD;
        self.output[begin..begin + 3].copy_from_slice(&(length as u32).to_be_bytes()[1..]);
        frame(&mut self.output, DATA, if call.ends { END_STREAM } else { 0 }, stream, &call.body);
        stream
    }

    /// Writes the calls that were added, in one piece.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.socket.write_all(&self.output)?;
        self.output.clear();
        Ok(())
    }
}

impl Answers {
    /// Reads once, waiting if there is nothing, and tells what came.
    pub(super) fn read(&mut self, mut tell: impl FnMut(Event)) -> io::Result<()> {
        let read = self.socket.read(&mut self.input[self.filled..])?;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"));
        }
        self.filled += read;
        let mut begin = 0;
        let mut answer = Vec::new();
        while let Some(head) = self.input[begin..self.filled].first_chunk::<FRAME_HEAD>() {
            let length = (word(&head[..4]) >> 8) as usize;
            let (kind, flags, stream) = (head[3], head[4], word(&head[5..]));
            let end = begin + FRAME_HEAD + length;
            if end > self.filled {
                break;
            }
            let payload = &self.input[begin + FRAME_HEAD..end];
            begin = end;
            match kind {
                DATA if length > 0 => {
                    self.unreturned += length;
                    tell(Event::Data(stream, length));
                }
                SETTINGS | PING if flags & ACK == 0 => {
                    frame(&mut answer, kind, ACK, 0, if kind == PING { payload } else { &[] });
                }
                RST_STREAM | GOAWAY => return Err(io::Error::other(format!("frame {kind} on {stream}: {payload:?}"))),
                _ => {}
            }
            if matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0 {
                tell(Event::End(stream));
            }
        }
        self.input.copy_within(begin..self.filled, 0);
        self.filled -= begin;
        if self.unreturned > RETURNED {
            frame(&mut answer, WINDOW_UPDATE, 0, 0, &(self.unreturned as u32).to_be_bytes());
            self.unreturned = 0;
        }
        if answer.is_empty() { Ok(()) } else { self.socket.write_all(&answer) }
    }
}
