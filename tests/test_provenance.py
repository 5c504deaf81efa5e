"""What was made from what: nothing of one model is taken for another's."""

import pytest

from dwindle.checkpoint import Checkpoint
from dwindle.errors import UserError
from dwindle.export.provenance import chosen_checkpoint, files_of_another
from dwindle.files import write_json


def saved(path, seed: int, parent: str | None = None) -> str:
    return Checkpoint("words", ["a"], "student", "trained", {}, {}, seed, parent_sha256=parent).save(path)


def test_the_newest_stage_is_exported_as_long_as_it_was_made_from_the_student_beside_it(tmp_path):
    pruned, student = tmp_path / "pruned.pt", tmp_path / "student.pt"
    assert chosen_checkpoint(None, tmp_path) == student  # which is then said to be missing
    saved(pruned, 1, parent=saved(student, 0))
    assert chosen_checkpoint(None, tmp_path) == pruned
    saved(student, 2)  # trained again
    with pytest.raises(UserError, match=r"was not made from .*student\.pt: run prune"):
        chosen_checkpoint(None, tmp_path)
    assert chosen_checkpoint(str(pruned), tmp_path) == pruned  # who names it knows
    student.unlink()
    assert chosen_checkpoint(None, tmp_path) == pruned


def test_files_of_another_checkpoint_are_those_that_its_own_report_names(tmp_path):
    mine, other = {"sha256": "mine"}, {"sha256": "another's"}
    report = tmp_path / "export_results.json"
    assert files_of_another(mine, report) == set()
    write_json(report, {"checkpoint": other, "files": {"model.onnx": {}, "model.pt2": {}}})
    assert files_of_another(mine, report) == {"model.onnx", "model.pt2"}
    assert files_of_another(other, report) == set()
    write_json(report, {"checkpoint": other, "files": {"../student.pt": {}, "/model.onnx": {}, "model.onnx": {}}})
    assert files_of_another(mine, report) == {"model.onnx"}  # a report must not remove what lies elsewhere
    for foreign in ("", "[]", "{}", '{"checkpoint": 3, "files": 3}', "[" * 100_000):
        report.write_text(foreign)
        assert files_of_another(mine, report) == set()
