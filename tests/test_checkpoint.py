"""Checkpoints: whole, self-describing, and harmless whoever wrote them."""

import os
import pickle
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dwindle.checkpoint import FORMAT, Checkpoint, load_checkpoint, load_safely, save_tensors
from dwindle.errors import UserError
from dwindle.files import sha256_of


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


@pytest.mark.parametrize("field", ["weights", "labels", "parent_sha256"])
def test_an_incomplete_checkpoint_names_what_is_missing(saved, field):
    content = load_safely(saved)
    del content[field]
    save_tensors(saved, content)
    assert f"an incomplete checkpoint: {field} is missing" in complaint(saved)


@pytest.mark.parametrize(("field", "wrong"), [("weights", [1]), ("arguments", 3), ("labels", "abc"), ("task", None)])
def test_a_field_of_the_wrong_kind_is_named(saved, field, wrong):
    save_tensors(saved, {**load_safely(saved), field: wrong})
    assert field in complaint(saved)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.floats(0, 0.9999))
def test_a_truncated_checkpoint_is_one_line(saved, tmp_path, kept):
    content = saved.read_bytes()
    (tmp_path / "cut.pt").write_bytes(content[: int(len(content) * kept)])
    assert "damaged" in complaint(tmp_path / "cut.pt")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(0, 0.999999), st.integers(0, 255)), min_size=1, max_size=20))
def test_a_damaged_checkpoint_loads_or_is_one_line(saved, tmp_path, changes):
    content = bytearray(saved.read_bytes())
    for place, value in changes:
        content[int(place * len(content))] = value
    (tmp_path / "damaged.pt").write_bytes(content)
    try:
        load_checkpoint(tmp_path / "damaged.pt")
    except UserError as error:
        assert re.fullmatch(r"[^\n]+", str(error))


class Hostile:
    """Unpickled carelessly, it writes a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return os.system, (f"touch {self.trace}",)


@pytest.mark.parametrize("how", ["torch", "legacy torch", "pickle", "among the weights"])
def test_hostile_code_does_not_run(saved, tmp_path, how):
    trace, path = tmp_path / "it_ran", tmp_path / "hostile.pt"
    if how == "pickle":
        path.write_bytes(pickle.dumps({"format": FORMAT, "weights": Hostile(trace)}))
    else:
        content = {
            **load_safely(saved),
            "weights": {"a": Hostile(trace)} if how == "among the weights" else Hostile(trace),
        }
        torch.save(content, path, _use_new_zipfile_serialization=how != "legacy torch")
    assert "damaged, or not a checkpoint" in complaint(path)
    assert not trace.exists()
    if how != "among the weights":
        torch.load(path, weights_only=False) if how != "pickle" else pickle.loads(path.read_bytes())
        assert trace.exists()  # the file was truly hostile


def test_saving_over_an_old_checkpoint_leaves_it_when_the_new_one_fails(checkpoint, saved):
    before = saved.read_bytes()
    checkpoint.metrics = {"open file": lambda: None}  # cannot be stored
    with pytest.raises((pickle.PicklingError, AttributeError)):
        checkpoint.save(saved)
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == ["model.pt"]
