"""The greeter, in all four kinds."""

from pathlib import Path

import grpc

from programs import PATIENCE, channel, grpcio_server, run, serving
from proto import Proto
from registry import case

FILE = "greeter/v1/greeter.proto"


@case
def a_grpcio_client_is_greeted_in_every_kind(bins: Path) -> None:
    proto = Proto(FILE)
    with serving(bins / "greeter-server") as server, channel(server) as opened:
        stub = proto.stub(opened, "Greeter")
        ada = proto.HelloRequest(name="Ada", language="de")
        names = [ada, proto.HelloRequest(name="Bob", language="fr"), proto.HelloRequest(name="Eve")]
        assert stub.SayHello(ada, timeout=PATIENCE).message == "Hallo, Ada!"
        replies = [reply.message for reply in stub.SayHelloStreamReply(ada, timeout=PATIENCE)]
        assert replies == [f"Hallo, Ada! ({n} of 3)" for n in (1, 2, 3)], replies
        reply = stub.SayHelloClientStream(iter(names), timeout=PATIENCE).message
        assert reply == "3 greetings: Hallo, Ada! Bonjour, Bob! Hello, Eve!", reply
        replies = [reply.message for reply in stub.SayHelloBidiStream(iter(names), timeout=PATIENCE)]
        assert replies == ["Hallo, Ada!", "Bonjour, Bob!", "Hello, Eve!"], replies


@case
def a_grpcio_client_is_refused_in_every_kind(bins: Path) -> None:
    proto = Proto(FILE)
    with serving(bins / "greeter-server") as server, channel(server) as opened:
        stub = proto.stub(opened, "Greeter")
        unknown = proto.HelloRequest(name="Ada", language="tlh")
        calls = [
            lambda: stub.SayHello(unknown, timeout=PATIENCE),
            lambda: list(stub.SayHelloStreamReply(unknown, timeout=PATIENCE)),
            lambda: stub.SayHelloClientStream(iter([unknown]), timeout=PATIENCE),
            lambda: list(stub.SayHelloBidiStream(iter([unknown]), timeout=PATIENCE)),
        ]
        for call in calls:
            try:
                raise AssertionError(call())
            except grpc.RpcError as error:
                told = (error.code(), error.details())
            expected = 'unknown language "tlh", please use en, de or fr'
            assert told == (grpc.StatusCode.INVALID_ARGUMENT, expected), told


class Servicer:
    """The greeter as grpcio's users write it."""

    def __init__(self, proto):
        self._reply = lambda request: proto.HelloReply(message=f"Servus, {request.name}!")

    def SayHello(self, request, context):
        if request.language != "de":
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "only German is spoken here")
        return self._reply(request)

    def SayHelloStreamReply(self, request, context):
        yield self._reply(request)
        yield self._reply(request)

    def SayHelloClientStream(self, requests, context):
        *_, last = requests
        return self._reply(last)

    def SayHelloBidiStream(self, requests, context):
        yield from map(self._reply, requests)


@case
def a_grpcio_server_greets_the_client(bins: Path) -> None:
    proto = Proto(FILE)
    with grpcio_server(proto.handler("Greeter", Servicer(proto))) as port:
        ended = run(bins / "greeter-client", "--port", port, "--language", "de", "Ada", "Bob")
    expected = [
        "SayHello: Servus, Ada!",
        "SayHello: Servus, Bob!",
        "SayHelloStreamReply: Servus, Ada!",
        "SayHelloStreamReply: Servus, Ada!",
        "SayHelloStreamReply: Servus, Bob!",
        "SayHelloStreamReply: Servus, Bob!",
        "SayHelloClientStream: Servus, Bob!",
        "SayHelloBidiStream: Servus, Ada!",
        "SayHelloBidiStream: Servus, Bob!",
    ]
    assert (ended.returncode, ended.stdout.splitlines(), ended.stderr) == (0, expected, ""), ended


@case
def a_grpcio_server_refuses_the_client(bins: Path) -> None:
    proto = Proto(FILE)
    with grpcio_server(proto.handler("Greeter", Servicer(proto))) as port:
        ended = run(bins / "greeter-client", "--port", port, "--language", "fr")
    assert (ended.returncode, ended.stdout) == (1, ""), ended
    assert ended.stderr == "greeter-client: INVALID_ARGUMENT: only German is spoken here\n", ended
