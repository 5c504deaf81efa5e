"""An adversary's walk: damaged sound files, models and checkpoints, wrong command lines, and kills in mid-work.

    python -m bench.walk --sounds 200 --files 50 --commands 50 --kills 2

Fails on any traceback, hang, wrong exit code, damaged file taken for a whole one, or half a file left behind.
"""

import contextlib
import io
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import TimeoutError as FuturesTimeout
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

import soundfile
from tqdm import tqdm

from bench.kills import kill_stages
from dwindle import errors
from dwindle.checkpoint import load_checkpoint, load_safely, save_tensors
from dwindle.cli import FlagParser, whole_number
from dwindle.errors import UserError, quiet_sound_libraries
from dwindle.files import write_json
from dwindle.infer.speech.file_listener import FileListener, Settings
from dwindle.infer.speech.model import Recogniser
from dwindle.results import load_results

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "artifacts" / "model_int8.onnx"
LONGEST_S = 30  # for one case, on a busy machine
CHUNK = 50  # cases that one process is given; a crash loses no more
FORMATS = ("wav", "flac", "ogg", "aiff", "au", "mp3")
FAULTS = {  # what is added to a command line, and the exit code that must follow
    ("--no_such_flag",): 2,
    ("--output_dir", ""): 2,
    ("--seed", "-1"): 2,
    ("--epochs", "many"): 2,
    ("--task", "chess"): 2,
    ("--data_dir=",): 2,
    ("--teacher", "absent.pt"): 1,
    ("--student", "absent.pt"): 1,
    ("--checkpoint", "absent.pt"): 1,
    ("--model", "absent.onnx"): 1,
    ("--threads", "0"): 2,
    ("absent.wav",): 1,
}
SCRIPTS = {  # the faults that a script can see, by their first word, and flags that are right
    "train_distill": (
        ("--no_such_flag", "--output_dir", "--seed", "--epochs", "--task", "--data_dir=", "--teacher"),
        (
            ("--epochs", "3"),
            ("--lr", "0.01"),
            ("--width", "16"),
            ("--alpha", "0.5"),
            ("--patience", "0"),
            ("--resume",),
        ),
    ),
    "prune_and_quantize": (
        ("--no_such_flag", "--output_dir", "--task", "--data_dir=", "--student"),
        (("--steps", "2"), ("--target_sparsity", "0.5"), ("--one_shot",), ("--structured", "0.3"), ("--fresh",)),
    ),
    "export_models": (
        ("--no_such_flag", "--output_dir", "--task", "--data_dir=", "--checkpoint"),
        (("--float_only",), ("--benchmark",), ("--json",), ("--pt2",)),
    ),
    "model_student": (("--no_such_flag", "--seed", "--task", "--data_dir="), (("--width", "16"), ("--json",))),
    "infer": (
        ("--no_such_flag", "--model", "--threads", "absent.wav"),
        (("--isolated",), ("--threshold", "0.5"), ("--vad", "webrtc")),
    ),
}


def damaged(content: bytes, draw: random.Random) -> bytes:
    """Cut, changed in a few bytes (mostly of its head, which says what the rest is), repeated or filled up."""
    changed = bytearray(content)
    kind = draw.choice(("flip", "flip", "head", "head", "cut", "insert", "repeat"))
    if kind == "cut":
        return bytes(changed[: draw.randrange(len(changed))])
    if kind == "insert":
        at = draw.randrange(len(changed))
        return bytes(changed[:at]) + draw.randbytes(draw.randrange(1, 64)) + bytes(changed[at:])
    if kind == "repeat":
        first, last = sorted(draw.randrange(len(changed)) for _ in range(2))
        return bytes(changed) + bytes(changed[first:last])
    within = min(len(changed), 128) if kind == "head" else len(changed)
    for _ in range(draw.randrange(1, 9)):
        changed[draw.randrange(within)] ^= 1 << draw.randrange(8)
    return bytes(changed)


@cache
def listener() -> FileListener:
    return FileListener(Settings(MODEL, None, 1, vad="webrtc", isolated=False))


@cache
def whole_sounds() -> dict[str, bytes]:
    """The samples, in every format."""
    found = {}
    for number, path in enumerate(sorted((ROOT / "samples").glob("*.wav"))):
        for suffix in FORMATS:
            if suffix == "wav":
                found[f"{number}.wav"] = path.read_bytes()
                continue
            audio, rate = soundfile.read(path)
            content = io.BytesIO()
            soundfile.write(content, audio, rate, format=suffix.upper())
            found[f"{number}.{suffix}"] = content.getvalue()
    return found


def hear_damaged(number: int, seed: int, folder: str) -> str:
    """One damaged sound file: words, or one line."""
    draw = random.Random(f"{seed} sound {number}")
    name, content = draw.choice(list(whole_sounds().items()))
    path = Path(folder) / f"{number}-{name}"
    path.write_bytes(damaged(content, draw))
    with quiet_sound_libraries():
        row = listener().hear(str(path))
    path.unlink()
    if "error" not in row:
        return "heard"
    return "refused" if "\n" not in row["error"] else f"FAILED: two lines for {name}: {row['error']!r}"


@cache
def whole_files() -> dict[str, bytes]:
    """A model, checkpoints of both formats, a state, results."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkpoint = load_checkpoint(ROOT / "artifacts" / "student.pt")
        checkpoint.save(folder / "checkpoint.pt")
        save_tensors(folder / "state.pt", {"weights": checkpoint.weights, "progress": [1, 2]})
        write_json(folder / "results.json", load_results(ROOT / "artifacts" / "results.json"))
        made = {path.name: path.read_bytes() for path in folder.iterdir()}
    return {"model.onnx": MODEL.read_bytes(), "first.pt": (ROOT / "artifacts" / "student.pt").read_bytes(), **made}


READERS: dict[str, Callable[[Path], object]] = {
    "model.onnx": Recogniser,
    "first.pt": load_checkpoint,
    "checkpoint.pt": load_checkpoint,
    "state.pt": load_safely,
    "results.json": load_results,
}


def read_damaged(number: int, seed: int, folder: str) -> str:
    """One damaged file that a stage or the listener would read: read, or one line that names it."""
    draw = random.Random(f"{seed} file {number}")
    name, content = draw.choice(list(whole_files().items()))
    changed = damaged(content, draw)
    path = Path(folder) / f"{number}-{name}"
    path.write_bytes(changed)
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            READERS[name](path)
    except UserError as error:
        is_one = "\n" not in str(error) and str(path) in str(error) and not said.getvalue()
        return "refused" if is_one else f"FAILED: of {name} it says {str(error)!r} after {said.getvalue()!r}"
    finally:
        path.unlink()
    has_sum = name in ("checkpoint.pt", "state.pt") and changed != content
    return f"FAILED: {name} is damaged and was read" if has_sum else "read"


def say_wrongly(number: int, seed: int, folder: str) -> str:
    """One wrong command line: the right exit code, one line, and no file."""
    draw = random.Random(f"{seed} command {number}")
    script, (seen, right) = draw.choice(list(SCRIPTS.items()))
    fault, code = draw.choice([(words, code) for words, code in FAULTS.items() if words[0] in seen])
    words = [word for flag in draw.sample(right, draw.randrange(len(right))) for word in flag]
    elsewhere = Path(tempfile.mkdtemp(dir=folder))
    places = ["--output_dir", "out"] if script not in ("model_student", "infer") else []
    if fault[0] == "--model":
        words += [*fault, str(ROOT / "samples" / "one.wav")]
    else:
        words = [*places, *words, *fault] if draw.random() < 0.5 or fault[0] == "--output_dir" else [*fault, *words]
    if fault[0] != "--output_dir" and places and places[0] not in words:
        words += places
    sys.argv, main = [f"{script}.py", *words], import_module(script).main
    with contextlib.chdir(elsewhere), contextlib.redirect_stdout(io.StringIO()), heard_on_stderr() as said:
        try:
            errors.run(main)
        except SystemExit as ended:
            got = ended.code
    line = f"{' '.join(sys.argv)} -> {got}: {said}"
    if got != code or len(said) != 1:
        return f"FAILED: {line} where {code} and one line should come"
    left = [path.name for path in elsewhere.rglob("*") if path.is_file()]
    return f"FAILED: {line} left {left}" if left else f"exit {got}"


@contextmanager
def heard_on_stderr() -> Iterator[list[str]]:
    """The lines that this process writes there, whoever in it does."""
    lines: list[str] = []
    sys.stderr.flush()
    own, saved = sys.stderr, os.dup(2)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        os.dup2(file.fileno(), 2)
        sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8")
        try:
            yield lines
        finally:
            sys.stderr.close()
            sys.stderr = own
            os.dup2(saved, 2)
            os.close(saved)
            file.seek(0)
            lines += file.read().strip().splitlines()


def some(case: Callable[[int, int, str], str], numbers: range, seed: int, folder: str) -> list[str]:
    """A few cases in one process; what raises or takes too long has failed."""
    outcomes = []
    sys.path.insert(0, str(ROOT))
    for number in numbers:
        try:
            with time_limit():
                outcomes.append(case(number, seed, folder))
        except Exception as error:  # whatever it is, a person would have seen a traceback
            outcomes.append(f"FAILED: {case.__name__} {number}: {type(error).__name__}: {error}")
    return outcomes


@contextmanager
def time_limit() -> Iterator[None]:
    def hung(*_: object) -> None:
        raise TimeoutError(f"more than {LONGEST_S} s")

    before = signal.signal(signal.SIGALRM, hung)
    signal.alarm(LONGEST_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def walk(case: Callable[[int, int, str], str], count: int, seed: int) -> Counter[str]:
    """So many cases, in a process that may crash."""
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        pool = ProcessPoolExecutor(1, get_context("spawn"))
        for first in tqdm(range(0, count, CHUNK), desc=case.__name__, unit_scale=CHUNK, unit="case"):
            numbers = range(first, min(count, first + CHUNK))
            try:
                outcomes.update(pool.submit(some, case, numbers, seed, folder).result(LONGEST_S * len(numbers)))
            except (BrokenProcessPool, FuturesTimeout) as error:
                outcomes[f"FAILED: {case.__name__}: a process ended or hung in {numbers}: {type(error).__name__}"] += 1
                pool.shutdown(wait=False, cancel_futures=True)
                pool = ProcessPoolExecutor(1, get_context("spawn"))
        pool.shutdown()
    return outcomes


def main() -> int:
    parser = FlagParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sounds", type=whole_number, default=10_000, help="damaged sound files")
    parser.add_argument("--files", type=whole_number, default=1_000, help="damaged models and checkpoints")
    parser.add_argument("--commands", type=whole_number, default=1_000, help="wrong command lines")
    parser.add_argument("--kills", type=whole_number, default=50, help="of the stages, shared by all of them")
    parser.add_argument("--seed", type=whole_number, default=0)
    asked = parser.parse_args()
    report, failed = {}, []
    cases = {"sounds": hear_damaged, "files": read_damaged, "commands": say_wrongly, "kills": None}
    for name, case in cases.items():
        count = getattr(asked, name)
        started = time.monotonic()
        outcomes = kill_stages(count, asked.seed) if case is None else walk(case, count, asked.seed)
        failed += [what for what in outcomes if what.startswith("FAILED")]
        counts = {what: times for what, times in sorted(outcomes.items()) if not what.startswith("FAILED")}
        report[name] = {"count": count, **counts, "minutes": round((time.monotonic() - started) / 60, 2)}
        print(f"{name}: {json.dumps(report[name])}", file=sys.stderr, flush=True)
    print("\n".join(failed[:20]), file=sys.stderr)
    print(json.dumps({"seed": asked.seed, "failed": len(failed), **report}))
    return 1 if failed else 0


if __name__ == "__main__":
    errors.run(main)
