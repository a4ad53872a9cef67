//! What many small frames cost the server's process.

use prost::Message;
use stolid_tests::child::Child;
use stolid_tests::echo::Count;
use stolid_tests::handlers::{DO, note_of};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Wire, envelope};

const SAY: &str = "/testing.v1.Echo/Say";
const GATHER: &str = "/testing.v1.Echo/Gather";

const MIB: u64 = 1024 * 1024;

#[test]
fn a_hundred_thousand_one_byte_messages_wait_in_little_memory() {
    watched(|| {
        let (child, addr) = Child::server(env!("CARGO_BIN_EXE_test-peer"));
        let mut wire = Wire::client(addr);
        assert_eq!(wire.unary_call(SAY, &[]).code(), 0);
        let idle = child.measured().resident_bytes();

        let stream = wire.open_call(GATHER, &[(DO, "gate")]);
        let message = envelope(&note_of(1).encode_to_vec());
        wire.hold();
        for _ in 0..100_000 {
            wire.send_data(stream, &message, false);
        }
        wire.send_data(stream, &[], true);
        wire.sync();
        assert_eq!(wire.pending_of(stream).len(), 0, "the handler waits still");

        let open = wire.open_call(SAY, &[(DO, "open")]);
        wire.send_data(open, &envelope(&[]), true);
        assert_eq!(wire.recv_reply(open).code(), 0);
        let reply = wire.recv_reply(stream);
        assert_eq!((reply.code(), reply.message()), (0, ""));
        let count = Count::decode(&*reply.messages[0]).expect("the server sends a Count");
        assert_eq!((count.messages, count.bytes), (100_000, 100_000));

        let grown = child.measured().peak_resident_bytes() - idle;
        assert!(grown < 32 * MIB, "the server grew by {} KiB", grown / 1024);
    });
}
