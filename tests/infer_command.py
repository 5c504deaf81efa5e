"""`infer.py` as a person runs it: a process of its own, with a tiny model that hears tones."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def infer(*arguments, stdin: bytes | None = None, **environment: str) -> subprocess.CompletedProcess:
    """Run it; standard output and error as text."""
    done = subprocess.run(
        [sys.executable, ROOT / "infer.py", *map(str, arguments)],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        timeout=120,
    )
    done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in done.stderr
    return done


def json_lines(done: subprocess.CompletedProcess) -> list[dict]:
    return [json.loads(line) for line in done.stdout.splitlines()]
