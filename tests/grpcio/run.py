"""Runs every case between Stolid and grpcio: `python run.py FOLDER [WORD]`, with Stolid's programs in FOLDER.

Both sides are processes of their own. Prints a line for each case and their count; ends with 1 when one failed.
"""

import contextlib
import os
import queue
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))

# How long a case may take, and a server to come up, seconds.
CASE_LIMIT, START_LIMIT = 120, 30

FROM_GRPCIO, TO_GRPCIO = "grpcio client, Stolid server", "Stolid client, grpcio server"

CASES = """
    empty_unary large_unary client_compressed_unary server_compressed_unary client_streaming client_compressed_streaming
    server_streaming server_compressed_streaming ping_pong empty_stream custom_metadata status_code_and_message
    special_status_message unimplemented_method unimplemented_service cancel_after_begin cancel_after_first_response
    timeout_on_sleeping_server concurrent_large_unary rpc_soak channel_soak
""".split()

# More than the interoperability tests ask for, one function of the program for each.
MORE_FROM_GRPCIO = """
    deadline_is_propagated deadline_ends_the_handler cancellation_is_seen_with_its_cause lost_client_is_seen_with_its_cause
    rich_status metadata large_metadata gzip deflate message_limits streams_of_100_mib keepalive_pings_do_no_harm
    graceful_shutdown wait_for_ready_reconnects
""".split()
MORE_TO_GRPCIO = """
    deadline_is_propagated deadline_ends_the_call cancellation rich_status metadata large_metadata gzip deflate
    message_limits streams_of_100_mib keepalive_pings graceful_shutdown reconnect
""".split()

# What grpcio's API cannot do. Nothing else is left out.
GAPS = {
    (FROM_GRPCIO, "client_compressed_streaming"): "compression is an argument of the whole call, not of a message",
}


@contextlib.contextmanager
def serving(command):
    """A server in a process of its own; gives its port. It ends with the block."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        lines = queue.Queue()
        threading.Thread(target=lambda: lines.put(process.stdout.readline()), daemon=True).start()
        line = lines.get(timeout=START_LIMIT)
        if not line.startswith("Listening on: "):
            raise SystemExit(f"{command[0]} said {line!r}")
        yield line.strip().rpartition(":")[2]
    finally:
        process.kill()
        process.wait()


class Tally:
    """Runs cases as processes and counts how they end."""

    def __init__(self, word):
        self._word = word
        self.passed, self.failed = 0, 0

    def run(self, direction, case, command):
        name = f"{direction}: {case}"
        if self._word not in name:
            return
        start = time.monotonic()
        try:
            ended = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=CASE_LIMIT
            )
            passed, output = ended.returncode == 0, ended.stdout + ended.stderr
        except subprocess.TimeoutExpired as error:
            passed, output = False, f"not finished after {CASE_LIMIT} s: {error.stdout} {error.stderr}\n"
        seconds = time.monotonic() - start
        print(f"{name}: {'passed' if passed else 'FAILED'} ({seconds:.1f} s)", flush=True)
        if passed:
            self.passed += 1
        else:
            self.failed += 1
            print(output, flush=True)


def run_cases(tally, direction, server, client):
    with serving([*server, "--port=0", "--use_tls=false"]) as port:
        for case in CASES:
            if gap := GAPS.get((direction, case)):
                print(f"{direction}: {case}: grpcio cannot: {gap}", flush=True)
                continue
            arguments = ["--server_host=localhost", f"--server_port={port}", f"--test_case={case}", "--use_tls=false"]
            tally.run(direction, case, [*client, *arguments])


def main():
    folder = sys.argv[1]
    tally = Tally(sys.argv[2] if len(sys.argv) > 2 else "")
    ours = lambda program: [os.path.join(folder, program)]
    theirs = lambda program: [sys.executable, os.path.join(HERE, program)]
    run_cases(tally, FROM_GRPCIO, ours("interop-server"), theirs("interop_client.py"))
    run_cases(tally, TO_GRPCIO, theirs("interop_server.py"), ours("interop-client"))
    for case in MORE_FROM_GRPCIO:
        tally.run(FROM_GRPCIO, case, [*theirs("from_grpcio.py"), case, *ours("told-peer")])
    for case in MORE_TO_GRPCIO:
        tally.run(TO_GRPCIO, case, [*theirs("to_grpcio.py"), case, *ours("told-peer")])
    print(f"{tally.passed} passed, {tally.failed} failed, 0 skipped")
    # A word that fits no case is a mistake, too.
    sys.exit(0 if tally.passed and not tally.failed else 1)


if __name__ == "__main__":
    main()
