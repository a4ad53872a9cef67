//! `ChannelBuilder`: how a channel is configured.

use std::time::Duration;

use http::HeaderValue;

use super::channel::Channel;
use super::pool::Pool;
use super::target::Target;
use crate::code::Code;
use crate::compression::{Accept, CompressionEncoding};
use crate::connection::settings::{self, Bounds, LAST_STREAM};
use crate::context::Context;
use crate::error::{Error, ErrorKind};
use crate::protocol::request_head;
use crate::stream::{MessageLimits, after};

/// How long connecting may take, unless configured.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a call that waits alone looks for its answer, unless configured. Most servers sleep between two calls, and their waking up counts too:
/// a round trip to such a server on one machine took 72 µs with this, and 141 µs with half of it, which was just too short.
const SPIN: Duration = Duration::from_micros(100);

/// How long an extra connection goes without a call before it is closed.
const IDLE_LIMIT: Duration = Duration::from_secs(30);

/// What a channel was configured with.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) connect_timeout: Duration,
    pub(super) timeout: Option<Duration>,
    pub(super) user_agent: HeaderValue,
    pub(super) limits: MessageLimits,
    pub(super) accept: Accept,
    pub(super) send: Option<CompressionEncoding>,
    pub(super) max_connections: usize,
    pub(super) spin: Duration,
    pub(super) idle_limit: Duration,
    /// The number of a connection's last stream.
    pub(super) last_stream: u32,
    pub(super) bounds: Bounds,
}

/// Configures a [`Channel`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it connects"]
pub struct ChannelBuilder {
    target: String,
    connect_timeout: Duration,
    timeout: Option<Duration>,
    user_agent: Option<String>,
    limits: MessageLimits,
    accept: Accept,
    send: Option<CompressionEncoding>,
    max_connections: usize,
    spin: Duration,
    bounds: Bounds,
}

impl ChannelBuilder {
    pub(super) fn new(target: &str) -> Self {
        Self {
            target: target.to_owned(),
            connect_timeout: CONNECT_TIMEOUT,
            timeout: None,
            user_agent: None,
            limits: MessageLimits::default(),
            accept: Accept::default(),
            send: None,
            max_connections: 1,
            spin: SPIN,
            bounds: Bounds::default(),
        }
    }

    /// How long one attempt to connect may take; 20 seconds unless set.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// A timeout for every call that has none of its own. None unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// What stands before the library's own name in the `user-agent` header.
    pub fn user_agent(mut self, application: impl Into<String>) -> Self {
        self.user_agent = Some(application.into());
        self
    }

    /// Largest response message, bytes; 4 MiB unless set. A larger one fails its call with RESOURCE_EXHAUSTED.
    pub fn max_decoding_message_size(mut self, limit: usize) -> Self {
        self.limits.receive = limit;
        self
    }

    /// Largest request message, bytes; unlimited unless set.
    pub fn max_encoding_message_size(mut self, limit: usize) -> Self {
        self.limits.send = limit;
        self
    }

    /// Compresses the requests of every call with `encoding`; see [`Grpc::send_compressed`](crate::client::Grpc::send_compressed).
    pub fn send_compressed(mut self, encoding: CompressionEncoding) -> Self {
        self.send = Some(encoding);
        self
    }

    /// Accepts responses compressed with `encoding`; see [`Grpc::accept_compressed`](crate::client::Grpc::accept_compressed).
    pub fn accept_compressed(mut self, encoding: CompressionEncoding) -> Self {
        self.accept = self.accept.and(encoding);
        self
    }

    /// How many connections the channel may have; 1 unless set, and never less.
    ///
    /// A server says how many calls one connection may carry at a time (SETTINGS_MAX_CONCURRENT_STREAMS). When that many
    /// run, the channel opens a further connection, up to `connections`; when there is none to open, calls wait, first come
    /// first served, and a place that becomes free on any connection goes to the call that has waited longest. A call
    /// that waits is bound by its deadline and can be cancelled. A further connection that cannot be made fails no call as
    /// long as there is another one to wait for; it is tried again later, if calls still wait.
    ///
    /// While there are several, a connection that was opened in addition and has had no call for 30 seconds is closed.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    /// How long a call that waits alone looks for its answer before its thread sleeps; 100 µs unless set, and zero turns it off. Going to sleep and
    /// waking up take longer than the way to a near server and back. It is tried less and less often when nothing comes in time.
    ///
    /// The default is about what a near server takes that sleeps itself until the call comes. A longer one helps where the server takes
    /// that long to answer, and keeps a core busy for as long; deadlines hold whatever it is.
    pub fn spin(mut self, limit: Duration) -> Self {
        self.spin = limit;
        self
    }

    /// Bytes of one stream that may wait for company before they are sent at once, by the thread that queues the last of them;
    /// 56 KiB unless set. Large writes of many messages cost least for each. The default is just below the 64 KiB that a
    /// [`Sender`](crate::Sender) may queue, so that a thread which sends without a pause sends a pack before it would have to wait for room.
    ///
    /// While a sender fills one pack after another ([`packing_size`](Self::packing_size)), that thread first lets the next one be, for
    /// 50 µs after the last write: most likely it is full by then, and sent by who fills it.
    ///
    /// Zero sends every message at once, for a system call each. More than a sender may queue means that this never sends anything:
    /// messages leave as [`flush_delay`](Self::flush_delay) has it, and when their sender has to wait for room.
    pub fn packing_size(mut self, bytes: usize) -> Self {
        self.bounds.packing = settings::packing(bytes);
        self
    }

    /// How soon after a write on its connection another message of a stream is written by the thread that sends it; 50 µs unless
    /// set. A message that comes sooner is left to the thread that reads the connection, which wakes up for it and writes whatever
    /// has been queued by then. So a lone message does not wait, nor the first one after a reader of its stream has waited for the server, and those of a
    /// burst share their system calls. The default is about what waking that thread takes, so that leaving a message to it costs no more
    /// than that.
    ///
    /// For the stream whose sender was the last to write a message by itself a fifth of it is enough: who takes 10 µs or longer between
    /// messages has the time to write them, and they arrive without a second thread.
    ///
    /// Zero sends every message at once, for a system call each. With a long one every message is left to that thread: none waits
    /// for all that time to pass. Requests of unary calls are not concerned: each is written at once.
    pub fn flush_delay(mut self, delay: Duration) -> Self {
        self.bounds.flush_delay = delay;
        self
    }

    /// What the server may send on one stream before the program has read it, bytes; 1 MiB unless set, and from 1 to 2^31 - 1
    /// (SETTINGS_INITIAL_WINDOW_SIZE, RFC 9113 section 6.5.2). The default keeps a fast server busy over some milliseconds of round
    /// trip. A large product of bandwidth and round trip wants more, many streams that are read slowly want less.
    pub fn initial_stream_window_size(mut self, bytes: u32) -> Self {
        self.bounds.stream_window = settings::window(bytes);
        self
    }

    /// What the server may send on all streams of a connection together, bytes; 1 MiB unless set, as much as on one stream, and
    /// from 65,535 to 2^31 - 1. It grows by what the program leaves unread, up to 1 GiB, so that streams which it reads slowly do not
    /// stop its other calls.
    pub fn initial_connection_window_size(mut self, bytes: u32) -> Self {
        self.bounds.connection_window = settings::connection_window(bytes);
        self
    }

    /// Payload of one frame that the server may send, bytes; 64 KiB unless set, and from 16,384 to 16,777,215
    /// (SETTINGS_MAX_FRAME_SIZE, RFC 9113 section 6.5.2). Large messages come in fewer pieces with large frames, which takes less work:
    /// messages of some megabytes are faster by 15 to 25 % with the default than with the 16 KiB that HTTP/2 begins with. A connection
    /// keeps room for the largest frame it has received, and a large frame holds up the other streams for as long as it takes to arrive.
    pub fn max_frame_size(mut self, bytes: u32) -> Self {
        self.bounds.frame_size = settings::frame_size(bytes);
        self
    }

    /// Largest header list of a response, bytes, counted as RFC 9113 section 6.5.2 does (32 for each field besides its name and
    /// value), and as much again for its trailers; 32 KiB unless set: far more than responses have, and a bound on what a server makes this
    /// side hold for each call. The server is told (SETTINGS_MAX_HEADER_LIST_SIZE). A call whose response begins with more fails with
    /// INTERNAL; of trailers with more the fields that do not fit are left out, the status perhaps among them; what is far beyond it
    /// ends its connection. With zero no call succeeds.
    pub fn max_header_list_size(mut self, bytes: u32) -> Self {
        self.bounds.header_list = bytes;
        self
    }

    /// Connects now; see [`Channel::connect`].
    ///
    /// # Errors
    /// As [`Channel::connect`].
    pub fn connect(self) -> Result<Channel, Error> {
        let deadline = after(self.connect_timeout);
        let channel = self.connect_lazy()?;
        let parent = Context::current();
        match channel.pool().wait_until_connected(deadline, parent.as_ref()) {
            Ok(()) => Ok(channel),
            Err(status) => Err(channel.pool().last_error().unwrap_or_else(|| {
                let why = match status.code() {
                    Code::DeadlineExceeded => "no connection in time",
                    _ => status.message(),
                };
                Error::new(ErrorKind::Connect, channel.authority().to_string(), why)
            })),
        }
    }

    /// A channel that connects with its first call.
    ///
    /// # Errors
    /// When the target makes no sense.
    pub fn connect_lazy(self) -> Result<Channel, Error> {
        let (target, config) = self.configured()?;
        Ok(Channel::new(Pool::new(target, config)))
    }

    fn configured(self) -> Result<(Target, Config), Error> {
        let config = Config {
            connect_timeout: self.connect_timeout,
            timeout: self.timeout,
            user_agent: request_head::user_agent(self.user_agent.as_deref()),
            limits: self.limits,
            accept: self.accept,
            send: self.send,
            max_connections: self.max_connections,
            spin: self.spin,
            idle_limit: IDLE_LIMIT,
            last_stream: LAST_STREAM,
            bounds: self.bounds,
        };
        Ok((Target::parse(&self.target)?, config))
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::thread;
    use std::time::Instant;

    use super::*;
    use crate::client::Grpc;
    use crate::server::{Methods, Service};
    use crate::{BidiStreaming, Request, Response, Sender, Server, Streaming};

    const PATIENCE: Duration = Duration::from_secs(30);

    struct Echo;

    impl Service for Echo {
        const NAME: &'static str = "demo.Echo";

        fn register(self, methods: &mut Methods) {
            methods.unary("Say", |request: Request<u32>| Ok(Response::new(request.into_inner())));
            methods.streaming("Relay", |requests: Request<Streaming<u32>>, replies: Sender<u32>| {
                requests.into_inner().try_for_each(|request| replies.send(request?))
            });
        }
    }

    fn server(streams: u32) -> Server {
        let builder = Server::builder().add_service(Echo).max_concurrent_streams(streams);
        builder.start("127.0.0.1:0").unwrap()
    }

    fn grpc(addr: SocketAddr, connections: usize, configure: impl FnOnce(&mut Config)) -> Grpc {
        let builder = Channel::builder(format!("http://{addr}")).max_connections(connections);
        let (target, mut config) = builder.configured().unwrap();
        configure(&mut config);
        Grpc::new(Channel::new(Pool::new(target, config)))
    }

    fn say(grpc: &Grpc, number: u32) {
        let answer = grpc.unary::<u32, u32>("/demo.Echo/Say", Request::new(number).with_timeout(PATIENCE));
        assert_eq!(answer.unwrap().into_inner(), number);
    }

    /// A call that has begun, and stays.
    fn relay(grpc: &Grpc) -> BidiStreaming<u32, u32> {
        let mut call = grpc.streaming("/demo.Echo/Relay", Request::new(()).with_timeout(PATIENCE)).unwrap();
        echo(&mut call, 1);
        call
    }

    fn echo(call: &mut BidiStreaming<u32, u32>, number: u32) {
        call.send(number).unwrap();
        assert_eq!(call.message().unwrap(), Some(number));
    }

    fn until(what: &str, mut condition: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition() {
            assert!(Instant::now() < deadline, "not in time: {what}");
            thread::park_timeout(Duration::from_millis(1));
        }
    }

    #[test]
    fn an_extra_connection_closes_when_it_has_had_no_call_for_a_while() {
        let server = server(1);
        let grpc = grpc(server.local_addr(), 3, |config| config.idle_limit = Duration::from_millis(20));
        let mut calls = [relay(&grpc), relay(&grpc), relay(&grpc)];
        assert_eq!(server.stats().connections, 3);
        for call in &mut calls {
            // Calls that run keep their connections, however long nothing is sent.
            thread::park_timeout(Duration::from_millis(30));
            echo(call, 2);
        }
        assert_eq!(server.stats().connections, 3);
        let [first, second, third] = calls;
        drop((second, third));
        until("the extra connections close", || server.stats().connections == 1);
        drop(first);
        say(&grpc, 3);
        assert_eq!(server.stats().connections, 1, "the first one stays");
        let _again = [relay(&grpc), relay(&grpc)];
        assert_eq!(server.stats().connections, 2, "a further one is opened when it is needed again");
    }

    #[test]
    fn a_connection_that_has_used_up_its_stream_numbers_is_replaced_and_costs_no_call() {
        let server = server(100);
        let grpc = grpc(server.local_addr(), 1, |config| config.last_stream = 9);
        let mut first = relay(&grpc);
        // Numbers 1 to 9 are five streams.
        for number in 0..4 {
            assert_eq!(server.stats().connections, 1);
            say(&grpc, number);
        }
        say(&grpc, 4);
        assert_eq!(server.stats().connections, 2, "the sixth call has a new connection");
        echo(&mut first, 2);
        let callers: Vec<_> = (0..4)
            .map(|_| {
                let grpc = grpc.clone();
                thread::spawn(move || (0..25).for_each(|number| say(&grpc, number)))
            })
            .collect();
        for caller in callers {
            caller.join().unwrap();
        }
        echo(&mut first, 3);
        drop(first);
        until("connections that are used up close", || server.stats().connections <= 1);
    }

    #[test]
    fn calls_of_any_kind_on_every_number_are_whole() {
        let server = server(3);
        let grpc = grpc(server.local_addr(), 2, |config| config.last_stream = 5);
        for number in 0..30 {
            let mut call = relay(&grpc);
            say(&grpc, number);
            echo(&mut call, number);
            call.close();
            assert_eq!(call.message().unwrap(), None);
        }
    }

    #[test]
    fn there_is_always_one_connection_at_least() {
        let server = server(100);
        let grpc = grpc(server.local_addr(), 0, |_| {});
        say(&grpc, 1);
        assert_eq!(server.stats().connections, 1);
    }
}
