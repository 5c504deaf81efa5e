"""Training on several machines: two launchers that meet on loopback, as those of two machines meet on a network."""

import os
import random
import signal
import socket
import time
from pathlib import Path

import pytest
import torch
from script_process import ROOT, RunningScript, run_script
from tiny_corpus import QUICK, SHRINK, torchrun, write_fsdd

from dwindle.checkpoint import load_checkpoint
from dwindle.results import load_results

pytestmark = pytest.mark.timeout(900)  # on a busy machine; all of it takes a minute and a half on a quiet one
# how soon a node is missed, in seconds: far sooner than on a network
SOON = "last_call_timeout=8,keep_alive_interval=1,keep_alive_max_attempt=5,read_timeout=60"
EPOCHS = 4
TRAIN = ("--data_dir", "data", *QUICK, "--alpha", "0", "--epochs", EPOCHS, "--patience", "0", "--output_dir", "out")

EQUALITY = """
import sys
import torch
from torch import nn
from torch.utils.data import DataLoader
from dwindle.metrics import accuracy
from dwindle.task import PlainTask
from dwindle.train.accelerator import start_accelerator
from dwindle.train.distillation import KnowledgeDistillationLoss
from dwindle.train.recipe import Recipe
from dwindle.train.trainer import Trainer

class Largest(PlainTask):
    name, inputs, outputs = "largest", {"point": {0: "batch"}}, {"logits": {0: "batch"}}
    points = torch.randn(96, 5, generator=torch.Generator().manual_seed(0))

    def training_data(self):
        return "points"

    def training_batches(self, batch_size):
        data = [{"point": point, "target": point.argmax()} for point in self.points]
        return DataLoader(data, batch_size, shuffle=True, drop_last=True)

    def validate(self, engine):
        answers = engine({"point": self.points})["logits"].argmax(1)
        return accuracy(int((answers == self.points.argmax(1)).sum()), len(self.points))

torch.manual_seed(1)
model = nn.Sequential(nn.Linear(5, 32), nn.LayerNorm(32), nn.ReLU(), nn.Linear(32, 5))  # nothing drawn, no batch norm
recipe = Recipe(epochs=2, batch_size=24, learning_rate=0.01)
accelerator = start_accelerator("cpu", recipe.batch_size)
run = Trainer(Largest(), model, recipe, KnowledgeDistillationLoss(), accelerator)
gradients = []
run.optimizer.optimizer.register_step_pre_hook(
    lambda *_: gradients.append([parameter.grad.clone() for parameter in run.plain.parameters()])
)
run.train()
made = {"gradients": gradients, "weights": [parameter.detach() for parameter in run.plain.parameters()]}
torch.save(made, f"{sys.argv[1]}-{accelerator.process_index}")
"""


def node(folder: Path, port: int, *script: object, nodes: str = "2", restarts: int = 0) -> RunningScript:
    """One machine's launcher; the first to come at the port is where all meet."""
    (launcher, *_) = torchrun(2)
    meet = ("--nnodes", nodes, "--nproc_per_node", 1, "--max_restarts", restarts, "--rdzv_id", "test")
    meet += ("--rdzv_backend", "c10d", "--rdzv_endpoint", f"127.0.0.1:{port}", "--rdzv_conf", SOON)
    return RunningScript(folder, launcher, *meet, "--local_addr", "127.0.0.1", *script)


def two_nodes(folder: Path, *script: object, **how: object) -> tuple[RunningScript, RunningScript]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    first = node(folder, port, *script, **how)
    while first.is_running and not is_answered(port):  # else either may keep what both must know, and a test ends one
        time.sleep(0.02)
    return first, node(folder, port, *script, **how)


def is_answered(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def workers(machine: RunningScript) -> list[int]:
    """What its launcher has started of the training, if it has already met the other."""
    pid = machine.process.pid
    path = Path(f"/proc/{pid}/task/{pid}/children")
    children = path.read_text().split() if path.exists() else []
    lines = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    return [child for child, line in lines.items() if b"train_distill.py" in line]


def unplug(machine: RunningScript) -> None:
    """A machine goes without a word: launcher and worker at once."""
    left_behind = workers(machine)
    machine.kill()
    for worker in left_behind:
        os.kill(worker, signal.SIGKILL)


@pytest.fixture
def folder(tmp_path) -> Path:
    """What both machines see: a shared folder with data."""
    write_fsdd(tmp_path / "data")
    return tmp_path


def test_gradients_and_weights_are_those_of_one_process(tmp_path):
    (tmp_path / "script.py").write_text(EQUALITY)
    alone = run_script(tmp_path, tmp_path / "script.py", "alone")
    assert alone.returncode == 0, alone.stderr
    for machine in two_nodes(tmp_path, tmp_path / "script.py", "both"):
        done = machine.finished()
        assert done.returncode == 0, done.stderr
    one, first, second = (torch.load(tmp_path / name) for name in ("alone-0", "both-0", "both-1"))
    assert len(one["gradients"]) == 8  # two epochs of four batches
    for step, gradients in enumerate(one["gradients"]):
        assert all(gradient.any() for gradient in gradients)
        for other in (first, second):
            torch.testing.assert_close(other["gradients"][step], gradients, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(first["weights"], one["weights"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(second["weights"], first["weights"], rtol=0, atol=0)


@pytest.mark.slow(seconds=60)
def test_a_machine_is_lost_the_other_goes_on_and_both_shrink_what_came_of_it(folder):
    first, second = two_nodes(folder, ROOT / "train_distill.py", *TRAIN, nodes="1:2", restarts=3)
    give_up = time.monotonic() + 400
    both = (first, second)
    while not ("epoch   1/" in first.said[0] + second.said[0] and all(map(workers, both))):
        assert time.monotonic() < give_up
        assert first.is_running and second.is_running, first.said[1] + second.said[1]
        time.sleep(0.02)
    time.sleep(random.Random(time.time_ns()).uniform(0, 0.3))
    unplug(second)
    done = first.finished(600)
    assert done.returncode == 0, done.stderr
    assert "student: goes on after" in done.stdout  # alone, from where both were
    assert load_checkpoint(folder / "out/student.pt").metrics["epochs"] == EPOCHS

    shrink = (*SHRINK, "--output_dir", "out", "--steps", "1")
    for machine in two_nodes(folder, ROOT / "prune_and_quantize.py", *shrink):
        done = machine.finished(400)
        assert done.returncode == 0, done.stderr
    versions = {row["version"] for row in load_results(folder / "out/results.json")["rows"]}
    assert {"student alone", "pruned", "pruned_qat"} <= versions
