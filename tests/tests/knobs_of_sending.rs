//! Knobs that change when and how much the two sides send: packs, windows, header lists, frames.

use std::io::Read;
use std::net::{Ipv4Addr, TcpStream};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use prost::Message;
use stolid::{Channel, ChannelBuilder, Code, Request, Response, Server, ServerBuilder, Status};
use stolid_tests::config;
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::echo::echo_server::EchoServer;
use stolid_tests::echo::{Count, Note};
use stolid_tests::handlers::{Handlers, note, note_of};
use stolid_tests::pair::{client_of, scripted_server_of, serve_with};
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Frame, Setting, Wire, WireListener, envelope, flag, frame, header_block, kind};

const PATIENCE: Duration = Duration::from_secs(20);
const REPEAT: &str = "/testing.v1.Echo/Repeat";

/// Messages that are sent without a pause.
const BURST: usize = 200;

/// Sends a burst, and counts the messages that are in the peer's hands when `send` returns. What the peer got is gone then.
fn there_when_sent(mut peer: TcpStream, mut send: impl FnMut(Note) -> Result<(), Status>) -> usize {
    peer.set_nonblocking(true).expect("a socket can be asked");
    let mut seen = [0; 4096];
    let numbers = 0..BURST;
    let there = numbers.filter(|number| {
        let text = format!("message {number:03}");
        let wanted = text.clone();
        send(Note { text, ..note(0) }).expect("there is room");
        let mut last = 0;
        while let Ok(length @ 1..) = peer.read(&mut seen) {
            last = length;
        }
        // The last thing that came, and the look must be quick, or this is no burst.
        seen[last.saturating_sub(32)..last].windows(wanted.len()).any(|part| part == wanted.as_bytes())
    });
    there.count()
}

fn there_when_a_server_sends(configure: impl FnOnce(ServerBuilder) -> ServerBuilder) -> usize {
    let (give, given) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let given = Mutex::new(given);
    let handlers = Handlers::new().repeat(move |_, replies| {
        let peer = given.lock().expect("one handler runs").recv().expect("the test goes on");
        tell.send(there_when_sent(peer, |note| replies.send(note))).expect("the test goes on");
        Ok(())
    });
    let server = serve_with(handlers, configure);
    let mut wire = Wire::client(server.local_addr());
    let stream = wire.open_call(REPEAT, &[]);
    wire.send_data(stream, &envelope(&note(0).encode_to_vec()), true);
    // The server's own thread has done all there is to do.
    wire.sync();
    give.send(wire.into_socket()).expect("the handler runs");
    told.recv_timeout(PATIENCE).expect("the handler tells")
}

fn there_when_a_client_sends(configure: impl FnOnce(ChannelBuilder) -> ChannelBuilder) -> usize {
    let (client, mut wire) = scripted_server_of(configure);
    let mut call = client.gather(()).expect("the call opens");
    wire.recv_call();
    wire.sync();
    there_when_sent(wire.into_socket(), |note| call.send(note))
}

/// Another thread that is at the connection, and waits for a processor, sends what comes meanwhile: not in every one of five bursts.
fn most_of_five(mut burst: impl FnMut() -> usize) -> usize {
    (0..5).map(|_| burst()).max().unwrap_or_default()
}

/// Nearly all.
const AT_ONCE: usize = BURST - BURST / 10;

#[test]
fn without_a_flush_delay_a_message_is_sent_by_the_thread_that_sends_it() {
    watched(|| {
        let by_server = most_of_five(|| there_when_a_server_sends(|builder| builder.flush_delay(Duration::ZERO)));
        assert!(by_server >= AT_ONCE, "{by_server} of {BURST}");
        let by_client = most_of_five(|| there_when_a_client_sends(|builder| builder.flush_delay(Duration::ZERO)));
        assert!(by_client >= AT_ONCE, "{by_client} of {BURST}");
    });
}

#[test]
fn without_a_packing_size_a_message_is_sent_by_the_thread_that_sends_it() {
    watched(|| {
        let server = |builder: ServerBuilder| builder.flush_delay(Duration::MAX).packing_size(0);
        let by_server = most_of_five(|| there_when_a_server_sends(server));
        assert!(by_server >= AT_ONCE, "{by_server} of {BURST}");
        let client = |builder: ChannelBuilder| builder.flush_delay(Duration::MAX).packing_size(0);
        let by_client = most_of_five(|| there_when_a_client_sends(client));
        assert!(by_client >= AT_ONCE, "{by_client} of {BURST}");
    });
}

#[test]
fn with_a_long_flush_delay_most_messages_are_left_to_another_thread() {
    watched(|| {
        let server = |builder: ServerBuilder| builder.flush_delay(Duration::MAX).packing_size(usize::MAX);
        eventually("a server leaves them", || there_when_a_server_sends(server) <= BURST / 2);
        let client = |builder: ChannelBuilder| builder.flush_delay(Duration::MAX).packing_size(usize::MAX);
        eventually("a client leaves them", || there_when_a_client_sends(client) <= BURST / 2);
    });
}

#[test]
fn a_lone_message_waits_for_nothing_however_long_the_flush_delay_and_large_the_pack() {
    watched(|| {
        let server = serve_with(Handlers::new(), |builder| builder.flush_delay(Duration::MAX).packing_size(usize::MAX));
        let builder = config::channel(format!("http://{}", server.local_addr()));
        let channel = builder.flush_delay(Duration::MAX).packing_size(usize::MAX).connect().expect("it listens");
        let client = EchoClient::new(channel);
        let mut call = client.relay(Request::new(()).with_timeout(PATIENCE)).expect("the call opens");
        for number in 0..100 {
            call.send(note(number)).expect("there is room");
            assert_eq!(call.message().expect("it comes back"), Some(note(number)));
        }
        // More than may wait: a sender that has to wait sends what there is.
        let mut call = client.gather(Request::new(()).with_timeout(PATIENCE)).expect("the call opens");
        for _ in 0..200 {
            call.send(note_of(5_000)).expect("there is room in the end");
        }
        assert_eq!(call.finish().expect("all of them came").into_inner(), Count { messages: 200, bytes: 1_000_000 });
    });
}

/// What one side lets the other do: a stream's window, the connection's window, the header list and a frame, in bytes.
type Advertised = [u32; 4];

const GIVEN_AND_ADVERTISED: [(Advertised, Advertised); 4] = [
    ([65_535, 65_535, 16_384, 16_384], [65_535, 65_535, 16_384, 16_384]),
    ([200_000, 300_000, 1 << 20, 40_000], [200_000, 300_000, 1 << 20, 40_000]),
    ([u32::MAX; 4], [(1 << 31) - 1, (1 << 31) - 1, u32::MAX, (1 << 24) - 1]),
    ([0; 4], [1, 65_535, 0, 16_384]),
];

const ADVERTISED_UNLESS_SET: Advertised = [1 << 20, 1 << 20, 32 << 10, 64 << 10];

#[test]
fn a_channel_advertises_what_it_was_given() {
    watched(|| {
        for (given @ [stream, connection, header_list, frame], expected) in GIVEN_AND_ADVERTISED {
            let listener = WireListener::bind();
            let builder = config::channel(listener.target());
            let builder = builder.initial_stream_window_size(stream).initial_connection_window_size(connection);
            let builder = builder.max_header_list_size(header_list).max_frame_size(frame);
            assert_eq!(advertised_by_a_channel(&listener, builder), expected, "{given:?}");
        }
        // Not as the whole suite is configured, for these are the defaults.
        let listener = WireListener::bind();
        assert_eq!(advertised_by_a_channel(&listener, Channel::builder(listener.target())), ADVERTISED_UNLESS_SET);
    });
}

#[test]
fn a_server_advertises_what_it_was_given() {
    watched(|| {
        for (given @ [stream, connection, header_list, frame], expected) in GIVEN_AND_ADVERTISED {
            let server = serve_with(Handlers::new(), |builder| {
                let builder = builder.initial_stream_window_size(stream).initial_connection_window_size(connection);
                builder.max_header_list_size(header_list).max_frame_size(frame)
            });
            assert_eq!(advertised_by_a_server(&server), expected, "{given:?}");
        }
        let server = Server::builder().add_service(EchoServer::new(Handlers::new())).start((Ipv4Addr::LOCALHOST, 0));
        assert_eq!(advertised_by_a_server(&server.expect("it starts")), ADVERTISED_UNLESS_SET);
    });
}

fn advertised_by_a_server(server: &Server) -> Advertised {
    let mut wire = Wire::dial(server.local_addr());
    wire.send_preface();
    wire.send_settings(&[]);
    advertised(&mut wire)
}

fn advertised_by_a_channel(listener: &WireListener, builder: ChannelBuilder) -> Advertised {
    let connecting = thread::spawn(move || builder.connect());
    let mut wire = listener.accept_silently();
    wire.send_settings(&[]);
    wire.recv_preface();
    let advertised = advertised(&mut wire);
    let _channel = connecting.join().expect("no panic").expect("the script greets");
    advertised
}

/// What the peer's first SETTINGS say.
fn advertised(wire: &mut Wire) -> Advertised {
    let settings = wire.recv_settings();
    let setting = |wanted, unless| {
        let found = settings.iter().find(|(name, _)| *name == wanted);
        found.map_or(unless, |(_, value)| *value)
    };
    // The rest of the connection's window comes with the SETTINGS, or at the latest in the turn that answers a PING.
    wire.sync();
    wire.sync();
    let updates = wire.pending().into_iter().filter_map(|frame| match frame {
        Frame::WindowUpdate { stream: 0, increment } => Some(increment),
        _ => None,
    });
    let window = 65_535 + updates.sum::<u32>();
    let header_list = setting(Setting::MAX_HEADER_LIST_SIZE, u32::MAX);
    [setting(Setting::INITIAL_WINDOW_SIZE, 65_535), window, header_list, setting(Setting::MAX_FRAME_SIZE, 16_384)]
}

#[test]
fn a_server_sends_no_more_than_the_window_of_a_stream_that_is_not_read() {
    watched(|| {
        let (client, mut wire) = scripted_server_of(|builder| {
            builder.initial_stream_window_size(20_000).initial_connection_window_size(70_000)
        });
        let opening = thread::spawn(move || client.repeat(note(0)));
        let stream = wire.recv_call().stream;
        wire.send_response_headers(stream);
        let mut replies = opening.join().expect("no panic").expect("the call opens");
        let note = envelope(&note_of(9_000).encode_to_vec());
        // Two messages are complete and wait, the third does not fit: nothing is given back for what nobody reads.
        wire.send_body(stream, &note, false);
        wire.send_body(stream, &note, false);
        wire.sync();
        assert_eq!(wire.send_window(stream), 20_000 - 2 * i64::try_from(note.len()).expect("small"));
        for _ in 0..2 {
            assert_eq!(replies.message().expect("it came"), Some(note_of(9_000)));
        }
        // Five times the window in one message.
        let large = envelope(&note_of(100_000).encode_to_vec());
        let reading = thread::spawn(move || replies.message());
        wire.send_body(stream, &large, false);
        assert_eq!(reading.join().expect("no panic").expect("it came"), Some(note_of(100_000)));
    });
}

/// What becomes of a call whose response begins with a list of about 40 000 bytes, of which the block has 4 000.
fn call_with_large_headers(configure: impl FnOnce(ChannelBuilder) -> ChannelBuilder) -> Result<Note, Status> {
    let (client, mut wire) = scripted_server_of(configure);
    // The client comes back, or its connection would end with it.
    let calling = thread::spawn(move || (client.say(Request::new(note(1)).with_timeout(PATIENCE)), client));
    let stream = wire.recv_call().stream;
    let mut block = header_block(&[(":status", "200"), ("content-type", "application/grpc")]);
    let mut field = header_block(&[("x-long", &"v".repeat(4_000))]);
    // Kept in the header table (RFC 7541, section 6.2.1), then named by one byte each time.
    field[0] = 0x40;
    block.extend(field);
    block.extend([0x80 | 62; 9]);
    // In one write, for the client may end the connection over the first frame.
    wire.hold();
    wire.send_raw(&frame(kind::HEADERS, flag::END_HEADERS, stream, &block));
    wire.send_data(stream, &envelope(&note(1).encode_to_vec()), false);
    wire.send_trailers(stream, "0");
    wire.flush();
    let (answer, _client) = calling.join().expect("no panic");
    answer.map(Response::into_inner)
}

#[test]
fn response_headers_up_to_the_channels_limit_are_taken() {
    watched(|| {
        let answer = call_with_large_headers(|builder| builder.max_header_list_size(64 * 1024));
        assert_eq!(answer.expect("there is room"), note(1));
        let status = call_with_large_headers(|builder| builder.max_header_list_size(32 * 1024));
        assert_eq!(status.expect_err("there is none").code(), Code::Internal);
        let status = call_with_large_headers(|builder| builder.max_header_list_size(0));
        assert!(status.is_err());
    });
}

#[test]
fn with_room_for_no_headers_no_request_gets_through() {
    watched(|| {
        let server = serve_with(Handlers::new(), |builder| builder.max_header_list_size(0));
        let status = client_of(server.local_addr()).say(note(1)).expect_err("there is no room");
        assert_eq!(status.code(), Code::Unavailable, "{status}");
    });
}
