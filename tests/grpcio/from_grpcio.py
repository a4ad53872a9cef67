"""Cases beyond the interoperability tests, grpcio as the client: `python from_grpcio.py CASE TOLD_PEER`, with the path
of our program told-peer. Ends with 0 when all was well."""

import faulthandler
import signal
import subprocess
import sys
import time

import grpc
from grpc_status import rpc_status

import proto
from interop_client import Requests
from told_service import LIMIT, MIB, SERVICE, Count, Note, Peer, PingCounter, failure, free_port

# The largest message that either library takes unless a limit is set.
LARGEST = 4 * MIB

PEER = sys.argv[2] if len(sys.argv) > 2 else ""


def serve(*arguments, port=0):
    return Peer(PEER, "serve", str(port), *arguments)


def stub(port, options=(), **more):
    channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=list(options))
    return proto.Stub(channel, SERVICE, **more)


def fails(call, *codes):
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() in codes, f"{error.code()}: {error.details()}"
        return error
    raise AssertionError(f"it ended well, not with {codes}")


def deadline_is_propagated():
    with serve() as peer:
        left = stub(peer.port()).Say(Note(text="time left"), timeout=7).number
        assert 5000 <= left <= 7000, left


def deadline_ends_the_handler():
    with serve() as peer:
        client = subprocess.Popen([sys.executable, __file__, "wait_until_the_deadline", str(peer.port())])
        try:
            peer.expect("waiting")
            # A client that stands still cannot reset the call itself, as it does at its own deadline.
            client.send_signal(signal.SIGSTOP)
            peer.expect("ended DeadlineExceeded")
            client.send_signal(signal.SIGCONT)
            assert client.wait(LIMIT) == 0
        finally:
            client.kill()
            client.wait()


def cancellation_is_seen_with_its_cause():
    with serve() as peer:
        echo = stub(peer.port())
        call = echo.Say.future(Note(text="wait"), timeout=LIMIT)
        peer.expect("waiting")
        call.cancel()
        peer.expect("ended PeerReset")
        call = echo.Repeat(Note(text="wait"), timeout=LIMIT)
        next(call)
        peer.expect("waiting")
        call.cancel()
        peer.expect("ended PeerReset")
        assert call.code() == grpc.StatusCode.CANCELLED


def lost_client_is_seen_with_its_cause():
    with serve() as peer:
        port = peer.port()
        client = subprocess.Popen([sys.executable, __file__, "wait_until_killed", str(port)])
        try:
            peer.expect("waiting")
        finally:
            client.kill()
            client.wait()
        peer.expect("ended ConnectionLost")


def rich_status():
    with serve() as peer:
        echo = stub(peer.port())
        error = fails(lambda: echo.Say(Note(text="fail"), timeout=LIMIT), grpc.StatusCode.FAILED_PRECONDITION)
        came, expected = rpc_status.from_call(error), failure()
        assert (came.code, came.message) == (expected.code, expected.message), came
        whole = lambda status: sorted((detail.type_url, detail.value) for detail in status.details)
        assert whole(came) == whole(expected), came


def answered(port, metadata):
    """Checks that the metadata comes back as headers and as trailers."""
    _, call = stub(port).Say.with_call(Note(text="metadata"), metadata=metadata, timeout=LIMIT)
    for came in (call.initial_metadata(), call.trailing_metadata()):
        for key in {key for key, _ in metadata}:
            values = lambda pairs: [pair[1] for pair in pairs if pair[0] == key]
            assert values(came) == values(metadata), f"{key}: {came}"


def metadata():
    with serve() as peer:
        ascii = [("x-list", value) for value in ("one", "two", "one", "all printable: !\"#$&'()*+-./:;<=>?@[]^_`{|}~")]
        binary = [("x-parts-bin", value) for value in (b"\x01", b"", b"\xff\x00", bytes(range(256)))]
        answered(peer.port(), ascii + binary)


def large_metadata():
    with serve() as peer:
        port = peer.port()
        answered(port, [("x-list", "v" * 3000), ("x-parts-bin", b"\xab" * 3000)])
        # More than a server takes, and more than its HTTP/2 says it takes.
        too_large = [("x-list", "v" * MIB)]
        echo = stub(port)
        call = lambda: echo.Say(Note(), metadata=too_large, timeout=LIMIT)
        fails(call, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE)
        assert echo.Say(Note(number=1), timeout=LIMIT).number == 1


def compressed(encoding, compression):
    with serve(encoding) as peer:
        port = peer.port()
        echo, raw = stub(port), stub(port, options=proto.LEAVE_COMPRESSED, left_compressed=True)
        note = Note(text="compressed", body=bytes(MIB))
        for wanted in (compression, grpc.Compression.NoCompression):
            reply = echo.Say(note, compression=wanted, timeout=LIMIT)
            assert reply.number == (wanted is compression) and reply.body == note.body
            received = raw.Say(note, compression=wanted, timeout=LIMIT)
            assert received.compressed and received.message.body == note.body
        notes = [Note(body=bytes(MIB)), Note(), Note(body=bytes(MIB))]
        assert list(echo.Relay(iter(notes), compression=compression, timeout=LIMIT)) == notes


def gzip():
    compressed("gzip", grpc.Compression.Gzip)


def deflate():
    compressed("deflate", grpc.Compression.Deflate)


def message_limits():
    with serve() as peer:
        echo = stub(peer.port())
        # The body's tag and length take five bytes.
        largest = LARGEST - 5
        assert len(echo.Say(Note(body=bytes(largest)), timeout=LIMIT).body) == largest
        fails(lambda: echo.Say(Note(body=bytes(largest + 1)), timeout=LIMIT), grpc.StatusCode.RESOURCE_EXHAUSTED)
        assert len(echo.Say(Note(text="size", number=largest), timeout=LIMIT).body) == largest
        call = lambda: echo.Say(Note(text="size", number=largest + 1), timeout=LIMIT)
        fails(call, grpc.StatusCode.RESOURCE_EXHAUSTED)
        assert echo.Say(Note(number=1), timeout=LIMIT).number == 1


def streams_of_100_mib():
    with serve() as peer:
        echo = stub(peer.port())
        notes = lambda: (Note(number=number, body=bytes(MIB)) for number in range(100))
        assert echo.Gather(notes(), timeout=LIMIT) == Count(messages=100, bytes=100 * MIB)
        replies = echo.Repeat(Note(number=100, body=bytes(MIB)), timeout=LIMIT)
        assert [(reply.number, len(reply.body)) for reply in replies] == [(number, MIB) for number in range(100)]
        replies = echo.Relay(notes(), timeout=LIMIT)
        assert [(reply.number, len(reply.body)) for reply in replies] == [(number, MIB) for number in range(100)]


def keepalive_pings_do_no_harm():
    with serve() as peer:
        counter = PingCounter(peer.port(), from_client=True)
        often = [("grpc.keepalive_time_ms", 100), ("grpc.http2.max_pings_without_data", 0)]
        echo = stub(counter.port, options=often)
        before = echo.Say(Note(text="port"), timeout=LIMIT).number
        call = echo.Say.future(Note(text="wait"), timeout=LIMIT)
        peer.expect("waiting")
        end = time.monotonic() + LIMIT
        while counter.pings < 4 and time.monotonic() < end:
            time.sleep(0.01)
        assert counter.pings >= 4, f"only {counter.pings} pings came"
        assert not call.done(), call
        assert echo.Say(Note(text="port"), timeout=LIMIT).number == before, "it is another connection"
        call.cancel()


def graceful_shutdown():
    with serve() as peer:
        port = peer.port()
        echo = stub(port)
        go_on = Requests()
        call = echo.Relay(iter(go_on), timeout=LIMIT)
        go_on.put(Note(number=1))
        assert next(call).number == 1
        peer.say("shutdown 30000")
        # The port is closed by now or in a moment.
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            try:
                stub(port, options=[("grpc.use_local_subchannel_pool", 1)]).Say(Note(), timeout=LIMIT)
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.UNAVAILABLE, error
                break
        else:
            raise AssertionError("the server takes calls")
        go_on.put(Note(number=2))
        assert next(call).number == 2, "the running call goes on"
        go_on.close()
        assert list(call) == [] and call.code() == grpc.StatusCode.OK
        peer.expect("shut down: 1 drained, 0 cut, 0 stuck")


def wait_for_ready_reconnects():
    port = free_port()
    echo = stub(port, options=[("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 100)])
    for number in range(3):
        # A call that fails has seen that the connection of the round before is gone; the next one waits for a new one.
        fails(lambda: echo.Say(Note(number=1), timeout=LIMIT), grpc.StatusCode.UNAVAILABLE)
        call = echo.Say.future(Note(number=number), wait_for_ready=True, timeout=LIMIT)
        with serve(port=port) as peer:
            assert peer.port() == port
            assert call.result().number == number


def wait_until_killed():
    """Not a case: the client that one of them kills."""
    stub(int(PEER)).Say(Note(text="wait"), timeout=LIMIT)


def wait_until_the_deadline():
    """Not a case: the client of one of them."""
    fails(lambda: stub(int(PEER)).Say(Note(text="wait"), timeout=3), grpc.StatusCode.DEADLINE_EXCEEDED)


if __name__ == "__main__":
    # What hangs shows where, and ends.
    faulthandler.dump_traceback_later(2 * LIMIT - 20, exit=True)
    globals()[sys.argv[1]]()
