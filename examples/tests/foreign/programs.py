"""Programs that a case starts: the examples, and other people's clients."""

import contextlib
import subprocess
import sys
import threading
from concurrent import futures
from pathlib import Path

import grpc

from proto import ROOT

# Nothing a case waits for takes longer, seconds, unless it never comes.
PATIENCE = 60


class Output:
    """What a program prints, read by a thread of its own so that its pipe is never full."""

    def __init__(self, stream):
        self._lines, self._ended, self._news = [], False, threading.Condition()
        threading.Thread(target=self._read, args=[stream], daemon=True).start()

    def _read(self, stream):
        for line in stream:
            with self._news:
                self._lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def lines(self):
        """Every line so far."""
        with self._news:
            return list(self._lines)

    def wait_for(self, wanted):
        """The first line that holds `wanted`, waited for."""
        with self._news:
            found = lambda: next((line for line in self._lines if wanted in line), None)
            self._news.wait_for(lambda: self._ended or found(), PATIENCE)
            line = found()
            assert line is not None, f"no {wanted!r} in {self._lines}"
            return line


class Program:
    """A program that runs; `output` is what it prints."""

    def __init__(self, path, *arguments):
        command = [path, *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.output = Output(self.process.stdout)
        self.port = None


@contextlib.contextmanager
def serving(path, *arguments):
    """An example server on a free port, `program.port`; it ends with the block."""
    program = Program(path, "--port", "0", *arguments)
    try:
        program.port = program.output.wait_for("Listening on: ").rpartition(":")[2].split()[0]
        yield program
    finally:
        program.process.kill()
        program.process.wait()


@contextlib.contextmanager
def channel(program):
    """grpcio's channel to an example server."""
    with grpc.insecure_channel(f"localhost:{program.port}") as opened:
        yield opened


@contextlib.contextmanager
def grpcio_server(*handlers):
    """grpcio's own server on a free port, which is the value; it ends with the block."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    server.add_generic_rpc_handlers(handlers)
    port = server.add_insecure_port("localhost:0")
    server.start()
    try:
        yield str(port)
    finally:
        server.stop(grace=None).wait()


def run(path, *arguments, text=""):
    """Runs a program to its end with `text` as its input; gives its `returncode`, `stdout` and `stderr`."""
    return subprocess.run([path, *arguments], input=text, capture_output=True, text=True, timeout=PATIENCE)


def grpcurl(port, proto, method, requests):
    """What grpcurl, made with grpc-go, does with JSON `requests` and a .proto file of the project."""
    files = ["-plaintext", "-import-path", ROOT, "-proto", proto]
    return run(_beside_python("grpcurl"), *files, "-d", "@", f"localhost:{port}", method, text=requests)


def buf_curl(port, method, requests):
    """What `buf curl`, made with connect-go, does with JSON `requests` and the .proto files of the project."""
    protocol = ["curl", "--http2-prior-knowledge", "--protocol", "grpc", "--schema", ROOT]
    url = f"http://localhost:{port}/{method}"
    return run(_beside_python("buf"), *protocol, "-d", "@-", url, text=requests)


def _beside_python(name):
    return Path(sys.executable).parent / name
