"""The service testing.v1.Echo on grpcio, told what to do by its notes as `tests/src/told` is; and what the cases of
both directions share."""

import queue
import socket
import subprocess
import threading
from concurrent import futures

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

import proto
from proto import message

Note = message("testing.v1.Note")
Count = message("testing.v1.Count")

SERVICE = "testing.v1.Echo"
MIB = 1 << 20

# How long anything may take, seconds.
LIMIT = 60


def failure():
    """The status of a call that is told to fail."""
    status = status_pb2.Status(code=code_pb2.FAILED_PRECONDITION, message="as told: grüße")
    info = error_details_pb2.ErrorInfo(reason="AS_TOLD", domain="testing.example", metadata={"attempt": "1"})
    violations = [error_details_pb2.BadRequest.FieldViolation(field="text", description="says fail")]
    for detail in (info, error_details_pb2.BadRequest(field_violations=violations)):
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


class Echo:
    """Takes its requests as messages or as `proto.Received`. `ended` gets an item for each call that was to wait and is
    over."""

    def __init__(self):
        self.ended = queue.Queue()

    def _watch(self, context):
        """An event that is set when the call is over."""
        over = threading.Event()

        def end():
            self.ended.put(context.is_active())
            over.set()

        if not context.add_callback(end):
            end()
        return over

    def Say(self, received, context):
        note = getattr(received, "message", received)
        match note.text:
            case "time left":
                note.number = int(context.time_remaining() * 1000)
            case "wait":
                self._watch(context).wait(LIMIT)
            case "fail":
                context.abort_with_status(rpc_status.to_status(failure()))
            case "metadata":
                answered = [tuple(pair) for pair in context.invocation_metadata() if pair.key.startswith("x-")]
                context.send_initial_metadata(answered)
                context.set_trailing_metadata(answered)
            case "size":
                return Note(body=bytes(note.number))
            case "compressed":
                note.number = int(received.compressed)
            case "port":
                note.number = int(context.peer().rpartition(":")[2])
        return note

    def Repeat(self, note, context):
        if note.text == "wait":
            # The library does not come back for more once the call is over.
            over = self._watch(context)
            yield note
            over.wait(LIMIT)
        else:
            for number in range(note.number):
                note.number = number
                yield note

    def Gather(self, notes, _context):
        count = Count()
        for note in notes:
            count.messages += 1
            count.bytes += len(note.body)
        return count

    def Relay(self, notes, _context):
        for note in notes:
            yield getattr(note, "message", note)


def serve(echo, port=0, left_compressed=False, options=(), **arguments):
    """A server in this process; gives it and its port."""
    options = [("grpc.so_reuseport", 0), *options, *(proto.LEAVE_COMPRESSED if left_compressed else [])]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), options=options, **arguments)
    server.add_generic_rpc_handlers([proto.handler(SERVICE, echo, left_compressed)])
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server, port


class Peer:
    """A program of ours; it is killed at the end of the block."""

    def __init__(self, *command):
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._lines = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        self._process.kill()
        self._process.wait()

    def expect(self, line):
        said = self._lines.get(timeout=LIMIT)
        assert said == line, f"the peer said {said!r}, not {line!r}"

    def port(self):
        said = self._lines.get(timeout=LIMIT)
        assert said.startswith("Listening on: "), said
        return int(said.rpartition(":")[2])

    def say(self, line):
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def ends_well(self):
        code = self._process.wait(LIMIT)
        assert code == 0, f"the peer ended with {code}"


class PingCounter:
    """A proxy that counts the pings of HTTP/2 that come from one side, without the answers."""

    def __init__(self, port, from_client):
        self._port, self._from_client = port, from_client
        self.pings = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self._listener.accept()
            server = socket.create_connection(("127.0.0.1", self._port))
            for pair in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source, sink, is_client):
        # A client begins with 24 bytes that are no frame.
        pending, skip = b"", 24 if is_client else 0
        while data := source.recv(65536):
            sink.sendall(data)
            if is_client != self._from_client:
                continue
            pending += data
            if skip and len(pending) >= skip:
                pending, skip = pending[skip:], 0
            while not skip and len(pending) >= 9 and len(pending) >= 9 + int.from_bytes(pending[:3], "big"):
                is_ping, is_answer = pending[3] == 6, pending[4] & 1
                self.pings += is_ping and not is_answer
                pending = pending[9 + int.from_bytes(pending[:3], "big") :]
        sink.close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
