//! A server under attack: in a process of its own, so that what the attack costs can be read from `/proc`, with a
//! bystander whose calls must all succeed meanwhile.
//!
//! A test starts a [`Victim`], attacks it with a [`Wire`](crate::wire::Wire), an [`Attacker`] or real clients, lets go
//! of what it attacked with, and calls [`Victim::assert_recovers`].

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, SocketAddrV4, TcpStream};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use stolid::{Request, Status};

use crate::child::Child;
use crate::handlers::{DO, note};
use crate::pair::client_of;
use crate::process::{Process, eventually, eventually_within};
use crate::wire::{PREFACE, frame, kind};

/// One mebibyte, in bytes.
pub const MIB: u64 = 1024 * 1024;

/// What a process may keep after an attack for the reuse of its allocator, in bytes.
pub const MARGIN: u64 = 24 * MIB;

/// How soon everything must be back after an attack.
const RECOVERS_WITHIN: Duration = Duration::from_secs(4);

/// The deadline of each of the bystander's calls.
const BYSTANDER_DEADLINE: Duration = Duration::from_secs(5);

/// Between two of the bystander's calls, so that it is a bystander and no load.
const BYSTANDER_PAUSE: Duration = Duration::from_millis(2);

/// Numbers that look random and are the same in every run.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice that roll the same for the same seed; the seed is printed, so that a failure names it.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        println!("seed {seed}");
        // A zero would stay zero for ever.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number below `sides`.
    ///
    /// # Panics
    /// When `sides` is zero.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The low bits of this generator are its weakest.
        (self.0 >> 16) % sides
    }

    /// Other dice, whose rolls follow from those of these.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self(self.roll(u64::MAX) | 1)
    }

    /// The next `length` bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        Vec::from_iter((0..length).map(|_| self.roll(256) as u8))
    }
}

/// What a process uses at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Memory, in bytes.
    pub resident: u64,
    /// Threads.
    pub threads: usize,
    /// Open files and sockets.
    pub files: usize,
}

impl Usage {
    /// What it uses now.
    ///
    /// # Panics
    /// When the process is gone.
    #[track_caller]
    #[must_use]
    pub fn of(process: &Process) -> Self {
        let (resident, threads) = (process.resident_bytes(), process.threads().len());
        Self { resident, threads, files: process.open_files() }
    }
}

/// A server in a process of its own, and a client that calls it all the time.
#[derive(Debug)]
pub struct Victim {
    child: Child,
    addr: SocketAddr,
    process: Process,
    rest: Usage,
    most: Usage,
    bystander: Bystander,
}

impl Victim {
    /// A server with default settings whose calls say what to do (see [`Handlers::as_told`](crate::handlers::Handlers::as_told)).
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    #[must_use]
    pub fn start(program: &str) -> Self {
        Self::start_with(program, &[])
    }

    /// A server with settings, each written as `name=number`; `src/bin/test-peer.rs` has their names.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    #[must_use]
    pub fn start_with(program: &str, settings: &[&str]) -> Self {
        Self::of(Child::server_with(program, settings))
    }

    /// A server that may have only so many open files.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    #[must_use]
    pub fn start_with_files(program: &str, files: usize) -> Self {
        Self::of(Child::server_with_files(program, files))
    }

    #[track_caller]
    fn of((child, addr): (Child, SocketAddr)) -> Self {
        let process = child.measured();
        let fresh = process.open_files();
        warm_up(addr);
        let bystander = Bystander::start(addr);
        eventually("the first calls' threads and connections are gone", || {
            process.threads_named("stolid-worker") <= 1 && process.open_files() <= fresh + 3
        });
        let rest = Usage::of(&process);
        Self { child, addr, process, rest, most: rest, bystander }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// What it used before the attack.
    #[must_use]
    pub fn at_rest(&self) -> Usage {
        self.rest
    }

    /// Its next line of output; what follows `prefix`.
    ///
    /// # Panics
    /// As [`Child::expect_line`].
    #[track_caller]
    pub fn expect_line(&self, prefix: &str) -> String {
        self.child.expect_line(prefix)
    }

    /// What it uses now; remembered for the figures, so that a test looks when its attack is at its height.
    #[track_caller]
    pub fn look(&mut self) -> Usage {
        let now = Usage::of(&self.process);
        self.most.threads = self.most.threads.max(now.threads);
        self.most.files = self.most.files.max(now.files);
        now
    }

    /// How much more memory than at rest it has used at any moment, in bytes.
    #[track_caller]
    #[must_use]
    pub fn peak_growth(&self) -> u64 {
        self.process.peak_resident_bytes().saturating_sub(self.rest.resident)
    }

    /// How many of the bystander's calls have succeeded so far.
    #[track_caller]
    pub fn bystander_calls(&mut self) -> u64 {
        self.bystander.calls()
    }

    /// Waits until the bystander has made `more` further calls, each of them in time.
    ///
    /// # Panics
    /// When one of them failed.
    #[track_caller]
    pub fn bystander_goes_on(&mut self, more: u64) {
        let wanted = self.bystander_calls() + more;
        eventually("the bystander's calls go on", || self.bystander.calls() >= wanted);
    }

    /// The attack is over and its connections are gone: memory (within [`MARGIN`]), threads and files are back in 4 s,
    /// at no moment was there more than `peak` bytes of memory above rest, and no call of the bystander failed.
    ///
    /// # Panics
    /// When anything of it is otherwise.
    #[track_caller]
    pub fn assert_recovers(self, attack: &str, peak: u64) {
        self.assert_recovers_within(attack, peak, MARGIN);
    }

    /// As [`Victim::assert_recovers`] with another margin for memory, which the test explains.
    ///
    /// # Panics
    /// As [`Victim::assert_recovers`].
    #[track_caller]
    pub fn assert_recovers_within(mut self, attack: &str, peak: u64, margin: u64) {
        self.look();
        let rest = self.rest;
        let is_back = |now: Usage| {
            now.resident <= rest.resident + margin && now.threads <= rest.threads && now.files <= rest.files
        };
        let began = Instant::now();
        let mut last = Usage::of(&self.process);
        while !is_back(last) && began.elapsed() < RECOVERS_WITHIN {
            thread::park_timeout(Duration::from_millis(5));
            last = Usage::of(&self.process);
        }
        let took = began.elapsed();
        let grown = self.peak_growth();
        let (calls, slowest) = self.bystander.finish();
        println!(
            "FIGURES {attack} | RSS +{} KiB at its peak, {:+} KiB after | threads {} -> {} -> {} | files {} -> {} -> {} | \
             back after {took:?} | bystander {calls} calls, slowest {slowest:?}",
            grown / 1024,
            (last.resident as i64 - rest.resident as i64) / 1024,
            rest.threads,
            self.most.threads,
            last.threads,
            rest.files,
            self.most.files,
            last.files,
        );
        assert!(
            is_back(last),
            "{attack}: not back in {took:?}: {last:?}, at rest {rest:?}\n{}",
            self.process.thread_dump()
        );
        assert!(grown <= peak, "{attack}: {} KiB of memory at its peak, may {} KiB", grown / 1024, peak / 1024);
    }
}

/// What every server does in its life, so that the memory for it is not taken for an attack's.
fn warm_up(addr: SocketAddr) {
    let clients = Vec::from_iter((0..4).map(|_| client_of(addr)));
    for client in &clients {
        client.say(note(0)).expect("the server answers");
        let replies = client.repeat(note(100)).expect("the call opens");
        assert_eq!(replies.filter(Result::is_ok).count(), 100);
    }
}

/// A client that has nothing to do with the attack, and calls its server all the time.
#[derive(Debug)]
pub struct Bystander {
    stop: mpsc::Sender<()>,
    news: mpsc::Receiver<Result<Duration, Status>>,
    thread: JoinHandle<()>,
    calls: u64,
    slowest: Duration,
}

impl Bystander {
    /// Begins to call the server at `addr`.
    ///
    /// # Panics
    /// When nobody answers there.
    #[must_use]
    pub fn start(addr: SocketAddr) -> Self {
        let client = client_of(addr);
        let (stop, stopped) = mpsc::channel::<()>();
        let (tell, news) = mpsc::channel();
        let work = move || {
            for number in 0.. {
                let began = Instant::now();
                let answer = client.say(Request::new(note(number)).with_timeout(BYSTANDER_DEADLINE));
                let outcome = answer.map(|answer| {
                    assert_eq!(answer.into_inner(), note(number), "the bystander's own answer");
                    began.elapsed()
                });
                let failed = outcome.is_err();
                if tell.send(outcome).is_err() || failed {
                    return;
                }
                match stopped.recv_timeout(BYSTANDER_PAUSE) {
                    Err(RecvTimeoutError::Timeout) => {}
                    _ => return,
                }
            }
        };
        let thread = thread::Builder::new().name("bystander".to_owned()).spawn(work);
        let thread = thread.expect("a test may start a thread");
        Self { stop, news, thread, calls: 0, slowest: Duration::ZERO }
    }

    #[track_caller]
    fn calls(&mut self) -> u64 {
        for outcome in self.news.try_iter() {
            let took = outcome.unwrap_or_else(|status| panic!("a call of the bystander failed: {status}"));
            self.calls += 1;
            self.slowest = self.slowest.max(took);
        }
        self.calls
    }

    /// Stops it; gives the number of its calls and how long the slowest took.
    ///
    /// # Panics
    /// When one of them failed.
    #[track_caller]
    pub fn finish(mut self) -> (u64, Duration) {
        // It may be gone because a call has failed, which the look at its news tells.
        let _gone = self.stop.send(());
        eventually_within(2 * BYSTANDER_DEADLINE, "the bystander ends", || self.thread.is_finished());
        let calls = self.calls();
        self.thread.join().expect("every answer was the one to its question");
        assert!(calls > 0, "the bystander made no call");
        (calls, self.slowest)
    }
}

/// What became of bytes that were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The peer's kernel has taken them all.
    All,
    /// The peer takes no more for the moment.
    Stuck,
    /// The peer has closed the connection.
    Closed,
}

/// A connection that sends what it likes and reads nothing unless told to.
#[derive(Debug)]
pub struct Attacker {
    socket: TcpStream,
    /// What a peer that took no more left of the bytes it was sent.
    left: Vec<u8>,
    /// Bytes that the peer's kernel has taken.
    pub sent: usize,
}

impl Attacker {
    /// Connects and says nothing.
    ///
    /// # Panics
    /// When nobody listens there.
    #[track_caller]
    #[must_use]
    pub fn dial(addr: SocketAddr) -> Self {
        Self::over(TcpStream::connect(addr).expect("the server listens"))
    }

    /// Attacks over a connection that was made elsewhere.
    ///
    /// # Panics
    /// When the socket is gone.
    #[track_caller]
    #[must_use]
    pub fn over(socket: TcpStream) -> Self {
        socket.set_nodelay(true).expect("a TCP socket has TCP_NODELAY");
        Self { socket, left: Vec::new(), sent: 0 }
    }

    /// Connects and sends the preface and empty SETTINGS.
    ///
    /// # Panics
    /// As [`Attacker::dial`].
    #[track_caller]
    #[must_use]
    pub fn open(addr: SocketAddr) -> Self {
        let mut attacker = Self::dial(addr);
        let mut bytes = PREFACE.to_vec();
        bytes.extend(frame(kind::SETTINGS, 0, 0, &[]));
        // Closed already is for the attack itself to find out.
        attacker.push(&bytes);
        attacker
    }

    /// Sends bytes behind what is still left of earlier ones, until they are gone or the peer takes nothing for 300 ms.
    ///
    /// # Panics
    /// When the socket fails in an odd way.
    #[track_caller]
    pub fn push(&mut self, bytes: &[u8]) -> Pushed {
        const PATIENCE: Duration = Duration::from_millis(300);
        self.left.extend_from_slice(bytes);
        self.socket.set_write_timeout(Some(PATIENCE)).expect("the timeout is not zero");
        let mut gone = 0;
        let pushed = loop {
            if gone == self.left.len() {
                break Pushed::All;
            }
            match self.socket.write(&self.left[gone..]) {
                Ok(bytes) => gone += bytes,
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => break Pushed::Stuck,
                    ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => {
                        break Pushed::Closed;
                    }
                    _ => panic!("the attacker's socket failed: {error}"),
                },
            }
        };
        self.left.drain(..gone);
        self.sent += gone;
        pushed
    }

    /// Sends what `next` makes until it makes no more, or the peer takes no more.
    ///
    /// # Panics
    /// As [`Attacker::push`].
    #[track_caller]
    pub fn push_all(&mut self, chunks: impl IntoIterator<Item = Vec<u8>>) -> Pushed {
        for chunk in chunks {
            let pushed = self.push(&chunk);
            if pushed != Pushed::All {
                return pushed;
            }
        }
        Pushed::All
    }

    /// Waits until the peer's program has read all that was sent, or has stopped reading, or the connection is gone; gives
    /// the bytes it left in the kernel.
    ///
    /// # Panics
    /// When it goes on reading for half a minute.
    #[track_caller]
    pub fn until_taken(&self) -> u64 {
        let ends = [self.socket.local_addr(), self.socket.peer_addr()];
        until_settled(|| in_the_kernel(&ends), |left| left == 0)
    }

    /// Waits until the peer has filled everything on the way to this side, which does not read.
    ///
    /// # Panics
    /// When it goes on sending for half a minute.
    #[track_caller]
    pub fn until_full(&self) -> u64 {
        let ends = [self.socket.peer_addr(), self.socket.local_addr()];
        until_settled(|| in_the_kernel(&ends), |_| false)
    }

    /// Reads what is there within `limit`; false at the end of the connection.
    ///
    /// # Panics
    /// When the socket fails in an odd way.
    #[track_caller]
    pub fn read_some(&mut self, limit: Duration, into: &mut Vec<u8>) -> bool {
        let mut buffer = [0; 16 * 1024];
        self.socket.set_read_timeout(Some(limit)).expect("the timeout is not zero");
        match self.socket.read(&mut buffer) {
            Ok(0) => false,
            Ok(bytes) => {
                into.extend_from_slice(&buffer[..bytes]);
                true
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => true,
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted => false,
                _ => panic!("the attacker's socket failed: {error}"),
            },
        }
    }

    /// Waits for the peer to close the connection; gives what it said before.
    ///
    /// # Panics
    /// When it has not closed it within `limit`.
    #[track_caller]
    pub fn read_to_end(&mut self, limit: Duration) -> Vec<u8> {
        let deadline = Instant::now() + limit;
        let mut said = Vec::new();
        while self.read_some(Duration::from_millis(100), &mut said) {
            assert!(Instant::now() < deadline, "the peer has not closed the connection within {limit:?}");
        }
        said
    }

    /// Ends our side with a FIN.
    pub fn half_close(&self) {
        // The peer may have closed it already.
        let _gone = self.socket.shutdown(Shutdown::Write);
    }

    /// Waits until unread bytes of the peer are here, if it has reason to say something: with them there, dropping the
    /// attacker ends the connection with a TCP reset and not with a FIN.
    ///
    /// # Panics
    /// When the peer says nothing within 10 s.
    #[track_caller]
    pub fn until_said_something(&self, has_reason: bool) {
        if has_reason {
            self.socket.set_read_timeout(Some(Duration::from_secs(10))).expect("the timeout is not zero");
            // Closed already is as good.
            let _said = self.socket.peek(&mut [0]);
        }
    }
}

/// The metadata that makes a handler wait until its call is cancelled.
pub const HANG: (&str, &str) = (DO, "hang");

/// Waits until `figure` is `done` or has not changed for half a second; gives it.
#[track_caller]
fn until_settled(figure: impl Fn() -> u64, done: impl Fn(u64) -> bool) -> u64 {
    const SETTLED: Duration = Duration::from_millis(500);
    let (mut last, mut since) = (u64::MAX, Instant::now());
    eventually_within(Duration::from_secs(30), "the bytes on their way are settled", || {
        let now = figure();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        done(now) || since.elapsed() > SETTLED
    });
    last
}

/// Bytes on their way from one end of a connection to the other, as `/proc/net/tcp` tells them.
fn in_the_kernel(ends: &[io::Result<SocketAddr>; 2]) -> u64 {
    let [Ok(SocketAddr::V4(from)), Ok(SocketAddr::V4(to))] = ends else { return 0 };
    let hex = |addr: SocketAddrV4| format!("{:08X}:{:04X}", u32::from(*addr.ip()).swap_bytes(), addr.port());
    let (from, to) = (hex(*from), hex(*to));
    let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux tells its connections");
    let queued = table.lines().map(|line| {
        let fields = Vec::from_iter(line.split_whitespace().take(5));
        let [_, local, remote, _, queues] = fields[..] else { return 0 };
        let (sending, received) = queues.split_once(':').unwrap_or_default();
        let bytes = match (local, remote) {
            ends if ends == (&*from, &*to) => sending,
            ends if ends == (&*to, &*from) => received,
            _ => "0",
        };
        u64::from_str_radix(bytes, 16).unwrap_or(0)
    });
    queued.sum()
}
