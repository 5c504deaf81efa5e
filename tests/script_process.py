"""A script in a process of its own that is forked from one that has imported torch: five seconds less for each."""

import multiprocessing
import os
import resource
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SERVER = multiprocessing.get_context("forkserver")
HEAVY = ["accelerate", "onnxruntime", "torch._dynamo", "torchaudio.transforms", "torch.export"]
SERVER.set_forkserver_preload([*HEAVY, "torch.distributed.launcher.api"])


def run_script(folder: Path, script: str, *arguments: object, timeout_s: float = 280) -> subprocess.CompletedProcess:
    """Run `python script arguments` in a folder to its end."""
    line = [str(ROOT / script), *map(str, arguments)]
    here = {"folder": folder, "file_limit": resource.getrlimit(resource.RLIMIT_FSIZE)}
    here["environment"] = os.environ | {"PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as place:
        said = [Path(place) / "stdout", Path(place) / "stderr"]
        process = SERVER.Process(target=_become, args=(line, said), kwargs=here)
        process.start()
        process.join(timeout_s)
        if process.is_alive():
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(line, timeout_s, *(path.read_bytes() for path in said))
        return subprocess.CompletedProcess(line, process.exitcode, *(path.read_text("utf-8") for path in said))


def _become(line: list[str], said: list[Path], folder: Path, environment: dict, file_limit: tuple[int, int]) -> None:
    for descriptor, path in enumerate(said, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    resource.setrlimit(resource.RLIMIT_FSIZE, file_limit)
    sys.argv, sys.path[0] = line, str(ROOT)
    runpy.run_path(line[0], run_name="__main__")
