"""What a teacher says of every training text: asked once, kept for all epochs and all students."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from dwindle.checkpoint import fingerprint, load_safely, save_tensors
from dwindle.errors import UserError
from dwindle.tasks.text.sentiment_batches import by_length

ASKED_AT_ONCE = 128


@dataclass(frozen=True)
class Answers:
    """Of each training text the logits and the state that they were read from."""

    logits: Tensor
    states: Tensor  # float16


def answers_of(teacher: nn.Module, tokens: Sequence[Sequence[int]], of: str, folder: Path | None) -> Answers:
    """The answers of an ensemble; `of` names the texts. Kept in a file of the folder, if one is given."""
    path = folder / f".answers-{fingerprint(teacher)}-{of}.pt" if folder else None
    if path is not None and path.is_file():
        return _kept(path, len(tokens))
    members = list(getattr(teacher, "members", [teacher]))
    device = next(teacher.parameters()).device
    logits, states = torch.zeros(len(tokens), 2), None
    total = -(-len(tokens) // ASKED_AT_ONCE)
    quiet = not sys.stderr.isatty()
    with torch.inference_mode():
        for rows, batch in tqdm(by_length(tokens, ASKED_AT_ONCE), "teacher", total, leave=False, disable=quiet):
            given = [member.features(batch.to(device)) for member in members]
            said, state = (torch.stack(part).mean(dim=0).float().cpu() for part in zip(*given, strict=True))
            states = torch.zeros(len(tokens), state.shape[1], dtype=torch.float16) if states is None else states
            logits[rows], states[rows] = said, state.half()
    if states is None:
        raise UserError("there is no training text to ask the teacher about")
    if path is not None:
        save_tensors(path, {"logits": logits, "states": states})
    return Answers(logits, states)


def _kept(path: Path, count: int) -> Answers:
    content = load_safely(path)
    if not isinstance(content, dict) or len(content.get("logits", ())) != count:
        raise UserError(f"{path}: damaged: remove it, and the teacher is asked again")
    return Answers(content["logits"], content["states"])
