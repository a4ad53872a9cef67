//! A scripted HTTP/2 peer: frames by hand over a real TCP socket, in either role.
//!
//! Use it for what a healthy peer never does: envelopes cut at every byte, padding, resets at odd
//! moments, windows that stay shut, connections that die. It blocks, has one thread (the test's),
//! and every wait has a deadline and fails with the frames seen so far.
//!
//! ```no_run
//! # use stolid_tests::wire::{Wire, envelope};
//! # let addr = "127.0.0.1:50051".parse().unwrap();
//! let mut wire = Wire::client(addr);
//! let stream = wire.open_call("/testing.v1.Echo/Say", &[]);
//! wire.send_data(stream, &envelope(b""), true);
//! assert_eq!(wire.recv_reply(stream).code(), 0);
//! ```

mod frame;
mod grpc;
mod header_block;
mod recv;
mod send;
mod window;

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use bytes::BytesMut;

pub use self::frame::{Fields, Frame, Reason, Setting, flag, frame, kind};
pub use self::grpc::{Call, Reply, envelope, envelopes, request_fields};
pub use self::header_block::encode as header_block;
pub use self::recv::Headers;
pub use self::send::PREFACE;
use self::window::SendWindows;
use crate::attack::Attacker;

/// How long a `recv_*` waits unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many of the last frames a failure shows.
const SEEN: usize = 40;

/// Which side of the connection the script plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The script dials our server.
    Client,
    /// The script answers our client.
    Server,
}

/// What the script does by itself.
#[derive(Clone, Copy, Debug)]
pub struct Auto {
    /// Acknowledge the peer's SETTINGS.
    pub settings: bool,
    /// Answer the peer's PING frames.
    pub ping: bool,
    /// Give back the window of each DATA frame as it comes.
    pub windows: bool,
}

impl Default for Auto {
    fn default() -> Self {
        Self { settings: true, ping: true, windows: true }
    }
}

/// One connection to the peer under test.
#[derive(Debug)]
pub struct Wire {
    /// What happens without a line in the script; may be changed at any time.
    pub auto: Auto,
    role: Role,
    socket: TcpStream,
    held: Option<Vec<u8>>,
    unread: BytesMut,
    header_table: header_block::Decoder,
    open_block: Option<OpenBlock>,
    pending: VecDeque<Frame>,
    seen: VecDeque<String>,
    patience: Duration,
    send_windows: SendWindows,
    next_stream: u32,
}

/// A HEADERS frame whose CONTINUATION frames are still to come.
#[derive(Debug)]
struct OpenBlock {
    stream: u32,
    end_stream: bool,
    block: Vec<u8>,
}

impl Wire {
    /// Dials `addr` and says nothing yet.
    ///
    /// # Panics
    /// When nobody listens there.
    #[track_caller]
    #[must_use]
    pub fn dial(addr: SocketAddr) -> Self {
        let socket = TcpStream::connect(addr).expect("the server under test listens");
        Self::over(socket, Role::Client)
    }

    /// Dials our server and opens the connection with plain settings.
    ///
    /// # Panics
    /// When nobody listens there.
    #[track_caller]
    #[must_use]
    pub fn client(addr: SocketAddr) -> Self {
        Self::client_with(addr, &[])
    }

    /// Dials our server and opens the connection with these settings.
    ///
    /// # Panics
    /// When nobody listens there, or when it does not answer with its own SETTINGS.
    #[track_caller]
    #[must_use]
    pub fn client_with(addr: SocketAddr, settings: &[(Setting, u32)]) -> Self {
        let mut wire = Self::dial(addr);
        wire.send_preface();
        wire.send_settings(settings);
        wire.recv_settings();
        wire
    }

    fn over(socket: TcpStream, role: Role) -> Self {
        socket.set_nodelay(true).expect("a TCP socket has TCP_NODELAY");
        socket.set_write_timeout(Some(PATIENCE)).expect("a TCP socket has timeouts");
        Self {
            auto: Auto::default(),
            role,
            socket,
            held: None,
            unread: BytesMut::new(),
            header_table: header_block::Decoder::default(),
            open_block: None,
            pending: VecDeque::new(),
            seen: VecDeque::new(),
            patience: PATIENCE,
            send_windows: SendWindows::default(),
            next_stream: 1,
        }
    }

    /// Changes how long each `recv_*` waits; 10 s at first.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// The address of the peer under test.
    ///
    /// # Panics
    /// When the socket has no peer.
    #[must_use]
    pub fn peer_addr(&self) -> SocketAddr {
        self.socket.peer_addr().expect("a connected socket has a peer")
    }

    /// This script's own address, as the peer under test sees it.
    ///
    /// # Panics
    /// When the socket has no address.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.socket.local_addr().expect("a connected socket has an address")
    }

    /// The socket, for a test that goes on by itself: what was read so far is forgotten.
    #[must_use]
    pub fn into_socket(self) -> TcpStream {
        self.socket
    }

    /// Ends our side of the TCP connection with a FIN; reading goes on.
    ///
    /// # Panics
    /// When the socket is gone.
    #[track_caller]
    pub fn shut_down_writing(&mut self) {
        self.flush();
        let ended = self.socket.shutdown(std::net::Shutdown::Write);
        ended.expect("the connection is open");
    }

    /// Goes on as an attacker: what was read so far is forgotten.
    ///
    /// # Panics
    /// When the socket is gone.
    #[track_caller]
    #[must_use]
    pub fn into_attacker(self) -> Attacker {
        Attacker::over(self.socket)
    }

    fn note(&mut self, line: String) {
        if self.seen.len() == SEEN {
            self.seen.pop_front();
        }
        self.seen.push_back(line);
    }

    #[track_caller]
    fn fail(&self, what: &str) -> ! {
        let seen = Vec::from_iter(self.seen.iter().map(String::as_str)).join("\n  ");
        panic!("{what}; the last frames were:\n  {seen}");
    }

    /// Reads the next frame off the socket, or `None` at the end of the connection.
    #[track_caller]
    fn read_frame(&mut self, deadline: Instant, wanted: &str) -> Option<Frame> {
        self.flush();
        loop {
            if let Some(frame) = self.parse_frame() {
                self.note(format!("<- {}", frame.summary()));
                self.send_windows.observe(&frame);
                self.answer(&frame);
                return Some(frame);
            }
            if !self.fill(deadline, wanted) {
                self.note("<- end of the connection".to_owned());
                return None;
            }
        }
    }

    /// Reads more bytes; false at the end of the connection.
    #[track_caller]
    fn fill(&mut self, deadline: Instant, wanted: &str) -> bool {
        let mut buffer = [0; 64 * 1024];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.fail(&format!("{wanted} did not come in {:?}", self.patience));
            }
            self.socket.set_read_timeout(Some(left)).expect("the timeout is not zero");
            match self.socket.read(&mut buffer) {
                Ok(0) => return false,
                Ok(n) => {
                    self.unread.extend_from_slice(&buffer[..n]);
                    return true;
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                    ErrorKind::ConnectionReset => {
                        self.note("<- TCP RST".to_owned());
                        return false;
                    }
                    _ => self.fail(&format!("{wanted}: {error}")),
                },
            }
        }
    }

    /// Takes one whole frame out of the bytes read so far.
    fn parse_frame(&mut self) -> Option<Frame> {
        loop {
            let head = self.unread.first_chunk::<{ frame::HEAD }>()?;
            let (length, kind, flags, stream) = frame::decode_head(head);
            if self.unread.len() < frame::HEAD + length {
                return None;
            }
            let frame = self.unread.split_to(frame::HEAD + length);
            if let Some(frame) = self.decode(kind, flags, stream, &frame[frame::HEAD..]) {
                return Some(frame);
            }
        }
    }

    /// A frame as the script sees it, or `None` while its header block goes on.
    fn decode(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Option<Frame> {
        let mut open = match kind {
            kind::HEADERS => OpenBlock {
                stream,
                end_stream: flags & flag::END_STREAM != 0,
                block: frame::strip(payload, flags, true).to_vec(),
            },
            kind::CONTINUATION => {
                let mut open = self.open_block.take().expect("CONTINUATION follows HEADERS");
                open.block.extend_from_slice(payload);
                open
            }
            _ => return Some(frame::decode_simple(kind, flags, stream, payload)),
        };
        if flags & flag::END_HEADERS == 0 {
            self.open_block = Some(open);
            return None;
        }
        let fields = self.header_table.decode(&std::mem::take(&mut open.block));
        Some(Frame::Headers { stream: open.stream, fields, end_stream: open.end_stream })
    }

    /// Does what [`Auto`] says about a frame.
    #[track_caller]
    fn answer(&mut self, frame: &Frame) {
        match frame {
            Frame::Settings { ack: false, .. } if self.auto.settings => self.send_settings_ack(),
            Frame::Ping { ack: false, payload } if self.auto.ping => self.send_pong(*payload),
            Frame::Data { stream, flow, end_stream, .. } if self.auto.windows && *flow > 0 => {
                let bytes = u32::try_from(*flow).expect("a frame is small");
                self.send_window_update(0, bytes);
                if !end_stream {
                    self.send_window_update(*stream, bytes);
                }
            }
            _ => {}
        }
    }
}

/// A port on which the script waits for our client.
#[derive(Debug)]
pub struct WireListener {
    listener: TcpListener,
}

impl WireListener {
    /// Listens on a free port of the loopback address.
    ///
    /// # Panics
    /// When the machine has no port left.
    #[must_use]
    pub fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        Self { listener }
    }

    /// Where our client has to dial.
    ///
    /// # Panics
    /// When the socket has no address.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.listener.local_addr().expect("a bound socket has an address")
    }

    /// What our client takes as its target.
    #[must_use]
    pub fn target(&self) -> String {
        format!("http://{}", self.addr())
    }

    /// Takes the next connection and says nothing yet. The wait is bounded by the test's watchdog.
    ///
    /// # Panics
    /// When the socket fails.
    #[track_caller]
    #[must_use]
    pub fn accept_silently(&self) -> Wire {
        let (socket, _) = self.listener.accept().expect("our client dials");
        Wire::over(socket, Role::Server)
    }

    /// Takes the next connection and opens it with plain settings.
    ///
    /// # Panics
    /// When our client does not open it as a client has to.
    #[track_caller]
    #[must_use]
    pub fn accept(&self) -> Wire {
        self.accept_with(&[])
    }

    /// Takes the next connection and opens it with these settings.
    ///
    /// # Panics
    /// When our client does not open it as a client has to.
    #[track_caller]
    #[must_use]
    pub fn accept_with(&self, settings: &[(Setting, u32)]) -> Wire {
        let mut wire = self.accept_silently();
        wire.send_settings(settings);
        wire.recv_preface();
        wire.recv_settings();
        wire
    }
}
