"""Checkpoints: what one stage hands to the next, written whole, describing itself, never able to run code.

A file is safetensors: the weights, and in its header a description in JSON and the SHA-256 of both.
"""

import hashlib
import io
import json
import os
import shlex
import sys
import warnings
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from dwindle.errors import UserError
from dwindle.files import sha256_of, written_whole

FORMAT, FIRST_FORMAT = "dwindle-checkpoint-2", "dwindle-checkpoint-1"
SUM_MARK = b"\nsha256 "  # at the end of a state, before the sum of all that stands before it
ZIP = b"PK\x03\x04"  # how files of torch.save begin
LENGTH_BYTES = 8  # of the header's length, at the beginning of safetensors
KINDS = {
    **dict.fromkeys(("task", "role", "stage", "command"), str),
    **dict.fromkeys(("arguments", "weights", "metrics", "provenance"), dict),
    **dict.fromkeys(("labels", "corpora"), list),
    "seed": int,
    "parent_sha256": (str, type(None)),
}


def command_line() -> str:
    """How this program was called, without the folders of this machine: of an absolute path its last two names."""
    module = getattr(sys.modules["__main__"], "__spec__", None)  # of `python -m bench.people`
    script = ["-m", module.name.removesuffix(".__main__")] if module else [Path(sys.argv[0]).name]
    return shlex.join(["python", *script, *map(_without_folders, sys.argv[1:])])


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
        weights = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in self.weights.items()}
        said = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "weights"}
        description = json.dumps(said, ensure_ascii=False)
        header = {"format": FORMAT, "description": description, "sha256": sum_of(description, weights)}
        content = safetensors.torch.save(weights, header)
        with written_whole(path) as temporary:
            temporary.write_bytes(content)
        return sha256_of(path)


def load_checkpoint(path: str | os.PathLike, task: str | None = None) -> Checkpoint:
    """Read a checkpoint; a truncated, foreign or hostile file, or one of another task, gives one clear line."""
    content = _content(path)
    said = _of_first_release(path, content) if content.startswith(ZIP) else _described(path, content)
    try:
        checkpoint = Checkpoint(**{one.name: said[one.name] for one in fields(Checkpoint)})
    except KeyError as error:
        raise UserError(f"{path}: an incomplete checkpoint: {error.args[0]} is missing") from error
    for name, kind in KINDS.items():
        value = getattr(checkpoint, name)
        names = value if name in ("labels", "corpora", "arguments", "weights") and isinstance(value, kind) else ()
        if not isinstance(value, kind) or not all(isinstance(one, str) for one in names):
            raise UserError(f"{path}: not a checkpoint of this project: its {name} are of the wrong kind")
    for name, tensor in checkpoint.weights.items():
        if not isinstance(tensor, Tensor) or tensor.layout != torch.strided or tensor.is_quantized:
            raise UserError(f"{path}: not a checkpoint of this project: its weights {name!r} are no plain tensor")
        if not tensor.isfinite().all():
            raise UserError(f"{path}: its weights {name!r} hold what is no number: train it again, with a lower --lr")
    if task is not None and checkpoint.task != task:
        raise UserError(f"{path}: made for task {checkpoint.task!r}, not {task!r}: choose it with --task")
    return checkpoint


def sum_of(description: str, weights: dict[str, Tensor]) -> str:
    """The SHA-256 over all that a checkpoint says and holds."""
    digest = hashlib.sha256(description.encode())
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def save_tensors(path: str | os.PathLike, content: Any) -> None:
    """The state of a run, tensors and plain values, into a file, whole or not at all; its sum is at the end."""
    packed = io.BytesIO()  # torch's own writer hides a full disk behind an error of its own
    torch.save(content, packed)
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        file.write(packed.getbuffer())
        file.write(SUM_MARK + hashlib.sha256(packed.getbuffer()).hexdigest().encode())


def load_safely(path: str | os.PathLike) -> Any:
    """What save_tensors wrote, if it still is that; nothing in it is ever executed."""
    content, _, sha256 = _content(path).rpartition(SUM_MARK)
    if hashlib.sha256(content).hexdigest().encode() != sha256:
        raise UserError(f"{path}: damaged: begin anew with --fresh")
    return _unpacked(path, content)


def _content(path: str | os.PathLike) -> bytes:
    if not Path(path).is_file():
        raise UserError(f"{path}: no such checkpoint: run the stage that makes it first")
    return Path(path).read_bytes()


def _described(path: str | os.PathLike, content: bytes) -> dict[str, Any]:
    """The fields of a checkpoint in safetensors, its sum compared."""
    try:
        weights = safetensors.torch.load(content)
        header = json.loads(content[LENGTH_BYTES:][: int.from_bytes(content[:LENGTH_BYTES], "little")])
        said = header["__metadata__"]
        if said["format"] != FORMAT:
            raise UserError(f"{path}: not a checkpoint of this project: of format {said['format']!r}")
        if said["sha256"] != sum_of(said["description"], weights):
            raise UserError(f"{path}: damaged: its content is not what its checksum says; make it again")
        return {**json.loads(said["description"]), "weights": weights}
    except (SafetensorError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise UserError(f"{path}: damaged, or not a checkpoint of this project") from error


def _of_first_release(path: str | os.PathLike, content: bytes) -> dict[str, Any]:
    """The fields of a checkpoint that torch.save wrote, which has no sum."""
    said = _unpacked(path, content)
    if not isinstance(said, dict) or said.get("format") != FIRST_FORMAT:
        raise UserError(f"{path}: not a checkpoint of this project")
    return {"provenance": {"held_out_speaker": said.get("held_out_speaker")}, **said}


def _unpacked(path: str | os.PathLike, content: bytes) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch wonders aloud at foreign files; the line below says enough
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a stranger's bytes can make the parser fail in any way
        raise UserError(f"{path}: damaged, or not a checkpoint of this project") from error


def fingerprint(network: nn.Module) -> str:
    """The same for the same weights, and for no others."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]
