//! `Server`: configure, start, stop.

mod claim;
mod dispatch;
mod inline;
mod listener;
mod options;
mod running;
mod service;
mod shutdown;
mod workers;

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;

use crate::compression::CompressionEncoding;
use crate::connection::settings::{self, Bounds};
use crate::error::{Error, ErrorKind};
use crate::lane::spin::LIMIT;
use crate::lane::{Lane, Turn};
use crate::request::Request;
use crate::status::Status;
use crate::stream::sender::Sender;
use crate::stream::streaming::Streaming;
use inline::crew::Crew;
use inline::watch::Watch;
use listener::Listeners;
use running::{Limits, Phase, Shared};
use workers::{WorkerConfig, Workers};

pub use options::ServiceOptions;
pub use service::{CodecMethods, Methods, Service};
pub use shutdown::ShutdownReport;

/// Most handler threads of a server, unless configured.
const WORKERS: usize = 8192;

/// The stack of a handler's thread, bytes. Only what is touched costs memory.
const STACK: usize = 2 * 1024 * 1024;

/// The least that is taken for one, bytes: a call passes through code of ours on it, and a stack that overflows ends the process.
const STACK_MIN: usize = 128 * 1024;

/// A handler's thread without work leaves after this time.
const WORKER_IDLE: Duration = Duration::from_secs(1);

/// Readiness events taken in one turn of a lane.
const EVENTS: usize = 1024;

/// A running gRPC server.
///
/// Every handler may block: it has a thread of its own, or is given one as soon as it turns out to need it (see
/// [`ServerBuilder::inline_handlers`]). Sockets are served by a few more threads (`stolid-lane-N`, `stolid-watch`). Dropping
/// the server stops it at once, as `shutdown(Duration::ZERO)` does.
///
/// When the system has no file descriptors left, the server pauses accepting for 100 ms at a time and goes on with the
/// connections it has; those that wait in the meantime are accepted when there is room.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use stolid::Server;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::builder().start("127.0.0.1:0")?;
/// println!("Listening on: {}", server.local_addr());
/// let report = server.shutdown(Duration::from_secs(10));
/// assert_eq!(report.cut, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
}

/// A handle on a running server, for stopping it from elsewhere.
#[derive(Debug, Clone)]
pub struct ServerHandle {
    shared: Arc<Shared>,
}

/// Figures of a running server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStats {
    /// Open connections.
    pub connections: usize,
    /// Handlers that run now.
    pub running: usize,
    /// Threads for handlers, running or waiting for work.
    pub threads: usize,
    /// Calls whose handler was started, since the start.
    pub calls_started: u64,
    /// Calls that were refused for want of a thread, since the start.
    pub calls_refused: u64,
}

impl Server {
    /// Starts to configure a server.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// The address the server listens on; the first if there are several.
    ///
    /// # Panics
    /// Never: a server without an address does not start.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.addresses[0]
    }

    /// Every address the server listens on: `localhost` may have an IPv4 and an IPv6 one.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.shared.addresses
    }

    /// Stops the server: closes the port, tells clients by GOAWAY, lets running calls finish for at most `timeout`, then
    /// cancels what is left (cause `Shutdown`, status UNAVAILABLE) and gives handlers a second to return.
    ///
    /// Each connection is told twice, as RFC 9113 section 6.8 advises: a GOAWAY that leaves out no call together with a PING,
    /// and when that is answered one that names the last call that is served, so that calls on their way are not lost. A
    /// connection is closed behind its last call; one without calls waits a second at most for the answer, and one that has
    /// not yet shown that it speaks HTTP/2 is closed at once.
    ///
    /// Blocks until that is done. Called inside a handler of this server, it leaves that handler's own call alone.
    pub fn shutdown(&self, timeout: Duration) -> ShutdownReport {
        self.shared.shut_down(timeout)
    }

    /// Blocks until the server was shut down through a [`handle`](Self::handle) or by another thread.
    pub fn wait(&self) {
        self.shared.wait(None, |state| state.phase == Phase::Stopped);
    }

    /// A handle for other threads, such as one that waits for a signal.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle { shared: Arc::clone(&self.shared) }
    }

    /// Figures of this moment.
    #[must_use]
    pub fn stats(&self) -> ServerStats {
        ServerStats {
            connections: self.shared.state().connections,
            running: self.shared.running(),
            threads: self.shared.workers.threads(),
            calls_started: self.shared.calls_started.load(Ordering::Relaxed),
            calls_refused: self.shared.calls_refused.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let running = self.shared.state().phase == Phase::Serving;
        if running {
            self.shared.shut_down(Duration::ZERO);
        }
    }
}

impl ServerHandle {
    /// As [`Server::shutdown`].
    pub fn shutdown(&self, timeout: Duration) -> ShutdownReport {
        self.shared.shut_down(timeout)
    }

    /// As [`Server::local_addr`].
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.addresses[0]
    }
}

/// Configures a [`Server`]. The defaults need no tuning.
#[derive(Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct ServerBuilder {
    methods: Methods,
    options: ServiceOptions,
    limits: Limits,
    lanes: usize,
    spin: Duration,
    workers: WorkerConfig,
}

impl Default for ServerBuilder {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers =
            WorkerConfig { name: "stolid".to_owned(), limit: WORKERS, stack_size: STACK, idle_timeout: WORKER_IDLE };
        let limits = Limits { max_connections: usize::MAX, connection: Bounds::default(), timeout: None };
        // Handlers need the cores too: a lane for every second one.
        Self {
            methods: Methods::default(),
            options: ServiceOptions::default(),
            limits,
            lanes: cores.div_ceil(2).min(8),
            spin: LIMIT,
            workers,
        }
    }
}

impl ServerBuilder {
    /// Adds a service.
    pub fn add_service(mut self, service: impl Service) -> Self {
        self.methods.add(service);
        self
    }

    /// Largest request message, bytes; 4 MiB unless set. A larger one fails its call with RESOURCE_EXHAUSTED.
    pub fn max_decoding_message_size(mut self, limit: usize) -> Self {
        self.options = self.options.max_decoding_message_size(limit);
        self
    }

    /// Largest response message, bytes; unlimited unless set.
    pub fn max_encoding_message_size(mut self, limit: usize) -> Self {
        self.options = self.options.max_encoding_message_size(limit);
        self
    }

    /// Compresses the responses of all services with `encoding` for clients that accept it, wherever that makes them
    /// shorter. Of several encodings the first that the client accepts is used. Nothing is compressed unless set.
    pub fn send_compressed(mut self, encoding: CompressionEncoding) -> Self {
        self.options = self.options.send_compressed(encoding);
        self
    }

    /// Accepts requests compressed with `encoding`. Until the first use of this everything that was compiled in is
    /// accepted, from then on only what was named; what is not accepted fails its call with UNIMPLEMENTED.
    pub fn accept_compressed(mut self, encoding: CompressionEncoding) -> Self {
        self.options = self.options.accept_compressed(encoding);
        self
    }

    /// Answers calls of methods that no service has, in place of UNIMPLEMENTED: for proxies, and for services that are
    /// known at run time only. The context has the path of the method; messages are as they are on the wire, in any
    /// format and, where they came compressed, decompressed.
    ///
    /// # Examples
    /// ```
    /// use stolid::Server;
    ///
    /// let server = Server::builder()
    ///     .unknown_service_handler(|request, replies| {
    ///         println!("{} is called", request.context().method());
    ///         for message in request.into_inner() {
    ///             replies.send(message?)?;
    ///         }
    ///         Ok(())
    ///     })
    ///     .start("127.0.0.1:0")?;
    /// # Ok::<(), stolid::Error>(())
    /// ```
    pub fn unknown_service_handler(
        mut self,
        handler: impl Fn(Request<Streaming<Bytes>>, Sender<Bytes>) -> Result<(), Status> + Send + Sync + 'static,
    ) -> Self {
        self.methods.set_unknown(handler);
        self
    }

    /// What a client may send on one stream before a handler has read it, bytes; 1 MiB unless set, and from 1 to 2^31 - 1
    /// (SETTINGS_INITIAL_WINDOW_SIZE, RFC 9113 section 6.5.2). The default keeps a fast client busy over some milliseconds of round
    /// trip. A large product of bandwidth and round trip wants more, many slow handlers want less.
    pub fn initial_stream_window_size(mut self, bytes: u32) -> Self {
        self.limits.connection.stream_window = settings::window(bytes);
        self
    }

    /// What a client may send on all streams of a connection together, bytes; 1 MiB unless set, as much as on one stream, and from
    /// 65,535 to 2^31 - 1. It grows by what slow handlers leave unread, up to 16 MiB, so that they do not stop the other calls.
    pub fn initial_connection_window_size(mut self, bytes: u32) -> Self {
        self.limits.connection.connection_window = settings::connection_window(bytes);
        self
    }

    /// Most connections at a time; further ones are closed at once. Unlimited unless set: the system's limit of open files holds
    /// then, and new connections wait until there are some. One connection costs about 20 KiB at rest, and its client can make the
    /// server hold up to 16 MiB of messages that handlers do not read and about 64 MiB of messages that are not complete.
    pub fn max_connections(mut self, limit: usize) -> Self {
        self.limits.max_connections = limit;
        self
    }

    /// Most calls at a time on one connection (SETTINGS_MAX_CONCURRENT_STREAMS, RFC 9113 section 6.5.2); 1024 unless set.
    ///
    /// Clients keep further calls back until one ends. One that does not is told REFUSED_STREAM for each call over the limit,
    /// which promises that nothing was done for it; the connection and its other calls go on.
    pub fn max_concurrent_streams(mut self, limit: u32) -> Self {
        self.limits.connection.streams = limit;
        self
    }

    /// Payload of one frame that the client may send, bytes; 64 KiB unless set, and from 16,384 to 16,777,215
    /// (SETTINGS_MAX_FRAME_SIZE, RFC 9113 section 6.5.2). Large messages come in fewer pieces with large frames, which takes less work:
    /// messages of some megabytes are faster by 15 to 25 % with the default than with the 16 KiB that HTTP/2 begins with. A connection
    /// keeps room for the largest frame it has received, and a large frame holds up the other streams for as long as it takes to arrive.
    pub fn max_frame_size(mut self, bytes: u32) -> Self {
        self.limits.connection.frame_size = settings::frame_size(bytes);
        self
    }

    /// Largest header list of a request, bytes, counted as RFC 9113 section 6.5.2 does (32 for each field besides its name and
    /// value); 32 KiB unless set: far more than requests have, and every waiting call may hold that much memory. The client is told
    /// (SETTINGS_MAX_HEADER_LIST_SIZE); a request beyond it is answered with HTTP status 431, and one far beyond it ends its
    /// connection. With zero every connection ends with its first request.
    pub fn max_header_list_size(mut self, bytes: u32) -> Self {
        self.limits.connection.header_list = bytes;
        self
    }

    /// How long a client may take from connecting until its first HTTP/2 frame (its SETTINGS, RFC 9113 section 3.4) has begun; 10 seconds
    /// unless set. After that the connection is closed: one that says nothing holds a file descriptor for nothing. A header
    /// block that has begun must be complete within the same time. A connection that has shown itself may be idle for ever.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.limits.connection.handshake_timeout = timeout;
        self
    }

    /// How long a client may take none of the bytes that wait for it; 30 seconds unless set. After that its connection is closed
    /// and its calls are cancelled. A client that reads its socket but opens no window for a stream takes what there is to
    /// take: only its calls' deadlines, or [`timeout`](Self::timeout), bound those.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.limits.connection.write_timeout = timeout;
        self
    }

    /// Most calls of one client that may be reset in a second, by itself or because it broke a rule, averaged over ten seconds;
    /// 10 000 unless set. A client beyond it is sent GOAWAY with ENHANCE_YOUR_CALM: it starts calls to have them thrown away
    /// (CVE-2023-44487 and its kin).
    pub fn max_reset_rate(mut self, resets: u32) -> Self {
        self.limits.connection.resets = resets;
        self
    }

    /// A bound on the time of every call, whatever deadline the client sets. None unless set. It is what ends calls whose client
    /// sends its request byte by byte or opens no window for the answer.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = Some(timeout);
        self
    }

    /// Most handler threads at a time; 8192 unless set: far more handlers than can compute at a time, for most of many wait, and
    /// fewer threads than most systems allow a process. A call beyond it is refused at once with RESOURCE_EXHAUSTED: calls
    /// never queue for a thread, for a queue behind blocked handlers can deadlock. With zero every call is refused. With more
    /// than the system has threads for, a call whose thread cannot be started is refused in the same way.
    pub fn worker_limit(mut self, limit: usize) -> Self {
        self.workers.limit = limit;
        self
    }

    /// How long a thread that serves sockets looks for news before it sleeps; 50 µs unless set, and zero turns it off. For a client that waits for each
    /// answer this halves the time of a call, for going to sleep and waking up take longer than the way there and back. It is tried
    /// only while there is a processor free, and less and less often when nothing comes. A handler that waits for its peer looks for as long.
    ///
    /// The default is about what the sleep and the wake-up take, so that a look in vain costs no more than one that finds something
    /// saves. A longer one helps where clients take that long to ask again, and keeps a core busy for as long; timers fire in time whatever it is.
    pub fn spin(mut self, limit: Duration) -> Self {
        self.spin = limit;
        self
    }

    /// Whether unary handlers that have proved to be quick (below 100 µs on average) run on the thread that reads their requests; true unless set.
    /// A switch to another thread costs several times what a quick call costs. A handler that sleeps all the same delays the other calls of its
    /// lane by two milliseconds at most, one that computes by a few more: then another thread takes over, and handlers of that method
    /// have threads of their own until they are quick again. Without this every handler has one from the start.
    ///
    /// A service or a method can have it otherwise: the generated `ChatServer` has `inline_handlers` and `inline_method`.
    pub fn inline_handlers(mut self, inline: bool) -> Self {
        self.options = self.options.inline_handlers(inline);
        self
    }

    /// The stack of a handler's thread, bytes; 2 MiB unless set, what threads of Rust's standard library have, and never less than
    /// 128 KiB. Only what a handler has touched costs memory, so that a larger one is for deep recursion and a smaller one for systems
    /// that count memory which was never touched. Where the system has no room for it, the calls that want a thread are refused
    /// with RESOURCE_EXHAUSTED.
    pub fn worker_stack_size(mut self, bytes: usize) -> Self {
        self.workers.stack_size = bytes.max(STACK_MIN);
        self
    }

    /// Bytes of one stream that may wait for company before they are sent at once, by the thread that queues the last of them;
    /// 56 KiB unless set. Large writes of many messages cost least for each. The default is just below the 64 KiB that a
    /// [`Sender`] may queue, so that a handler which sends without a pause sends a pack before it would have to wait for room.
    ///
    /// While a sender fills one pack after another ([`packing_size`](Self::packing_size)), that thread first lets the next one be, for
    /// 50 µs after the last write: most likely it is full by then, and sent by who fills it.
    ///
    /// Zero sends every message at once, for a system call each. More than a sender may queue means that this never sends anything:
    /// messages leave as [`flush_delay`](Self::flush_delay) has it, and when their sender has to wait for room.
    pub fn packing_size(mut self, bytes: usize) -> Self {
        self.limits.connection.packing = settings::packing(bytes);
        self
    }

    /// How soon after a write on its connection another message of a stream is written by the thread that sends it; 50 µs unless
    /// set. A message that comes sooner is left to the thread that serves the socket, which wakes up for it and writes whatever
    /// has been queued by then. So a lone message does not wait, nor the first one after a reader of its stream has waited for the peer, and those of a
    /// burst share their system calls. The default is about what waking that thread takes, so that leaving a message to it costs no more
    /// than that.
    ///
    /// For the stream whose sender was the last to write a message by itself a fifth of it is enough: who takes 10 µs or longer between
    /// messages has the time to write them, and they arrive without a second thread.
    ///
    /// Zero sends every message at once, for a system call each. With a long one every message is left to that thread: none waits
    /// for all that time to pass. Answers of unary calls are not concerned: those that were handled in one turn are written together.
    pub fn flush_delay(mut self, delay: Duration) -> Self {
        self.limits.connection.flush_delay = delay;
        self
    }

    /// Threads that serve sockets; one for every two cores unless set, for handlers need the cores too, and eight at most. Each takes
    /// an event queue, and a second thread where [handlers run on it](Self::inline_handlers). Zero is one. More than there are cores
    /// gain nothing, and where the system does not have as many, the server does not start.
    pub fn lanes(mut self, lanes: usize) -> Self {
        self.lanes = lanes.max(1);
        self
    }

    /// Starts the server on every address that `address` resolves to; port 0 picks a free one, the same for all.
    ///
    /// # Errors
    /// When the address cannot be resolved or bound, or a thread cannot be started.
    pub fn start(self, address: impl ToSocketAddrs) -> Result<Server, Error> {
        let listeners = listener::bind(&address)?;
        self.start_on(listeners)
    }

    /// Starts the server on a listening socket made elsewhere.
    ///
    /// # Errors
    /// When the socket cannot be used, or a thread cannot be started.
    pub fn start_with_listener(self, listener: TcpListener) -> Result<Server, Error> {
        self.start_on(vec![listener])
    }

    /// Starts the server and blocks until it is shut down, which takes another thread's [`ServerHandle`] or a handler: see
    /// [`start`](Self::start) for a server that can be stopped from outside.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn serve(self, address: impl ToSocketAddrs) -> Result<(), Error> {
        let server = self.start(address)?;
        server.wait();
        Ok(())
    }

    fn start_on(self, listeners: Vec<TcpListener>) -> Result<Server, Error> {
        let addresses: io::Result<Vec<SocketAddr>> = listeners.iter().map(TcpListener::local_addr).collect();
        let addresses = addresses.map_err(|error| Error::new(ErrorKind::Bind, "the listening socket", error))?;
        let lane =
            || Lane::new(EVENTS, self.spin).map_err(|error| Error::new(ErrorKind::Bind, "the event queue", error));
        let lanes: Result<Vec<(Arc<Lane>, Turn)>, Error> = (0..self.lanes).map(|_| lane()).collect();
        let (lanes, turns): (Vec<_>, Vec<_>) = lanes?.into_iter().unzip();
        let (stack_size, worker_limit) = (self.workers.stack_size, self.workers.limit);
        let workers = Workers::new(self.workers).map_err(|error| Error::new(ErrorKind::Thread, "handlers", error))?;
        let listeners = Listeners::new(listeners, &lanes[0])
            .map_err(|error| Error::new(ErrorKind::Bind, addresses[0].to_string(), error))?;
        let methods = self.methods.into_table(&self.options);
        let inline = methods.has_inline();
        let mut listeners = Some(listeners);
        let crews = lanes.iter().zip(turns).enumerate();
        let crews = crews
            .map(|(number, (lane, turn))| Arc::new(Crew::new(lane, number, turn, listeners.take(), inline)))
            .collect();
        let shared = Shared::new(methods, workers, self.limits, crews, addresses, stack_size, worker_limit);
        // From here on dropping the server stops what was started.
        let server = Server { shared };
        let failed = |error| Error::new(ErrorKind::Thread, "a lane", error);
        let watch = Watch::spawn(&server.shared).map_err(failed)?;
        server.shared.state().watch = Some(watch);
        for number in 0..server.shared.crews.len() {
            Crew::start(&server.shared, number).map_err(failed)?;
        }
        server.shared.wait_until_settled();
        tracing::info!(addresses = ?server.shared.addresses, methods = ?server.shared.methods, "listening");
        Ok(server)
    }
}
