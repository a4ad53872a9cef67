"""The interoperability client on grpcio:
`python interop_client.py --server_host=HOST --server_port=PORT --test_case=CASE[,CASE...]`.

Prints one line for each case; ends with 1 when one failed and with 2 when the command line is wrong.
"""

import argparse
import queue
import sys

import grpc

import proto
from proto import message

Empty = message("grpc.testing.Empty")
SimpleRequest = message("grpc.testing.SimpleRequest")
StreamingInputCallRequest = message("grpc.testing.StreamingInputCallRequest")
StreamingOutputCallRequest = message("grpc.testing.StreamingOutputCallRequest")

GZIP, PLAIN = grpc.Compression.Gzip, grpc.Compression.NoCompression

# How long a call may take whose case sets no time.
LIMIT = 60

INITIAL = ("x-grpc-test-echo-initial", "test_initial_metadata_value")
TRAILING = ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab")
TEXT = "test status message"
SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"


class Failed(Exception):
    """A call ended well and gave something else than it must."""


def check(right, wrong):
    if not right:
        raise Failed(wrong)


def check_zeros(payload, length):
    check(len(payload.body) == length, f"the payload has {len(payload.body)} bytes, not {length}")
    check(payload.body == bytes(length), "the payload is not all zeros")


def check_fails(call, code, details=None):
    try:
        call()
    except grpc.RpcError as error:
        check(error.code() == code, f"{error.code()}, not {code}: {error.details()}")
        check(details is None or error.details() == details, f"the message is {error.details()!r}")
    else:
        raise Failed(f"not {code}: it ended well")


def zeros(length):
    return {"body": bytes(length)}


def large(**more):
    return SimpleRequest(response_size=314159, payload=zeros(271828), **more)


class Requests:
    """Requests that go out when they are put in."""

    def __init__(self):
        self._queue = queue.Queue()

    def put(self, request):
        self._queue.put(request)

    def close(self):
        self._queue.put(None)

    def __iter__(self):
        return iter(self._queue.get, None)


class Cases:
    """One method for each case."""

    def __init__(self, target, soak_iterations):
        self._target = target
        self._soak_iterations = soak_iterations
        self._stub = proto.Stub(grpc.insecure_channel(target), "grpc.testing.TestService")
        # A channel of its own that shows which messages came compressed.
        raw = grpc.insecure_channel(target, options=proto.LEAVE_COMPRESSED)
        self._raw = proto.Stub(raw, "grpc.testing.TestService", left_compressed=True)

    def empty_unary(self):
        check(self._stub.EmptyCall(Empty(), timeout=LIMIT) == Empty(), "the response is not empty")

    def large_unary(self, stub=None):
        check_zeros((stub or self._stub).UnaryCall(large(), timeout=LIMIT).payload, 314159)

    def client_compressed_unary(self):
        call = self._stub.UnaryCall
        expecting, not_expecting = large(expect_compressed={"value": True}), large(expect_compressed={"value": False})
        probe = lambda: call(expecting, timeout=LIMIT, compression=PLAIN)
        check_fails(probe, grpc.StatusCode.INVALID_ARGUMENT)
        check_zeros(call(expecting, timeout=LIMIT, compression=GZIP).payload, 314159)
        check_zeros(call(not_expecting, timeout=LIMIT, compression=PLAIN).payload, 314159)

    def server_compressed_unary(self):
        for compressed in (True, False):
            received = self._raw.UnaryCall(large(response_compressed={"value": compressed}), timeout=LIMIT)
            check(received.compressed == compressed, f"compressed: {received.compressed}, not {compressed}")
            check_zeros(received.message.payload, 314159)

    def client_streaming(self):
        requests = [StreamingInputCallRequest(payload=zeros(size)) for size in (27182, 8, 1828, 45904)]
        size = self._stub.StreamingInputCall(iter(requests), timeout=LIMIT).aggregated_payload_size
        check(size == 74922, f"the size is {size}")

    def server_streaming(self):
        sizes = [31415, 9, 2653, 58979]
        request = StreamingOutputCallRequest(response_parameters=[{"size": size} for size in sizes])
        replies = list(self._stub.StreamingOutputCall(request, timeout=LIMIT))
        check(len(replies) == 4, f"{len(replies)} responses came")
        for reply, size in zip(replies, sizes):
            check_zeros(reply.payload, size)

    def server_compressed_streaming(self):
        sizes = [(31415, True), (92653, False)]
        parameters = [{"size": size, "compressed": {"value": compressed}} for size, compressed in sizes]
        request = StreamingOutputCallRequest(response_parameters=parameters)
        replies = list(self._raw.StreamingOutputCall(request, timeout=LIMIT))
        check(len(replies) == 2, f"{len(replies)} responses came")
        for received, (size, compressed) in zip(replies, sizes):
            check(received.compressed == compressed, f"compressed: {received.compressed}, not {compressed}")
            check_zeros(received.message.payload, size)

    def ping_pong(self):
        requests = Requests()
        replies = self._stub.FullDuplexCall(iter(requests), timeout=LIMIT)
        for size, payload in ((31415, 27182), (9, 8), (2653, 1828), (58979, 45904)):
            requests.put(StreamingOutputCallRequest(response_parameters=[{"size": size}], payload=zeros(payload)))
            check_zeros(next(replies).payload, size)
        requests.close()
        check(next(replies, None) is None, "one response too many came")

    def empty_stream(self):
        replies = list(self._stub.FullDuplexCall(iter([]), timeout=LIMIT))
        check(not replies, f"{len(replies)} responses came")

    def custom_metadata(self):
        metadata = [INITIAL, TRAILING]
        response, call = self._stub.UnaryCall.with_call(large(), timeout=LIMIT, metadata=metadata)
        check_zeros(response.payload, 314159)
        self._check_echoed(call)
        request = StreamingOutputCallRequest(response_parameters=[{"size": 314159}], payload=zeros(271828))
        call = self._stub.FullDuplexCall(iter([request]), timeout=LIMIT, metadata=metadata)
        (reply,) = list(call)
        check_zeros(reply.payload, 314159)
        self._check_echoed(call)

    def _check_echoed(self, call):
        headers = [tuple(pair) for pair in call.initial_metadata() if pair[0] == INITIAL[0]]
        trailers = [tuple(pair) for pair in call.trailing_metadata() if pair[0] == TRAILING[0]]
        check(headers == [INITIAL], f"the initial metadata is {headers}")
        check(trailers == [TRAILING], f"the trailing metadata is {trailers}")

    def status_code_and_message(self):
        status = {"code": 2, "message": TEXT}
        call = lambda: self._stub.UnaryCall(SimpleRequest(response_status=status), timeout=LIMIT)
        check_fails(call, grpc.StatusCode.UNKNOWN, TEXT)
        request = StreamingOutputCallRequest(response_status=status)
        call = lambda: list(self._stub.FullDuplexCall(iter([request]), timeout=LIMIT))
        check_fails(call, grpc.StatusCode.UNKNOWN, TEXT)

    def special_status_message(self):
        request = SimpleRequest(response_status={"code": 2, "message": SPECIAL})
        call = lambda: self._stub.UnaryCall(request, timeout=LIMIT)
        check_fails(call, grpc.StatusCode.UNKNOWN, SPECIAL)

    def unimplemented_method(self):
        call = lambda: self._stub.UnimplementedCall(Empty(), timeout=LIMIT)
        check_fails(call, grpc.StatusCode.UNIMPLEMENTED)

    def unimplemented_service(self):
        stub = proto.Stub(grpc.insecure_channel(self._target), "grpc.testing.UnimplementedService")
        call = lambda: stub.UnimplementedCall(Empty(), timeout=LIMIT)
        check_fails(call, grpc.StatusCode.UNIMPLEMENTED)

    def cancel_after_begin(self):
        requests = Requests()
        call = self._stub.StreamingInputCall.future(iter(requests), timeout=LIMIT)
        call.cancel()
        requests.close()
        check(call.cancelled() and call.code() == grpc.StatusCode.CANCELLED, f"it ended with {call.code()}")

    def cancel_after_first_response(self):
        requests = Requests()
        call = self._stub.FullDuplexCall(iter(requests), timeout=LIMIT)
        requests.put(StreamingOutputCallRequest(response_parameters=[{"size": 31415}], payload=zeros(27182)))
        check_zeros(next(call).payload, 31415)
        call.cancel()
        check_fails(lambda: next(call), grpc.StatusCode.CANCELLED)
        requests.close()

    def timeout_on_sleeping_server(self):
        requests = Requests()
        requests.put(StreamingOutputCallRequest(payload=zeros(27182)))
        call = lambda: list(self._stub.FullDuplexCall(iter(requests), timeout=0.001))
        check_fails(call, grpc.StatusCode.DEADLINE_EXCEEDED)
        requests.close()

    def concurrent_large_unary(self):
        calls = [self._stub.UnaryCall.future(large(), timeout=LIMIT) for _ in range(1000)]
        for call in calls:
            check_zeros(call.result().payload, 314159)

    def rpc_soak(self):
        for _ in range(self._soak_iterations):
            self.large_unary()

    def channel_soak(self):
        for _ in range(self._soak_iterations):
            # Channels with the same options share a connection unless they are told not to.
            with grpc.insecure_channel(self._target, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
                self.large_unary(proto.Stub(channel, "grpc.testing.TestService"))


NAMES = [name for name in vars(Cases) if not name.startswith("_")]


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--server_host", default="localhost")
    parser.add_argument("--server_port", type=int, required=True)
    parser.add_argument("--test_case", required=True)
    parser.add_argument("--use_tls", choices=["false"], default="false")
    parser.add_argument("--soak_iterations", type=int, default=10)
    arguments = parser.parse_args()
    names = arguments.test_case.split(",")
    if unknown := [name for name in names if name not in NAMES]:
        parser.error(f"there is no case {unknown[0]!r}; there are {', '.join(NAMES)}")
    cases = Cases(f"{arguments.server_host}:{arguments.server_port}", arguments.soak_iterations)
    failed = False
    for name in names:
        try:
            getattr(cases, name)()
            print(f"{name}: passed", flush=True)
        except grpc.RpcError as error:
            failed = True
            print(f"{name}: code={error.code().name} message={error.details()}", flush=True)
        except Failed as error:
            failed = True
            print(f"{name}: code=OK message={error}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
