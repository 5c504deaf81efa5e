"""What was made from what: files of different networks must not stand side by side as one model's."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dwindle.checkpoint import command_line, load_checkpoint
from dwindle.errors import UserError
from dwindle.export.onnx_file import metadata_of, read_onnx
from dwindle.files import sha256_of


def chosen_checkpoint(wanted: str | None, folder: Path) -> Path:
    """The one that was asked for, else the newest stage's, as long as it was made from the student beside it."""
    if wanted:
        return Path(wanted)
    pruned, student = folder / "pruned.pt", folder / "student.pt"
    if not pruned.is_file():
        return student
    if student.is_file() and load_checkpoint(pruned).parent_sha256 != sha256_of(student):
        raise UserError(
            f"{pruned}: was not made from {student}: run prune_and_quantize.py again, or name one of them: --checkpoint"
        )
    return pruned


def matching_quantised(wanted: str | None, checkpoint_path: Path) -> Path | None:
    """Stage 2's quantised file, which must have been made from this checkpoint."""
    path = Path(wanted) if wanted else checkpoint_path.parent / "quantized.onnx"
    if not wanted and not path.is_file():
        return None
    if metadata_of(read_onnx(path)).get("parent_sha256") != sha256_of(checkpoint_path):
        raise UserError(
            f"{path}: was not made from {checkpoint_path}: run prune_and_quantize.py again, or export with --float_only"
        )
    return path


def files_of_another(checkpoint: dict[str, Any], report: Path) -> set[str]:
    """What an earlier export of another checkpoint left, by its own report: whoever runs it takes it for this one's."""
    try:
        before = json.loads(report.read_text(encoding="utf-8"))
        names = set() if before["checkpoint"] == checkpoint else set(before["files"])
        return {name for name in names if Path(name).name == name}  # and nothing that lies elsewhere
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return set()


def made_before(
    rows: list[dict[str, Any]], folder: Path, student_path: Path, checkpoints: Iterable[str]
) -> list[dict[str, Any]]:
    """The rows that this very command has recorded, as long as all that it left is still there."""
    origin = (regardless(command_line()), sha256_of(student_path))
    mine = [row for row in rows if (regardless(row["command"]), row.get("parent_sha256")) == origin]
    shipped = folder / "quantized.onnx"
    is_there = shipped.is_file() and sha256_of(shipped) in {row["sha256"] for row in mine}
    paths = [folder / f"{name}.pt" for name in checkpoints]
    try:
        are_there = all(path.is_file() and load_checkpoint(path).parent_sha256 == origin[1] for path in paths)
    except UserError:  # a damaged one is made again
        are_there = False
    return mine if is_there and are_there else []


def regardless(command: str) -> str:
    """A command without what only says how to begin."""
    return command.replace(" --resume", "").replace(" --fresh", "")
