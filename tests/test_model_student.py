"""The table of models: the promised sizes, and that every engine was timed."""

import json

import pytest
from script_process import run_script

from dwindle.export.measure import parameters
from dwindle.tasks.speech.network import SpeechNet
from dwindle.tasks.speech.words import STUDENT, TEACHER


@pytest.mark.parametrize(("width", "most"), [(None, 85_000), (24, 20_000)])
def test_the_student_keeps_its_promised_size(width, most):
    arguments = {**STUDENT, **({"channels": width} if width else {})}
    assert parameters(SpeechNet(classes=11, **arguments)) <= most
    assert parameters(SpeechNet(classes=11, **TEACHER)) > 5 * parameters(SpeechNet(classes=11, **STUDENT))


@pytest.mark.slow
def test_the_script_times_teacher_and_student_in_every_engine(tmp_path):
    """Without any recordings: it only builds networks."""
    columns = {"parameters", "multiply_adds", "bytes", "eager_ms", "torchscript_ms", "onnx_ms"}
    smaller: set[str] = set()
    for _ in range(3):  # a time that other work on the machine has doubled is taken again
        done = run_script(tmp_path, "model_student.py", "--width", "24", "--json")
        assert done.returncode == 0, done.stderr
        teacher, student = json.loads(done.stdout)
        assert (teacher["model"], student["model"]) == ("teacher", "student")
        smaller |= {column for column in columns if 0 < student[column] < teacher[column]}
        if smaller == columns:
            break
    assert smaller == columns


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["transformer", "lstm"])
def test_a_network_with_a_state_is_timed_too(tmp_path, architecture):
    """A regression: it was run without its state."""
    (tmp_path / "verse.txt").write_text("one bottle of ink on the wall,\n" * 800)
    flags = ("--task", "language_model", "--text", "verse.txt", "--architecture", architecture, "--json")
    done = run_script(tmp_path, "model_student.py", *flags)
    assert done.returncode == 0, done.stderr
    assert all(row["onnx_ms"] > 0 for row in json.loads(done.stdout))


def test_a_width_that_is_none_is_a_usage_error(tmp_path):
    done = run_script(tmp_path, "model_student.py", "--width", "0")
    assert (done.returncode, "whole number" in done.stderr) == (2, True)
