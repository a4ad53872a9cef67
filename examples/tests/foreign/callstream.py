"""The streaming server and its client."""

import json
import time
from pathlib import Path

import grpc

from programs import PATIENCE, buf_curl, channel, grpcio_server, grpcurl, run, serving
from proto import Proto
from registry import case

FILE = "bentoml/grpc/v1alpha1/service.proto"
METHOD = "bentoml.grpc.v1alpha1.BentoService/CallStream"
RESPONSES = [f"Response {i} for 'Ada'" for i in range(1, 6)]


@case
def a_grpcio_client_gets_every_response(bins: Path) -> None:
    proto = Proto(FILE)
    with serving(bins / "callstream-server") as server, channel(server) as opened:
        start = time.monotonic()
        responses = proto.stub(opened, "BentoService").CallStream(proto.Request(data="Ada"), timeout=PATIENCE)
        for number, (response, expected) in enumerate(zip(responses, RESPONSES, strict=True)):
            assert response.data == expected, response
            assert time.monotonic() - start >= number / 2, f"{expected} came too early"
        server.output.wait_for("CallStream finished.")


@case
def a_grpcio_client_that_cancels_ends_the_call(bins: Path) -> None:
    proto = Proto(FILE)
    with serving(bins / "callstream-server") as server, channel(server) as opened:
        stub = proto.stub(opened, "BentoService")
        cancelled = stub.CallStream(proto.Request(data="Ada"), timeout=PATIENCE)
        next(cancelled)
        cancelled.cancel()
        # All of another call takes longer than what was left of that one.
        assert len(list(stub.CallStream(proto.Request(data="Bob"), timeout=PATIENCE))) == 5
        lines = server.output.lines()
        assert sum("Ada" in line for line in lines) < 6, lines
        assert lines.count("CallStream finished.") == 1, lines


@case
def a_grpcio_server_serves_the_client(bins: Path) -> None:
    proto = Proto(FILE)

    class Servicer:
        def CallStream(self, request, context):
            for i in range(1, 6):
                yield proto.Response(data=f"Response {i} for '{request.data}'")

    with grpcio_server(proto.handler("BentoService", Servicer())) as port:
        ended = run(bins / "call-grpc-stream", "--port", port, "--data", "Ada")
    expected = [
        f"Connecting to gRPC server at localhost:{port}...",
        "Sending data: 'Ada' to CallStream...",
        "--- Streamed Responses ---",
        *RESPONSES,
        "------------------------",
        "Connection closed.",
    ]
    assert (ended.returncode, ended.stdout.splitlines(), ended.stderr) == (0, expected, ""), ended


@case
def a_grpcio_server_refuses_the_client(bins: Path) -> None:
    proto = Proto(FILE)

    class Servicer:
        def CallStream(self, request, context):
            yield proto.Response(data="one")
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "not for you")

    with grpcio_server(proto.handler("BentoService", Servicer())) as port:
        ended = run(bins / "call-grpc-stream", "--port", port)
    assert ended.returncode == 1, ended
    assert ended.stdout.endswith("\none\n------------------------\nConnection closed.\n"), ended
    assert ended.stderr == "An error occurred: PERMISSION_DENIED: not for you\n", ended


@case
def a_grpcio_server_without_the_service_is_told(bins: Path) -> None:
    with grpcio_server() as port:
        ended = run(bins / "call-grpc-stream", "--port", port)
    assert ended.returncode == 1 and ended.stderr.startswith("An error occurred: UNIMPLEMENTED: "), ended


@case
def grpcurl_gets_every_response(bins: Path) -> None:
    with serving(bins / "callstream-server") as server:
        assert_all(grpcurl(server.port, FILE, METHOD, '{"data": "Ada"}'))


@case
def buf_curl_gets_every_response(bins: Path) -> None:
    with serving(bins / "callstream-server") as server:
        assert_all(buf_curl(server.port, METHOD, '{"data": "Ada"}'))


def assert_all(ended):
    """Both tools print one JSON value after another."""
    assert ended.returncode == 0, ended
    decoder, rest, responses = json.JSONDecoder(), ended.stdout.strip(), []
    while rest:
        value, end = decoder.raw_decode(rest)
        responses.append(value["data"])
        rest = rest[end:].strip()
    assert responses == RESPONSES, ended
