"""Checkpoints: whole, self-describing, and harmless whoever wrote them."""

import json
import os
import pickle
import random
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dwindle.checkpoint import FIRST_FORMAT, Checkpoint, load_checkpoint, load_safely, save_tensors, sum_of
from dwindle.errors import UserError
from dwindle.files import sha256_of

ROOT = Path(__file__).parents[1]


@pytest.fixture
def checkpoint() -> Checkpoint:
    return Checkpoint(
        task="spoken_digits",
        labels=["0", "1", "reject"],
        role="student",
        stage="trained",
        arguments={"classes": 3, "channels": 8},
        weights={"a.weight": torch.randn(4, 3).t(), "count": torch.tensor(7), "b": torch.nn.Parameter(torch.ones(2))},
        seed=3,
        metrics={"validation_accuracy": 0.5, "scores": {"fsdd_test": {"value": 0.5}}},
        corpora=["fsdd"],
        command="python train_distill.py --seed 3",
        parent_sha256="ab" * 32,
    )


@pytest.fixture
def saved(checkpoint, tmp_path) -> Path:
    checkpoint.save(tmp_path / "model.pt")
    return tmp_path / "model.pt"


@pytest.fixture
def first_format(checkpoint) -> dict:
    """What the first release wrote with torch.save."""
    return {"format": FIRST_FORMAT, **vars(checkpoint)}


def complaint(path: Path, task: str | None = None) -> str:
    with pytest.raises(UserError) as raised:
        load_checkpoint(path, task)
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith(f"{path}: ")
    return str(raised.value)


def test_what_is_saved_is_what_is_loaded(checkpoint, tmp_path):
    digest = checkpoint.save(tmp_path / "deep" / "model.pt")
    assert digest == sha256_of(tmp_path / "deep" / "model.pt")
    loaded = load_checkpoint(tmp_path / "deep" / "model.pt", "spoken_digits")
    assert replace(loaded, weights={}) == replace(checkpoint, weights={})
    assert {name: tensor.tolist() for name, tensor in loaded.weights.items()} == {
        name: tensor.tolist() for name, tensor in checkpoint.weights.items()
    }
    assert os.listdir(tmp_path / "deep") == ["model.pt"]


def test_the_command_that_made_it_names_no_folder_of_this_machine(monkeypatch):
    called = ["/home/me/dwindle/train_distill.py", "--lr", "0.1", "--start_from", "/home/me/runs/a/student.pt"]
    called += ["--output_dir=/home/me/runs/b", "--alpha=0.5"]
    monkeypatch.setattr("sys.argv", called)
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)  # as of a script
    made = Checkpoint("t", [], "student", "trained", {}, {}, 0)
    assert made.command == "python train_distill.py --lr 0.1 --start_from a/student.pt --output_dir=runs/b --alpha=0.5"


def test_another_task_absence_and_foreign_files(saved, tmp_path):
    assert "made for task 'spoken_digits', not 'mnist'" in complaint(saved, "mnist")
    assert "no such checkpoint" in complaint(tmp_path / "absent.pt")
    assert "no such checkpoint" in complaint(tmp_path)
    for number, content in enumerate([b"", b"hello", b"PK\x03\x04", b"\x80\x02.", os.urandom(500), b"[1, 2]"]):
        (tmp_path / f"foreign{number}.pt").write_bytes(content)
        assert "damaged, or not a checkpoint" in complaint(tmp_path / f"foreign{number}.pt")
    for number, value in enumerate([[1, 2], {"weights": {}}, torch.zeros(3), {"format": "other"}, None]):
        torch.save(value, tmp_path / f"other{number}.pt")
        assert "not a checkpoint of this project" in complaint(tmp_path / f"other{number}.pt")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a.txt", "hello")
    assert "damaged" in complaint(tmp_path / "other.zip")
    safetensors.torch.save_file({"a": torch.zeros(3)}, tmp_path / "foreign.safetensors")
    assert "damaged, or not a checkpoint" in complaint(tmp_path / "foreign.safetensors")
    safetensors.torch.save_file({"a": torch.zeros(3)}, tmp_path / "other.safetensors", {"format": "pt"})
    assert "of format 'pt'" in complaint(tmp_path / "other.safetensors")


def test_other_programs_read_it_as_safetensors(checkpoint, saved):
    tensors = safetensors.torch.load_file(saved)
    assert {name: tensor.tolist() for name, tensor in tensors.items()} == {
        name: tensor.tolist() for name, tensor in checkpoint.weights.items()
    }
    with safetensors.safe_open(saved, "pt") as file:
        assert json.loads(file.metadata()["description"])["labels"] == checkpoint.labels


def test_a_checkpoint_of_the_first_release_is_read(checkpoint, first_format, tmp_path):
    del first_format["provenance"]
    torch.save(first_format | {"held_out_speaker": "theo"}, tmp_path / "first.pt")
    loaded = load_checkpoint(tmp_path / "first.pt", "spoken_digits")
    assert loaded.provenance == {"held_out_speaker": "theo"}
    assert replace(loaded, weights={}, provenance={}) == replace(checkpoint, weights={})
    released = load_checkpoint(Path(__file__).parents[1] / "artifacts" / "student.pt", "spoken_digits")
    assert len(released.labels) == 11


@pytest.mark.parametrize("field", ["weights", "labels", "parent_sha256"])
def test_an_incomplete_checkpoint_names_what_is_missing(first_format, tmp_path, field):
    del first_format[field]
    torch.save(first_format, tmp_path / "model.pt")
    assert f"an incomplete checkpoint: {field} is missing" in complaint(tmp_path / "model.pt")


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        *(("weights", wrong) for wrong in ([1], {1: torch.ones(2)}, {"a": "text"}, {"a": None})),
        *(("weights", {"a": wrong}) for wrong in (torch.eye(3).to_sparse(), [1.0])),
        *(("labels", wrong) for wrong in ("abc", None, [1, 2])),
        *(("corpora", wrong) for wrong in (None, "fsdd", [None], [["fsdd"]], {"fsdd": 1})),
        *(("arguments", wrong) for wrong in (3, {1: 2})),
        *((field, None) for field in ("task", "role", "stage", "command", "seed", "metrics", "provenance")),
        ("parent_sha256", 7),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(first_format, tmp_path, field, wrong):
    """A regression: corpora of None were found out after the whole training, weights of text in a traceback."""
    torch.save({**first_format, field: wrong}, tmp_path / "model.pt")
    assert f"its {field} " in complaint(tmp_path / "model.pt")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(checkpoint, first_format, tmp_path, value):
    checkpoint.weights["b"] = torch.tensor([1.0, value])
    checkpoint.save(tmp_path / "model.pt")
    assert "its weights 'b' hold what is no number" in complaint(tmp_path / "model.pt")
    torch.save(first_format | {"weights": checkpoint.weights}, tmp_path / "first.pt")
    assert "its weights 'b' hold what is no number" in complaint(tmp_path / "first.pt")


def test_a_description_nested_too_deeply_is_one_line(tmp_path):
    description, weights = "[" * 100_000, {"a": torch.zeros(1)}
    header = {"format": "dwindle-checkpoint-2", "description": description, "sha256": sum_of(description, weights)}
    safetensors.torch.save_file(weights, tmp_path / "deep.pt", header)
    assert "damaged" in complaint(tmp_path / "deep.pt")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.floats(0, 0.9999))
def test_a_truncated_checkpoint_is_one_line(saved, tmp_path, kept):
    content = saved.read_bytes()
    (tmp_path / "cut.pt").write_bytes(content[: int(len(content) * kept)])
    assert "damaged" in complaint(tmp_path / "cut.pt")


def test_a_truncated_checkpoint_of_the_first_release_names_its_file(first_format, tmp_path):
    """A regression: torch's "invalid argument" came through, without a name."""
    torch.save(first_format, tmp_path / "model.pt")
    content = (tmp_path / "model.pt").read_bytes()
    for kept in range(0, len(content), 97):
        (tmp_path / "cut.pt").write_bytes(content[:kept])
        assert "damaged" in complaint(tmp_path / "cut.pt")


def test_no_byte_of_a_checkpoint_may_change(saved, tmp_path):
    """A regression: without a sum several were accepted and trained on."""
    content, draw = saved.read_bytes(), random.Random(0)
    for at in range(len(content)):
        changed = bytearray(content)
        changed[at] ^= 1 << draw.randrange(8)
        (tmp_path / "damaged.pt").write_bytes(changed)
        complaint(tmp_path / "damaged.pt")


def test_no_byte_of_a_state_may_change(tmp_path):
    save_tensors(tmp_path / "state.pt", {"weights": torch.randn(7), "progress": [1, 2]})
    assert load_safely(tmp_path / "state.pt")["progress"] == [1, 2]
    content = (tmp_path / "state.pt").read_bytes()
    for at in range(len(content)):
        for changed in (content[:at], content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :]):
            (tmp_path / "damaged.pt").write_bytes(changed)
            with pytest.raises(UserError, match=r"damaged\.pt: damaged: begin anew with --fresh"):
                load_safely(tmp_path / "damaged.pt")


class Hostile:
    """Unpickled carelessly, it writes a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return os.system, (f"touch {self.trace}",)


@pytest.mark.parametrize("how", ["torch", "legacy torch", "pickle", "among the weights"])
def test_hostile_code_does_not_run(first_format, tmp_path, how):
    trace, path = tmp_path / "it_ran", tmp_path / "hostile.pt"
    content = first_format | {"weights": {"a": Hostile(trace)} if how == "among the weights" else Hostile(trace)}
    if how == "pickle":
        path.write_bytes(pickle.dumps(content["weights"]))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=how != "legacy torch")
    assert "damaged, or not a checkpoint" in complaint(path)
    assert not trace.exists()
    if how != "among the weights":
        torch.load(path, weights_only=False) if how != "pickle" else pickle.loads(path.read_bytes())
        assert trace.exists()  # the file was truly hostile


def test_a_hostile_state_does_not_run(tmp_path):
    save_tensors(tmp_path / "state.pt", {"weights": Hostile(tmp_path / "it_ran")})
    with pytest.raises(UserError, match="damaged"):
        load_safely(tmp_path / "state.pt")
    assert not (tmp_path / "it_ran").exists()


def test_saving_over_an_old_checkpoint_leaves_it_when_the_new_one_fails(checkpoint, saved):
    before = saved.read_bytes()
    checkpoint.metrics = {"open file": lambda: None}  # cannot be stored
    with pytest.raises(TypeError):
        checkpoint.save(saved)
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == ["model.pt"]


@pytest.mark.parametrize(("called", "said"), [(["-m", "tool"], "python -m tool"), (["tool.py"], "python tool.py")])
def test_the_recorded_command_is_the_one_that_was_given(called, said, tmp_path):
    (tmp_path / "tool.py").write_text("from dwindle.checkpoint import command_line\nprint(command_line())\n")
    place = {"cwd": tmp_path, "env": os.environ | {"PYTHONPATH": str(ROOT)}}
    done = subprocess.run([sys.executable, *called, "--file", "/a/b/c"], capture_output=True, text=True, **place)
    assert done.stdout == f"{said} --file b/c\n", done.stderr
