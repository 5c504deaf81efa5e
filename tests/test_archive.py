"""Archives: a Ray cluster of two nodes, a store that speaks S3, workers and drivers that are killed."""

import contextlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from infer_command import ROOT, infer
from moto.server import ThreadedMotoServer
from pyarrow import fs
from ray.cluster_utils import Cluster
from tone_model import RATE, spoken, write_tone_model

from dwindle.errors import UserError
from dwindle.infer.speech.archive import Job, Listener, hear_archive
from dwindle.infer.speech.file_listener import Settings

NODE = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_log_monitor": False}
HEAD = NODE | {"include_dashboard": False, "no_monitor": True}
KEYS = {"AWS_ACCESS_KEY_ID": "anybody", "AWS_SECRET_ACCESS_KEY": "anything", "AWS_EC2_METADATA_DISABLED": "true"}
WORKER = b"ray::MapWorker(MapBatches(Listener))"
PATIENCE_S = 400


def sound(text: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, spoken(text), RATE, format="WAV")
    return file.getvalue()


def longer(number: int) -> str:
    """A quarter of a minute, so that workers are still at it when they are killed."""
    return f"{number:02}" * 14


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A model, and an archive of all that may be in one; `said` is what is said in each sound of it."""
    folder = tmp_path_factory.mktemp("archive")
    write_tone_model(folder / "tones.onnx")
    calls = folder / "calls"
    (calls / "2026" / "may").mkdir(parents=True)
    for number in range(12):
        (calls / f"2026/may/{number:02}.wav").write_bytes(sound(longer(number)))
    (calls / "notes.txt").write_text("no sound")
    (calls / "broken.flac").write_bytes(b"no sound either")
    (calls / "empty.wav").touch()
    with tarfile.open(calls / "old.tar.gz", "w:gz") as tar:
        for number in range(20, 25):
            for name, content in ((f"{number}.wav", sound(longer(number))), (f"{number}.json", b"{}")):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for number in range(30, 33):
            member = tarfile.TarInfo(f"{number}.wav")
            member.size = len(sound(f"{number}"))
            tar.addfile(member, io.BytesIO(sound(f"{number}")))
    (calls / "cut.tar").write_bytes(whole.getvalue()[: 1_024 + len(sound("30")) * 3 // 2])  # in the second
    rows = [{"audio": {"bytes": sound(f"{number}"), "path": f"{number}.wav"}, "label": 1} for number in range(40, 44)]
    pq.write_table(pa.Table.from_pylist(rows), calls / "table.parquet")
    return folder


def expected(archive: str) -> dict[str, str | None]:
    """What each file of the archive must be answered; None: an error."""
    answers: dict[str, str | None] = {f"{archive}/2026/may/{number:02}.wav": longer(number) for number in range(12)}
    answers |= {f"{archive}/old.tar.gz/{number}.wav": longer(number) for number in range(20, 25)}
    answers |= {f"{archive}/cut.tar/30.wav": "30", f"{archive}/cut.tar": None}
    answers |= {f"{archive}/table.parquet/{number}.wav": f"{number}" for number in range(40, 44)}
    return answers | {f"{archive}/broken.flac": None, f"{archive}/empty.wav": None}


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """An S3 server on this machine: the end of a URI that names a bucket of it."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"endpoint_override={host}:{port}&scheme=http&region=us-east-1"
    server.stop()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes of one core each, and not a process more than they need."""
    os.environ.update(KEYS | {"RAY_USAGE_STATS_ENABLED": "0"})
    for tries_left in (2, 1, 0):  # Ray gives its own processes 15 s to start, whatever else the machine does
        both = Cluster()
        try:
            both.add_node(**HEAD)
            both.add_node(**NODE)
            break
        except Exception:
            both.shutdown()
            if not tries_left:
                raise
    yield both
    both.shutdown()


def started(cluster: Cluster, place: Path, *arguments: object) -> subprocess.Popen:
    line = [sys.executable, ROOT / "infer.py", "--model", place / "tones.onnx", "--vad", "energy", "--json", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "RAY_ADDRESS": cluster.address}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(list(map(str, line)), env=environment, **pipes)


def finished(process: subprocess.Popen) -> dict[str, int]:
    stdout, stderr = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, stderr
    assert "Traceback" not in stderr
    assert stdout.startswith("{"), (stdout, stderr)
    return json.loads(stdout)


def wait_until(condition: Callable[[], object], process: subprocess.Popen) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)


def workers() -> list[int]:
    """Of the pool: the processes that hear."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # of one that has just ended
            if path.read_bytes().startswith(WORKER):
                found.append(int(path.parent.name))
    return found


def as_answers(rows: list[dict]) -> dict[str, str | None]:
    answers = {row["file"]: None if row.get("error") else row["text"] for row in rows}
    assert len(answers) == len(rows)  # nothing twice
    return answers


def lines_of(folder: Path) -> list[dict]:
    return [json.loads(line) for path in folder.glob("part-*.jsonl") for line in path.read_text().splitlines()]


@pytest.mark.slow(seconds=30)
@pytest.mark.timeout(900)  # on a busy machine
def test_a_store_is_heard_by_two_nodes_while_workers_are_killed(cluster, store, place):
    server, _ = fs.FileSystem.from_uri(f"s3://anybody:anything@calls/?{store}&allow_bucket_creation=true")
    for bucket in ("calls", "answers"):
        server.create_dir(bucket)
    fs.copy_files(str(place / "calls"), "calls", destination_filesystem=server)
    ways = ("--archive", f"s3://calls?{store}", "--output", f"s3://answers/a?{store}", "--parquet")

    def records() -> int:
        return len(server.get_file_info(fs.FileSelector("answers/a/_parts", allow_not_found=True)))

    process = started(cluster, place, *ways, "--batch_files", 2)
    wait_until(lambda: records() > 1, process)
    rng, killed = random.Random(time.time_ns()), 0
    for _ in range(2):
        time.sleep(rng.uniform(0, 1))
        running = workers()
        if running:
            os.kill(rng.choice(running), signal.SIGKILL)
            killed += 1
    assert killed and process.poll() is None
    heard = finished(process)
    table = pq.read_table("answers/a", filesystem=server)  # as anybody reads it: what begins with _ is passed over
    assert as_answers(table.to_pylist()) == expected("s3://calls")
    assert heard == {"files": table.num_rows, "files_before": 0, "files_failed": 3}
    with server.open_input_stream("answers/a/_failed.jsonl") as stream:
        failed = {row["file"]: row["error"] for row in map(json.loads, stream.read().splitlines())}
    assert failed["s3://calls/empty.wav"] == "the file is empty"
    assert failed["s3://calls/broken.flac"].startswith("not a sound file")
    assert failed["s3://calls/cut.tar"].startswith("damaged, or not to be read, after 1 sounds: ")


@pytest.mark.slow(seconds=30)
@pytest.mark.timeout(900)  # on a busy machine
def test_a_run_that_was_killed_goes_on_and_hears_no_file_twice(cluster, place, tmp_path):
    calls, output = place / "calls", tmp_path / "answers"
    ways = ("--archive", calls, "--output", output, "--batch_files", 2)
    process = started(cluster, place, *ways)
    wait_until(lambda: len(list(output.glob("_parts/*.json"))) > 3, process)
    process.kill()
    process.communicate()
    give_up = time.monotonic() + PATIENCE_S
    while workers():  # which the cluster ends
        assert time.monotonic() < give_up
        time.sleep(0.1)
    recorded = {path.stem for path in output.glob("_parts/*.json")} - {"run"}
    kept = {
        path: path.stat().st_mtime_ns for path in output.glob("part-*") if path.stem.removeprefix("part-") in recorded
    }
    assert 2 < len(kept) < 12
    (output / "part-0123456789abcdef.jsonl").write_text('{"file": "of no record"}\n')
    added = calls / "2026/may/12.wav"
    added.write_bytes(sound("12"))
    try:
        heard = finished(started(cluster, place, *ways))
        assert {path: path.stat().st_mtime_ns for path in kept} == kept
        rows = lines_of(output)
        assert as_answers(rows) == expected(str(calls)) | {str(added): "12"}
        assert heard["files"] + heard["files_before"] == len(rows)
        assert heard["files_before"] == sum(len(path.read_text().splitlines()) for path in kept)
        again = finished(started(cluster, place, *ways))
        assert again == {"files": 0, "files_before": len(rows), "files_failed": 3}
    finally:
        added.unlink()


def refusal(place: Path, archive: Path, output: Path | str) -> str:
    settings = Settings(place / "tones.onnx", None, 1, "energy", isolated=False)
    with pytest.raises(UserError) as refused:
        hear_archive(settings, Job(str(archive), str(output), False, 2, None))
    return str(refused.value)


def test_what_makes_no_sense_is_refused_before_a_cluster_is_asked_for(place, tmp_path):
    calls = place / "calls"
    assert refusal(place, calls, calls / "in").endswith("lies in the archive itself: choose another --output")
    (tmp_path / "link").symlink_to(calls)
    for other in (calls / "2026/../in", tmp_path / "link/in", os.path.relpath(calls / "in"), f"file://{calls}/in"):
        assert "lies in the archive itself" in refusal(place, calls, other)  # regressions: it would hear its answers
    assert "lies in the archive itself" in refusal(place, tmp_path / "link", calls / "in")
    (tmp_path / "link").unlink()
    (tmp_path / "mine.txt").write_text("mine")
    assert refusal(place, calls, tmp_path).endswith("holds other files already: choose an empty --output")
    (tmp_path / "begun/_parts").mkdir(parents=True)
    begun = {
        "archive": str(calls),
        "threshold": 0.4,
        "vad": "energy",
        "isolated": False,
        "batch_files": 2,
        "words": None,
        "only_words": False,
    }
    (tmp_path / "begun/_parts/run.json").write_text(json.dumps(begun | {"format": "JSON lines"}))
    assert "was begun with another model and threshold: choose" in refusal(place, calls, tmp_path / "begun")
    nothing = refusal(place, tmp_path / "nobody", tmp_path / "out")
    assert nothing.endswith("no sound files, tar shards or Parquet tables there")
    assert not (tmp_path / "out").exists()


def test_a_null_byte_in_a_name_of_a_table_costs_no_other_sound_its_answer(place, tmp_path):
    """A regression: the cluster gave up."""
    settings, job = Settings(place / "tones.onnx", None, 1, "energy", False), Job("a", str(tmp_path), False, 2, 1)
    listener = Listener(settings, settings.model.read_bytes(), None, job)
    part, names = json.dumps({"name": "0", "shard": "t"}), ["t/a.\0b", "t/b.wav"]
    table = pa.table({"part": [part], "names": [names], "contents": [[sound("12")] * 2], "errors": [["", ""]]})
    assert listener(table).to_pylist()[0]["files"] == 2
    assert [row.get("text") for row in lines_of(tmp_path)] == [None, "12"]


def infer_error(place: Path, *arguments: object, **environment: str) -> tuple[int, str]:
    done = infer("--model", place / "tones.onnx", "--vad", "energy", *arguments, **environment)
    assert done.stdout == ""
    return done.returncode, done.stderr.removeprefix("infer.py: ").strip()


def test_flags_that_need_each_other(place):
    assert infer_error(place, "--archive", place) == (2, "--archive URI and --output URI go together")


def test_a_missing_ray_is_one_line(place, tmp_path):
    (tmp_path / "ray.py").write_text("raise ModuleNotFoundError(\"No module named 'ray'\", name='ray')\n")
    ways = ("--archive", place / "calls", "--output", tmp_path / "out")
    code, said = infer_error(place, *ways, PYTHONPATH=str(tmp_path))
    assert (code, said) == (1, "ray cannot be imported (No module named 'ray'): pip install 'ray[data]>=2.60,<2.61'")


@pytest.mark.slow(seconds=30)
@pytest.mark.timeout(900)  # on a busy machine
def test_a_whole_node_is_lost_and_the_others_hear_what_it_had(cluster, place, tmp_path):
    output, third = tmp_path / "answers", cluster.add_node(**NODE)
    process = started(cluster, place, "--archive", place / "calls", "--output", output, "--batch_files", 1)
    wait_until(lambda: len(workers()) == 3 and list(output.glob("_parts/*.json")), process)
    cluster.remove_node(third, allow_graceful=False)
    assert process.poll() is None
    finished(process)
    assert as_answers(lines_of(output)) == expected(str(place / "calls"))
