//! Windows as they are configured, and what they bound.

use prost::Message;
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{Handlers, note_of};
use stolid_tests::pair::serve_with;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Frame, Setting, Wire, envelope};

const RELAY: &str = "/testing.v1.Echo/Relay";

#[test]
fn a_server_advertises_the_windows_it_was_given() {
    watched(|| {
        for (stream, connection) in [(65_535, 65_535), (200_000, 300_000), (4 << 20, 8 << 20)] {
            let server = serve_with(Handlers::new(), |builder| {
                builder.initial_stream_window_size(stream).initial_connection_window_size(connection)
            });
            let mut wire = Wire::dial(server.local_addr());
            wire.send_preface();
            wire.send_settings(&[]);
            let settings = wire.recv_settings();
            let advertised = settings.iter().find(|(name, _)| *name == Setting::INITIAL_WINDOW_SIZE);
            assert_eq!(advertised.map_or(65_535, |(_, value)| *value), stream);
            // The rest of the connection's window comes as soon as the connection is up.
            let mut window = 65_535;
            while window < connection {
                if let Frame::WindowUpdate { stream: 0, increment } = wire.recv_frame() {
                    window += increment;
                }
            }
            assert_eq!(window, connection);
        }
    });
}

#[test]
fn what_is_out_of_range_is_brought_into_it() {
    watched(|| {
        let server = serve_with(Handlers::new(), |builder| {
            builder.initial_stream_window_size(u32::MAX).initial_connection_window_size(0)
        });
        let mut wire = Wire::dial(server.local_addr());
        wire.send_preface();
        wire.send_settings(&[]);
        let settings = wire.recv_settings();
        assert!(settings.contains(&(Setting::INITIAL_WINDOW_SIZE, (1 << 31) - 1)), "{settings:?}");
        wire.sync();
    });
}

#[test]
fn a_message_larger_than_the_windows_arrives_and_an_unread_stream_stops_at_its_window() {
    watched(|| {
        let gate = Gate::new();
        let held = gate.clone();
        let handlers = Handlers::new().relay(move |request, replies| {
            held.wait();
            stolid_tests::handlers::relay(request.into_inner(), &replies)
        });
        let server = serve_with(handlers, |builder| {
            builder.initial_stream_window_size(20_000).initial_connection_window_size(65_535)
        });
        let mut wire = Wire::client(server.local_addr());
        let stream = wire.open_call(RELAY, &[]);
        let note = envelope(&note_of(9_000).encode_to_vec());
        // Two messages are complete and wait, the third does not fit: nothing is given back for what nobody reads.
        wire.send_body(stream, &note, false);
        wire.send_body(stream, &note, false);
        wire.sync();
        let left = wire.send_window(stream);
        assert_eq!(left, 20_000 - 2 * i64::try_from(note.len()).expect("small"));
        gate.open();
        assert_eq!(wire.recv_message(stream).len(), note.len() - 5);
        assert_eq!(wire.recv_message(stream).len(), note.len() - 5);
        // Five times the window in one message.
        let large = envelope(&note_of(100_000).encode_to_vec());
        wire.send_body(stream, &large, true);
        assert_eq!(wire.recv_message(stream).len(), large.len() - 5);
    });
}
