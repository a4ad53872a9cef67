//! Where the handlers of a service or a method run, and settings that are out of all reason.

use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use prost::Message;
use stolid::client::Grpc;
use stolid::server::{Methods, Service, ServiceOptions};
use stolid::{CancelCause, Channel, Code, Request, Response, Sender, Server, ServerBuilder, Status, Streaming};
use stolid_tests::config;
use stolid_tests::echo::Note;
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::echo::echo_server::EchoServer;
use stolid_tests::handlers::{Handlers, note};
use stolid_tests::lab::bench_client::BenchClient;
use stolid_tests::lab::bench_server::{Bench, BenchServer};
use stolid_tests::lab::{Req, Resp, StreamReq, Summary};
use stolid_tests::log::Log;
use stolid_tests::pair::{Pair, connect, scripted_server_of, serve_with};
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::Wire;

const PATIENCE: Duration = Duration::from_secs(20);
const RELAY: &str = "/testing.v1.Echo/Relay";

/// The thread of a lane, and one that a handler has for itself.
const LANE: &str = "stolid-lane";
const WORKER: &str = "stolid-worker";

/// Calls after which a quick method is known to be one.
const MANY: usize = 200;

fn thread_name() -> String {
    thread::current().name().unwrap_or("none").to_owned()
}

/// The service of the tests; a note comes back with the name of the thread that its handler ran on.
fn naming() -> EchoServer<Handlers> {
    EchoServer::new(Handlers::new().say(|_| Ok(Response::new(Note { text: thread_name(), ..note(0) }))))
}

fn says(client: &EchoClient) -> String {
    client.say(note(0)).expect("the server answers").into_inner().text
}

/// The service of the measurements, of the same kind.
struct Named;

impl Bench for Named {
    fn unary(&self, _: Request<Req>) -> Result<Response<Resp>, Status> {
        Ok(Response::new(Resp { payload: thread_name().into() }))
    }

    fn server_stream(&self, _: Request<StreamReq>, _: Sender<Resp>) -> Result<(), Status> {
        Ok(())
    }

    fn client_stream(&self, _: Request<Streaming<Req>>) -> Result<Response<Summary>, Status> {
        Ok(Response::new(Summary::default()))
    }

    fn bidi(&self, _: Request<Streaming<Req>>, _: Sender<Resp>) -> Result<(), Status> {
        Ok(())
    }
}

fn benched(client: &BenchClient) -> String {
    let answer = client.unary(Req::default()).expect("the server answers");
    String::from_utf8(answer.into_inner().payload).expect("the name of a thread is text")
}

/// Two unary methods, of which one is set apart.
struct Two;

impl Service for Two {
    const NAME: &'static str = "testing.Two";

    fn register(self, methods: &mut Methods) {
        methods.options(ServiceOptions::default().inline_method("Apart", false));
        for name in ["Apart", "Together"] {
            methods.unary(name, |_: Request<()>| Ok(Response::new(thread_name())));
        }
    }
}

fn started(builder: ServerBuilder) -> (Server, Channel) {
    let server = builder.start("127.0.0.1:0").expect("a loopback port is free");
    let channel = connect(server.local_addr());
    (server, channel)
}

#[track_caller]
fn assert_apart(mut call: impl FnMut() -> String) {
    for _ in 0..MANY {
        assert_eq!(call(), WORKER);
    }
}

#[track_caller]
fn assert_comes_inline(mut call: impl FnMut() -> String) {
    eventually("a handler runs on the thread that reads", || call().starts_with(LANE));
}

#[test]
fn one_service_may_have_a_thread_for_each_call_beside_others_that_are_inline() {
    watched(|| {
        let builder =
            config::server().add_service(naming().inline_handlers(false)).add_service(BenchServer::new(Named));
        let (_server, channel) = started(builder.inline_handlers(true));
        let (apart, inline) = (EchoClient::new(channel.clone()), BenchClient::new(channel));
        assert_comes_inline(|| benched(&inline));
        assert_apart(|| says(&apart));
        assert_comes_inline(|| benched(&inline));
    });
}

#[test]
fn one_service_alone_may_be_inline() {
    watched(|| {
        let builder = config::server().add_service(naming()).add_service(BenchServer::new(Named).inline_handlers(true));
        let (_server, channel) = started(builder.inline_handlers(false));
        let (apart, inline) = (EchoClient::new(channel.clone()), BenchClient::new(channel));
        assert_comes_inline(|| benched(&inline));
        assert_apart(|| says(&apart));
    });
}

#[test]
fn one_method_may_have_a_thread_for_each_call_beside_others_that_are_inline() {
    watched(|| {
        let (_server, channel) = started(config::server().inline_handlers(true).add_service(Two));
        let grpc = Grpc::new(channel);
        let call = |path: &'static str| {
            let answer = grpc.unary::<(), String>(path, Request::new(()));
            answer.expect("the server answers").into_inner()
        };
        assert_comes_inline(|| call("/testing.Two/Together"));
        assert_apart(|| call("/testing.Two/Apart"));
        assert_comes_inline(|| call("/testing.Two/Together"));
    });
}

#[test]
fn what_is_said_of_a_method_counts_more_than_what_is_said_of_its_service() {
    watched(|| {
        let service = naming().inline_handlers(false).inline_method("Say", true);
        let (_server, channel) = started(config::server().inline_handlers(false).add_service(service));
        assert_comes_inline(|| says(&EchoClient::new(channel.clone())));

        let service = naming().inline_method("Say", true).inline_handlers(true).inline_method("Say", false);
        let (_server, channel) = started(config::server().inline_handlers(true).add_service(service));
        assert_apart(|| says(&EchoClient::new(channel.clone())));
    });
}

#[test]
fn a_method_that_is_not_there_is_told_in_the_log_and_the_server_starts() {
    watched(|| {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let builder = tracing::subscriber::with_default(subscriber, || {
            let known = naming().inline_method("Say", true).inline_method("Relay", false);
            config::server().add_service(known.inline_method("Sya", false))
        });
        let warnings = Vec::from_iter(log.text().lines().map(str::to_owned));
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        for word in ["WARN", "testing.v1.Echo", "Sya"] {
            assert!(warnings[0].contains(word), "{warnings:?}");
        }
        let (_server, channel) = started(builder);
        EchoClient::new(channel).say(note(1)).expect("the server answers");
    });
}

#[test]
fn with_no_worker_every_call_is_refused() {
    watched(|| {
        let Pair { server: _server, client, .. } = Pair::start_with(Handlers::new(), |builder| builder.worker_limit(0));
        for _ in 0..10 {
            let quick = client.say(note(1)).expect_err("there is no worker");
            let slow = client.gather(()).and_then(|call| call.finish()).expect_err("there is no worker");
            assert_eq!((quick.code(), slow.code()), (Code::ResourceExhausted, Code::ResourceExhausted));
        }
    });
}

#[test]
fn handlers_have_a_stack_whatever_size_is_asked_for() {
    watched(|| {
        for inline in [true, false] {
            let small = |builder: ServerBuilder| builder.worker_stack_size(0).inline_handlers(inline);
            let pair = Pair::start_with(Handlers::new(), small);
            for number in 0..20 {
                assert_eq!(pair.client.say(note(number)).expect("there is a stack").into_inner(), note(number));
            }
            let call = pair.client.gather(()).and_then(|call| call.send_all([note(1), note(2)]));
            let count = call.and_then(|call| call.finish()).expect("there is a stack");
            assert_eq!(count.into_inner().messages, 2);
        }
    });
}

#[test]
fn a_server_has_a_lane_at_least() {
    watched(|| {
        let Pair { server: _server, client, .. } = Pair::start_with(Handlers::new(), |builder| builder.lanes(0));
        assert_eq!(client.say(note(7)).expect("the server answers").into_inner(), note(7));
    });
}

#[test]
fn timeouts_without_end_are_none() {
    watched(|| {
        let endless = |builder: ServerBuilder| {
            let builder = builder.handshake_timeout(Duration::MAX).write_timeout(Duration::MAX);
            builder.timeout(Duration::MAX)
        };
        let server = serve_with(Handlers::new(), endless);
        // One that takes its time, so that the server has something to wait for.
        let mut wire = Wire::dial(server.local_addr());
        eventually("the server has seen the client", || server.stats().connections == 1);
        wire.send_preface();
        wire.send_settings(&[]);
        wire.recv_settings();
        wire.sync();
        let builder = config::channel(format!("http://{}", server.local_addr()));
        let channel = builder.connect_timeout(Duration::MAX).timeout(Duration::MAX).connect().expect("it listens");
        assert_eq!(EchoClient::new(channel).say(note(7)).expect("it answers").into_inner(), note(7));
    });
}

#[test]
fn a_server_that_looks_for_news_all_the_time_keeps_its_deadlines() {
    watched(|| {
        let (tell, told) = mpsc::channel();
        let kept = Mutex::new(Vec::new());
        let handlers = Handlers::new().relay(move |requests, replies| {
            let tell = tell.clone();
            let ended = move |cause| {
                // Nobody listens any more once the test has failed.
                let _ = tell.send(cause);
            };
            requests.context().on_cancel(ended).forget();
            kept.lock().unwrap_or_else(PoisonError::into_inner).push((requests, replies.detach()));
            Ok(())
        });
        let server = serve_with(handlers, |builder| builder.spin(Duration::MAX).lanes(1));
        let mut wire = Wire::client(server.local_addr());
        for _ in 0..3 {
            // The handler has returned, so that nothing but the lane's timer ends the call.
            wire.open_call(RELAY, &[("grpc-timeout", "50m")]);
            assert_eq!(told.recv_timeout(PATIENCE), Ok(CancelCause::DeadlineExceeded));
        }
    });
}

#[test]
fn a_channel_that_looks_for_news_all_the_time_keeps_its_deadlines() {
    watched(|| {
        let (client, mut wire) = scripted_server_of(|builder| builder.spin(Duration::MAX));
        // After some calls it is the caller that looks, and not the channel's own thread.
        let caller = client.clone();
        let calling = thread::spawn(move || {
            for number in 0..100 {
                caller.say(note(number)).expect("the script answers");
            }
        });
        for number in 0..100 {
            let stream = wire.recv_call().stream;
            wire.recv_data_until_half_close(stream);
            wire.send_unary_reply(stream, &note(number).encode_to_vec());
        }
        calling.join().expect("no panic");
        let calling = thread::spawn(move || {
            let began = Instant::now();
            let answer = client.say(Request::new(note(1)).with_timeout(Duration::from_millis(50)));
            (answer.map(Response::into_inner), began.elapsed(), client)
        });
        wire.recv_call();
        let (answer, took, client) = calling.join().expect("no panic");
        assert_eq!(answer.expect_err("nobody answers").code(), Code::DeadlineExceeded);
        assert!(took < PATIENCE, "took {took:?}");
        let calling = thread::spawn(move || client.say(note(2)).map(Response::into_inner));
        let stream = wire.recv_call().stream;
        wire.send_unary_reply(stream, &note(2).encode_to_vec());
        assert_eq!(calling.join().expect("no panic").expect("it was answered"), note(2));
    });
}
