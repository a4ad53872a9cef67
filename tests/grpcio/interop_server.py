"""The interoperability server on grpcio: `python interop_server.py --port=PORT`. Port 0 picks a free one."""

import argparse
import sys
import threading
import time
from concurrent import futures

import grpc

import proto
from proto import message

Empty = message("grpc.testing.Empty")
SimpleResponse = message("grpc.testing.SimpleResponse")
StreamingInputCallResponse = message("grpc.testing.StreamingInputCallResponse")
StreamingOutputCallResponse = message("grpc.testing.StreamingOutputCallResponse")

CODES = {code.value[0]: code for code in grpc.StatusCode}


def echo_metadata(context):
    metadata = context.invocation_metadata()
    headers = [pair for pair in metadata if pair.key == "x-grpc-test-echo-initial"]
    if headers:
        context.send_initial_metadata([tuple(pair) for pair in headers])
    trailers = [tuple(pair) for pair in metadata if pair.key == "x-grpc-test-echo-trailing-bin"]
    context.set_trailing_metadata(trailers)


def end_as_told(request, context):
    if request.response_status.code:
        context.abort(CODES[request.response_status.code], request.response_status.message)


def check_compressed(request, compressed, context):
    """Refuses a request that did not come as it says."""
    if request.HasField("expect_compressed") and request.expect_compressed.value != compressed:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"compressed: {compressed}")


def compress_next(wanted, context):
    if not wanted:
        context.disable_next_message_compression()


class TestService:
    """Without UnimplementedCall. All requests come as `proto.Received`."""

    def EmptyCall(self, _request, context):
        return Empty()

    def UnaryCall(self, received, context):
        request = received.message
        context.set_compression(grpc.Compression.Gzip)
        echo_metadata(context)
        check_compressed(request, received.compressed, context)
        end_as_told(request, context)
        compress_next(request.response_compressed.value, context)
        return SimpleResponse(payload={"body": bytes(request.response_size)})

    def StreamingInputCall(self, requests, context):
        size = 0
        for received in requests:
            check_compressed(received.message, received.compressed, context)
            size += len(received.message.payload.body)
        return StreamingInputCallResponse(aggregated_payload_size=size)

    def StreamingOutputCall(self, received, context):
        yield from self._respond(iter([received]), context)

    def FullDuplexCall(self, requests, context):
        yield from self._respond(requests, context)

    def HalfDuplexCall(self, requests, context):
        yield from self._respond(iter(list(requests)), context)

    def _respond(self, requests, context):
        context.set_compression(grpc.Compression.Gzip)
        echo_metadata(context)
        for received in requests:
            end_as_told(received.message, context)
            for asked in received.message.response_parameters:
                time.sleep(asked.interval_us / 1e6)
                compress_next(asked.compressed.value, context)
                yield StreamingOutputCallResponse(payload={"body": bytes(asked.size)})


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--use_tls", choices=["false"], default="false")
    port = parser.parse_args().port
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=32), options=proto.LEAVE_COMPRESSED)
    server.add_generic_rpc_handlers([proto.handler("grpc.testing.TestService", TestService(), left_compressed=True)])
    port = server.add_insecure_port(f"localhost:{port}")
    server.start()
    print(f"Listening on: localhost:{port}", flush=True)
    # It ends with its input, so that it never outlives who started it.
    threading.Thread(target=lambda: (sys.stdin.read(), server.stop(0)), daemon=True).start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
