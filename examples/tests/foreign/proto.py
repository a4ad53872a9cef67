"""A .proto file for grpcio: message classes, stubs, and handlers for a server.

They are made at run time from what protoc read: generated modules would be found by their path, and that of
`inference/v1/inference.proto` would be hidden by a file of cases called `inference.py`.
"""

import tempfile
from pathlib import Path

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[3] / "proto"


class Proto:
    """The file `name` below the folder `root`, by default the project's. Its messages are attributes: `proto.Item(id="1")`."""

    def __init__(self, name, root=ROOT):
        files = _read(name, root)
        self._pool = descriptor_pool.DescriptorPool()
        for file in files:
            self._pool.Add(file)
        file = self._pool.FindFileByName(name)
        self._package = file.package
        for message, descriptor in file.message_types_by_name.items():
            setattr(self, message, message_factory.GetMessageClass(descriptor))

    def stub(self, channel, service):
        """A callable for each method of the service, under its name in the file."""
        return _Stub(channel, self._pool.FindServiceByName(f"{self._package}.{service}"))

    def handler(self, service, servicer):
        """What a grpcio server needs to serve the methods of the service that `servicer` has."""
        descriptor = self._pool.FindServiceByName(f"{self._package}.{service}")
        handlers = {}
        for method in descriptor.methods:
            if behaviour := getattr(servicer, method.name, None):
                make = getattr(grpc, f"{_kind(method)}_rpc_method_handler")
                request = message_factory.GetMessageClass(method.input_type)
                response = message_factory.GetMessageClass(method.output_type)
                handlers[method.name] = make(behaviour, request.FromString, response.SerializeToString)
        return grpc.method_handlers_generic_handler(descriptor.full_name, handlers)


class _Stub:
    def __init__(self, channel, service):
        for method in service.methods:
            request = message_factory.GetMessageClass(method.input_type)
            response = message_factory.GetMessageClass(method.output_type)
            make = getattr(channel, _kind(method))
            path = f"/{service.full_name}/{method.name}"
            setattr(self, method.name, make(path, request.SerializeToString, response.FromString))


def _kind(method):
    sides = ("unary", "stream")
    return f"{sides[method.client_streaming]}_{sides[method.server_streaming]}"


def _read(name, root):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.bin"
        if protoc.main(["protoc", f"-I{root}", "--include_imports", f"--descriptor_set_out={path}", name]) != 0:
            raise ValueError(f"protoc does not take {name}")
        return descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes()).file
