"""Archives: more recordings than one machine hears, shared by the workers of a Ray cluster.

python infer.py --archive recordings/ --output answers/
RAY_ADDRESS=auto python infer.py --archive s3://calls/2026/ --output s3://answers/2026/
"""

import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
import ray.data
import ray.exceptions
from tqdm import tqdm

from dwindle.errors import UserError, signals_as_interruption
from dwindle.files import sha256_of
from dwindle.infer.speech.enrolled import words_beside
from dwindle.infer.speech.file_listener import FileListener, Settings
from dwindle.infer.speech.parts import Output
from dwindle.infer.speech.shards import PART_BYTES, Folder, Part, Reader, Work, first_line, work_in

PARTS_WAITING = 2  # at each worker: one is heard, the next is there already
MOST_READS = 10_000  # tasks that read; each reads its share of the work, a part at a time
LOG_EVERY_S = 60.0  # where progress goes to a file


@dataclass(frozen=True)
class Job:
    """What is to be heard, and where the answers go."""

    archive: str
    output: str
    as_parquet: bool
    batch_files: int  # in a part
    workers: int | None  # None: as many as the cluster has cores


class Listener:
    """One worker of the pool, with a model of its own: hears parts, and writes their answers."""

    def __init__(self, settings: Settings, model: bytes, words: bytes | None, job: Job):
        with tempfile.TemporaryDirectory() as folder:  # the machine may have no such files
            path = Path(folder) / "model.onnx"
            path.write_bytes(model)
            if words:
                words_beside(path).write_bytes(words)
            self._listener = FileListener(replace(settings, model=path, words=None))
        self._output = Output(job.output, job.as_parquet)
        self._shown = Folder(job.archive).shown

    def __call__(self, batch: pa.Table) -> pa.Table:
        """For Ray Data: rows of parts to a row for each that is written."""
        return pa.Table.from_pylist([self._heard(row) for row in batch.to_pylist()])

    def _heard(self, row: dict[str, Any]) -> dict[str, Any]:
        entries = zip(row["names"], row["contents"], row["errors"], strict=True)
        answers = [self._row(f"{self._shown}/{name}", content, error) for name, content, error in entries]
        part = Part(**json.loads(row["part"]))
        failed = self._output.write(part, row["names"], answers)
        told = {"files": len(answers), "bytes": sum(map(len, row["contents"])), "failed": json.dumps(failed)}
        return told | {"shard": part.shard or "", "is_last": part.is_last}

    def _row(self, name: str, content: bytes, error: str) -> dict[str, Any]:
        if error or not content:
            return {"file": name, "error": error or "the file is empty"}
        if "\0" in name:  # which a table may hold, and no file be called
            return {"file": name, "error": "a null byte in its name"}
        return self._listener.hear_bytes(name, content)


def hear_archive(settings: Settings, job: Job) -> dict[str, int]:
    """Hear what is not heard yet; returns how many files were heard now, before, and in vain."""
    archive, output = Folder(job.archive), Output(job.output, job.as_parquet)
    if f"{output.folder.identity}/".startswith(f"{archive.identity.rstrip('/')}/"):
        raise UserError(f"{output.folder.shown}: lies in the archive itself: choose another --output")
    FileListener(settings)  # what is wrong with the model is said before anything is written
    files = archive.listed()
    if not list(work_in(files, set(), {}, set(), job.batch_files)):
        raise UserError(f"{archive.shown}: no sound files, tar shards or Parquet tables there")
    done = output.begin(
        {
            "archive": archive.identity,
            "model": sha256_of(settings.model),
            "threshold": settings.threshold,
            "vad": settings.vad,
            "isolated": settings.isolated,
            "words": sha256_of(words) if (words := words_of(settings)) else None,
            "only_words": settings.only_words,
            "format": "Parquet" if job.as_parquet else "JSON lines",
            "batch_files": job.batch_files,
        }
    )
    work = list(work_in(files, done.heard, done.parts, done.whole, job.batch_files))
    heard, left = 0, {one.names[0]: one.size_bytes for one in work if one.is_shard}
    if work:
        with _cluster() as cores, _bar(work) as bar:
            for row in _rows(settings, job, work, cores):
                heard += row["files"]
                done.failed += json.loads(row["failed"])
                size = row["bytes"]
                if row["shard"]:  # its sounds may be larger than it is itself, packed
                    size = left[row["shard"]] if row["is_last"] else min(size, left[row["shard"]])
                    left[row["shard"]] -= size
                bar.set_postfix_str(f"{heard:,} files, {len(done.failed):,} failed", refresh=False)
                bar.update(size)
    output.list_failed(done.failed)
    return {"files": heard, "files_before": done.files, "files_failed": len(done.failed)}


def words_of(settings: Settings) -> Path | None:
    """The file of enrolled words that counts, if there is one."""
    path = settings.words or words_beside(settings.model)
    return path if path.is_file() else None


def _rows(settings: Settings, job: Job, work: Sequence[Work], cores: int) -> Iterator[dict[str, Any]]:
    """One for each part, as it is written."""
    workers = job.workers or cores
    items = [{"work": json.dumps(asdict(one))} for one in work]
    data = ray.data.from_items(items, override_num_blocks=min(len(items), MOST_READS))
    data = data.map_batches(
        Reader(job.archive, job.batch_files),
        batch_size=None,
        batch_format="pyarrow",
        num_cpus=0,  # it waits for disks and networks; with cores of its own it would take those of the workers
        memory=2 * PART_BYTES,
        compute=ray.data.TaskPoolStrategy(size=workers),
    )
    words = words_of(settings)
    model = settings.model.read_bytes(), words.read_bytes() if words else None
    data = data.map_batches(
        Listener,
        fn_constructor_args=(settings, *model, job),
        batch_size=1,
        batch_format="pyarrow",
        num_cpus=1,
        compute=ray.data.ActorPoolStrategy(
            min_size=1, max_size=workers, initial_size=workers, max_tasks_in_flight_per_actor=PARTS_WAITING
        ),
    )
    try:
        yield from data.iter_rows()
    except ray.exceptions.RayError as error:
        cause: BaseException = error
        while inner := getattr(cause, "cause", None) or cause.__cause__:  # what a worker met
            cause = inner
        raise UserError(f"the cluster gave up: {first_line(cause)}: the same command goes on from here") from error


@contextmanager
def _cluster() -> Iterator[int]:
    """The cluster that RAY_ADDRESS names, or one of this machine alone; gives the number of its cores."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody else learns what is heard here
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.target_max_block_size = 1  # each part is a block, and goes to the next free worker by itself
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:  # a start that fails has no class of its own
        raise UserError(f"no Ray cluster: {first_line(error)}") from error
    # Ray prints of each worker that died, also while it ends; others do its work, and standard output is for answers
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        try:
            with signals_as_interruption():
                yield int(ray.cluster_resources().get("CPU", 1))
        finally:
            ray.shutdown()


def _bar(work: Sequence[Work]) -> tqdm:
    """Bytes tell better than files how long the rest takes; in a file of log, a line a minute."""
    often_s, seldom_s = (0.5, 10.0) if sys.stderr.isatty() else (LOG_EVERY_S, LOG_EVERY_S)
    return tqdm(
        desc="archive",
        total=sum(one.size_bytes for one in work),
        unit="B",
        unit_scale=True,
        file=sys.stderr,
        smoothing=0.02,
        mininterval=often_s,
        maxinterval=seldom_s,
    )
