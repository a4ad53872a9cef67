"""Cases beyond the interoperability tests, grpcio as the server: `python to_grpcio.py CASE TOLD_PEER`, with the path of
our program told-peer. Ends with 0 when all was well."""

import faulthandler
import sys
import time

import grpc

from told_service import LIMIT, Echo, Peer, PingCounter, serve

PEER = sys.argv[2]


def call(case, port):
    return Peer(PEER, "call", case, f"127.0.0.1:{port}")


def passes(case, **options):
    server, port = serve(Echo(), **options)
    with call(case, port) as peer:
        peer.ends_well()
    server.stop(0).wait()


def deadline_is_propagated():
    passes("deadline_is_propagated")


def handler_ends(case):
    """Runs a case whose call is over before its handler has returned, and waits for the handler."""
    echo = Echo()
    server, port = serve(echo)
    with call(case, port) as peer:
        peer.expect("over")
        # The connection is still there: it is the call that has ended.
        assert echo.ended.get(timeout=LIMIT) is False, "the call still runs"
        peer.say("seen")
        peer.ends_well()
    server.stop(0).wait()


def deadline_ends_the_call():
    handler_ends("deadline_ends_the_call")


def cancellation():
    handler_ends("cancellation")


def rich_status():
    passes("rich_status")


def metadata():
    passes("metadata")


def large_metadata():
    passes("large_metadata")


def gzip():
    passes("gzip", left_compressed=True, compression=grpc.Compression.Gzip)
    passes("gzip_unseen", compression=grpc.Compression.Gzip)


def deflate():
    passes("deflate", left_compressed=True, compression=grpc.Compression.Deflate)
    passes("deflate_unseen", compression=grpc.Compression.Deflate)


def message_limits():
    passes("message_limits")


def streams_of_100_mib():
    passes("streams_of_100_mib")


def keepalive_pings():
    often = [("grpc.keepalive_time_ms", 100), ("grpc.http2.max_pings_without_data", 0)]
    server, port = serve(Echo(), options=often)
    counter = PingCounter(port, from_client=False)
    with call("keepalive_pings", counter.port) as peer:
        peer.expect("idle")
        end = time.monotonic() + LIMIT
        while counter.pings < 4 and time.monotonic() < end:
            time.sleep(0.01)
        assert counter.pings >= 4, f"only {counter.pings} pings came"
        peer.say("pinged")
        peer.ends_well()
    server.stop(0).wait()


def graceful_shutdown():
    server, port = serve(Echo())
    with call("graceful_shutdown", port) as peer:
        peer.expect("running")
        stopped = server.stop(LIMIT)
        peer.say("stopping")
        peer.ends_well()
        assert stopped.wait(LIMIT), "the server did not stop"


def reconnect():
    server, port = serve(Echo())
    with call("reconnect", port) as peer:
        peer.expect("connected")
        assert server.stop(0).wait(LIMIT), "the server did not stop"
        peer.say("stopped")
        peer.expect("away")
        server, again = serve(Echo(), port=port)
        assert again == port
        peer.say("back")
        peer.ends_well()
    server.stop(0).wait()


if __name__ == "__main__":
    # What hangs shows where, and ends.
    faulthandler.dump_traceback_later(2 * LIMIT - 20, exit=True)
    globals()[sys.argv[1]]()
