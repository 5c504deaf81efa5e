"""Many files, by one process or by several that share them."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import Any

from tqdm import tqdm

from dwindle.errors import EXIT_FAILURE, UserError, signals_as_interruption
from dwindle.infer.speech.file_listener import FileListener, Settings
from dwindle.machine import usable_cores

PROGRESS_FROM = 20  # files; fewer are done before a bar is read
MOST_IN_A_CHUNK = 4  # files that a worker takes at once
PAYS_FROM_S = 3.0  # of time that workers must save: each needs about a second of a core to start


def answers(settings: Settings, paths: Sequence[str], workers: int) -> Iterator[dict[str, Any]]:
    """One row per file, in the order of the files, with a progress bar when there are many.

    This process begins; workers are started as soon as the time taken so far says that they save more than they cost.
    """
    listener = FileListener(settings)
    bar = {"total": len(paths), "unit": "file", "disable": len(paths) < PROGRESS_FROM or None, "leave": False}
    yield from tqdm(_rows(listener, settings, paths, min(workers, usable_cores())), **bar)


def _rows(listener: FileListener, settings: Settings, paths: Sequence[str], workers: int) -> Iterator[dict[str, Any]]:
    started = time.perf_counter()
    for done, path in enumerate(paths):
        if done and saved_s(time.perf_counter() - started, done, len(paths) - done, workers) > PAYS_FROM_S:
            yield from _shared(settings, paths[done:], workers)
            return
        yield listener.hear(path)


def saved_s(taken_s: float, done: int, left: int, workers: int) -> float:
    """The seconds that workers save over one process for the files left, if those take as long as the others did."""
    return taken_s / done * left * (1 - 1 / min(workers, left))


def _shared(settings: Settings, paths: Sequence[str], workers: int) -> Iterator[dict[str, Any]]:
    workers = min(workers, len(paths))
    spawn = multiprocessing.get_context("spawn")  # the engine's threads do not survive a fork
    pool = ProcessPoolExecutor(workers, spawn, _start_worker, (settings,))
    try:
        with signals_as_interruption():  # from the first worker on, as a signal would leave them behind
            chunk = max(1, min(MOST_IN_A_CHUNK, len(paths) // (4 * workers)))
            resource_tracker.ensure_running()  # it would let the signal through again
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # workers inherit it: Ctrl-C is for this process,
            try:
                rows = pool.map(_hear_in_worker, paths, chunksize=chunk)
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # which then hears what came meanwhile
            yield from rows
    except BrokenProcessPool as error:
        raise UserError("a worker was stopped from outside: try fewer --workers, or free some memory") from error
    finally:  # all done, or nobody waits for the rest
        for process in multiprocessing.active_children():
            process.terminate()
        pool.shutdown(cancel_futures=True)


_worker: FileListener


def _start_worker(settings: Settings) -> None:
    global _worker
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker = FileListener(settings)


def _end_with_parent() -> None:
    """A parent that was killed ends no one: without this its workers would wait for files for ever."""
    parent = multiprocessing.parent_process()
    if parent:
        wait([parent.sentinel])
        os._exit(EXIT_FAILURE)


def _hear_in_worker(path: str) -> dict[str, Any]:
    return _worker.hear(path)
