"""Checkpoints: what one stage hands to the next, written whole, describing itself, never able to run code."""

import hashlib
import io
import os
import shlex
import sys
import warnings
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dwindle.errors import UserError
from dwindle.files import sha256_of, written_whole

FORMAT = "dwindle-checkpoint-1"
DICTIONARIES = ("arguments", "weights", "metrics", "provenance")


def command_line() -> str:
    """How this program was called, without the folders of this machine: of an absolute path its last two names."""
    return shlex.join(["python", Path(sys.argv[0]).name, *map(_without_folders, sys.argv[1:])])


def _without_folders(argument: str) -> str:
    flag, equals, value = argument.partition("=") if argument.startswith("-") else ("", "", argument)
    return flag + equals + ("/".join(Path(value).parts[-2:]) if Path(value).is_absolute() else value)


@dataclass
class Checkpoint:
    """A model at rest: enough to build it again and to know where it came from."""

    task: str
    labels: list[str]
    role: str  # "teacher" or "student"
    stage: str  # "trained", "pruned" …
    arguments: dict[str, Any]  # of the network's constructor
    weights: dict[str, Tensor]
    seed: int
    metrics: dict[str, Any] = field(default_factory=dict)
    corpora: list[str] = field(default_factory=list)
    command: str = field(default_factory=command_line)
    parent_sha256: str | None = None  # of the checkpoint that this one was made from
    provenance: dict[str, Any] = field(default_factory=dict)  # what the task must remember of its options

    def save(self, path: str | os.PathLike) -> str:
        """Write the file whole; returns its SHA-256."""
        content = {name: getattr(self, name) for name in (f.name for f in fields(self))}
        content["weights"] = {name: tensor.detach().cpu().contiguous() for name, tensor in self.weights.items()}
        save_tensors(path, {"format": FORMAT, **content})
        return sha256_of(path)


def load_checkpoint(path: str | os.PathLike, task: str | None = None) -> Checkpoint:
    """Read a checkpoint; a truncated, foreign or hostile file, or one of another task, gives one clear line."""
    content = load_safely(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UserError(f"{path}: not a checkpoint of this project")
    try:
        if "provenance" not in content:  # of the first release
            content["provenance"] = {"held_out_speaker": content.get("held_out_speaker")}
        checkpoint = Checkpoint(**{name: content[name] for name in (f.name for f in fields(Checkpoint))})
    except KeyError as error:
        raise UserError(f"{path}: an incomplete checkpoint: {error.args[0]} is missing") from error
    kinds = {"task": str, "labels": list, "corpora": list, **dict.fromkeys(DICTIONARIES, dict)}
    for name, kind in kinds.items():
        if not isinstance(getattr(checkpoint, name), kind):
            raise UserError(f"{path}: not a checkpoint of this project: its {name} are of the wrong kind")
    if task is not None and checkpoint.task != task:
        raise UserError(f"{path}: made for task {checkpoint.task!r}, not {task!r}: choose it with --task")
    return checkpoint


def save_tensors(path: str | os.PathLike, content: Any) -> None:
    """Tensors and plain values into a file, whole or not at all."""
    packed = io.BytesIO()  # torch's own writer hides a full disk behind an error of its own
    torch.save(content, packed)
    with written_whole(path) as temporary:
        temporary.write_bytes(packed.getbuffer())


def load_safely(path: str | os.PathLike) -> Any:
    """Tensors and plain values from a file; nothing in it is ever executed."""
    if not Path(path).is_file():
        raise UserError(f"{path}: no such checkpoint: run the stage that makes it first")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch wonders aloud at foreign files; the line below says enough
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a stranger's bytes can make the parser fail in any way
        raise UserError(f"{path}: damaged, or not a checkpoint of this project") from error


def fingerprint(network: nn.Module) -> str:
    """The same for the same weights, and for no others."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]
