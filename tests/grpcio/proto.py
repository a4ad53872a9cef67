"""The project's .proto files for Python: message classes, and stubs and handlers made of them.

The generated modules of the package `grpc.testing` would lie in a Python package `grpc` and hide grpcio's own, so the
messages are made at run time from what protoc read.
"""

import gzip
import os
import tempfile
import zlib
from typing import Any, NamedTuple

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

PROTO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "proto")
FILES = ["grpc/testing/empty.proto", "grpc/testing/messages.proto", "grpc/testing/test.proto", "testing/v1/echo.proto"]


def _read():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "set.bin")
        arguments = ["protoc", f"-I{PROTO}", "--include_imports", f"--descriptor_set_out={path}", *FILES]
        if protoc.main(arguments) != 0:
            raise SystemExit("protoc does not take the .proto files")
        with open(path, "rb") as file:
            files = descriptor_pb2.FileDescriptorSet.FromString(file.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return pool


POOL = _read()


def message(name):
    """The class of the message with this full name."""
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(name))


class Received(NamedTuple):
    """A message as it came, where the library was told to leave compressed ones as they are."""

    message: Any
    compressed: bool


# No message of these services begins with a field 3 of the group kind, nor with a field 15.
GZIP, ZLIB = b"\x1f\x8b", b"\x78"


def as_it_came(kind):
    """Parses a message and tells whether it came compressed."""

    def parse(data):
        if data.startswith(GZIP):
            return Received(kind.FromString(gzip.decompress(data)), True)
        if data.startswith(ZLIB):
            return Received(kind.FromString(zlib.decompress(data)), True)
        return Received(kind.FromString(data), False)

    return parse


# With this option the application sees compressed messages as they are on the wire.
LEAVE_COMPRESSED = [("grpc.per_message_decompression", 0)]


def _kind(method):
    sides = ("unary", "stream")
    return f"{sides[method.client_streaming]}_{sides[method.server_streaming]}"


class Stub:
    """A callable for each method of a service, under its name in the .proto file."""

    def __init__(self, channel, service, left_compressed=False):
        for method in POOL.FindServiceByName(service).methods:
            response = message_factory.GetMessageClass(method.output_type)
            make = getattr(channel, _kind(method))
            parse = as_it_came(response) if left_compressed else response.FromString
            serialize = message_factory.GetMessageClass(method.input_type).SerializeToString
            setattr(self, method.name, make(f"/{service}/{method.name}", serialize, parse))


def handler(service, servicer, left_compressed=False):
    """What a server needs to serve the methods that `servicer` has."""
    handlers = {}
    for method in POOL.FindServiceByName(service).methods:
        request = message_factory.GetMessageClass(method.input_type)
        parse = as_it_came(request) if left_compressed else request.FromString
        serialize = message_factory.GetMessageClass(method.output_type).SerializeToString
        if behaviour := getattr(servicer, method.name, None):
            make = getattr(grpc, f"{_kind(method)}_rpc_method_handler")
            handlers[method.name] = make(behaviour, parse, serialize)
    return grpc.method_handlers_generic_handler(service, handlers)
