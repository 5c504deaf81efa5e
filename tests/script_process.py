"""A script in a process of its own that is forked from one that has imported torch: five seconds less for each."""

import multiprocessing
import os
import resource
import runpy
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SERVER = multiprocessing.get_context("forkserver")
HEAVY = ["accelerate", "onnxruntime", "torch._dynamo", "torchaudio.transforms", "torch.export"]
SERVER.set_forkserver_preload([*HEAVY, "torch.distributed.run"])


def run_script(folder: Path, script: str, *arguments: object) -> subprocess.CompletedProcess:
    """Run `python script arguments` in a folder to its end."""
    return RunningScript(folder, script, *arguments).finished()


class RunningScript:
    """`python script arguments`, started in a folder."""

    def __init__(self, folder: Path, script: str, *arguments: object) -> None:
        self.line = [str(ROOT / script), *map(str, arguments)]
        here = {"folder": folder, "file_limit": resource.getrlimit(resource.RLIMIT_FSIZE)}
        here["environment"] = os.environ | {"PYTHONPATH": str(ROOT)}
        self._place = tempfile.TemporaryDirectory()
        self._said = [Path(self._place.name) / name for name in ("stdout", "stderr")]
        self.process = SERVER.Process(target=_become, args=(self.line, self._said), kwargs=here)
        self.process.start()

    @property
    def said(self) -> list[str]:
        """On stdout and stderr, so far."""
        return [path.read_text("utf-8") if path.exists() else "" for path in self._said]

    @property
    def is_running(self) -> bool:
        return self.process.is_alive()

    def kill(self) -> None:
        """End it as no program can prevent."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()
        assert self.process.exitcode == -signal.SIGKILL

    def finished(self, timeout_s: float = 280) -> subprocess.CompletedProcess:
        """Wait for its end."""
        self.process.join(timeout_s)
        if self.is_running:
            self.kill()
            raise subprocess.TimeoutExpired(self.line, timeout_s, *self.said)
        return subprocess.CompletedProcess(self.line, self.process.exitcode, *self.said)


def _become(line: list[str], said: list[Path], folder: Path, environment: dict, file_limit: tuple[int, int]) -> None:
    for descriptor, path in enumerate(said, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
    sys.stdout.reconfigure(line_buffering=True)  # who waits for a line reads it when it is said
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    resource.setrlimit(resource.RLIMIT_FSIZE, file_limit)
    sys.argv, sys.path[0] = line, str(ROOT)
    runpy.run_path(line[0], run_name="__main__")
