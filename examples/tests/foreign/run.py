"""Runs the examples against other people's gRPC: `python run.py FOLDER [WORD]`, with the example programs in FOLDER.

Every other Python file of this folder may register cases. Prints a line for each case and their count; ends with 1
when one failed.
"""

import contextlib
import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from registry import CASES

HERE = Path(__file__).resolve().parent

# How long a case may take, seconds.
CASE_LIMIT = 120


def load():
    for file in sorted(HERE.glob("*.py")):
        if file.name != Path(__file__).name:
            importlib.import_module(file.stem)


def end_of(command):
    """Whether a command ended well and what it printed; the processes it started end with it, even if it hangs."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=CASE_LIMIT)
        return process.returncode == 0, output
    except subprocess.TimeoutExpired:
        kill_group(process)
        output, _ = process.communicate()
        return False, f"{output}not finished after {CASE_LIMIT} s\n"
    finally:
        kill_group(process)


def kill_group(leader):
    # There may be nobody left.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)


def run(bins, word):
    passed = failed = 0
    for name in filter(lambda name: word in name, CASES):
        start = time.monotonic()
        well, output = end_of([sys.executable, __file__, bins, "--case", name])
        print(f"{name}: {'passed' if well else 'FAILED'} ({time.monotonic() - start:.1f} s)", flush=True)
        if well:
            passed += 1
        else:
            failed += 1
            print(output, flush=True)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    # A word that fits no case is a mistake, too.
    return 0 if passed and not failed else 1


def main():
    # When the time for all cases is over, the one that runs ends in an orderly way.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("interrupted"))
    load()
    match sys.argv[1:]:
        case [bins, "--case", name]:
            CASES[name](Path(bins).resolve())
        case [bins]:
            sys.exit(run(bins, ""))
        case [bins, word]:
            sys.exit(run(bins, word))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
