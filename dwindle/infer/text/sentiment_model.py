"""A sentiment model in ONNX Runtime: a text in, how it feels out."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dwindle.errors import UserError
from dwindle.infer.model_file import metadata_of, open_session, outputs_of
from dwindle.infer.text.review_tokenizer import unpacked, windows

LONGEST_TEXT = 20_000  # characters that are read; reviews are shorter, and a megabyte of anything else need not be
NEEDED = ("labels", "temperature", "threshold", "tokenizer")  # in the file's metadata
SENSE = "read"


@dataclass(frozen=True)
class Sentiment:
    """The answer for one text."""

    text: str  # as much of it as was read
    label: str
    confidence: float  # from a half to 1, true on held-out sentences
    unsure: bool  # below the threshold above which 95 of 100 held-out answers are right
    cut: bool  # there was more of it


class SentimentModel:
    """`SentimentModel(path).classify("a gripping film")`."""

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        self.session, said = open_session(Path(path), threads), metadata_of(Path(path))
        if said.get("sense") != SENSE or any(name not in said for name in NEEDED):
            raise UserError(f"{path}: not a sentiment model of this project: export one with export_models.py")
        self.tokenizer = unpacked(said["tokenizer"])
        try:
            self.labels: list[str] = json.loads(said["labels"])
            self.temperature, self.threshold = float(said["temperature"]), float(said["threshold"])
        except ValueError as error:
            raise UserError(f"{path}: what the model says of itself is damaged ({error})") from error

    def classify(self, text: str) -> Sentiment:
        """How a text feels; a long one is read in pieces, and each counts by its length."""
        if not text.strip():
            raise UserError("there is no text in it")
        read = text[:LONGEST_TEXT]
        pieces = windows(self.tokenizer, read)
        if len(pieces[0]) == 2:  # the two tokens that stand around every text
            raise UserError("there is no word in it")
        logits = np.average([self._logits(piece) for piece in pieces], axis=0, weights=[len(piece) for piece in pieces])
        scaled = np.exp((logits - logits.max()) / self.temperature)
        shares = scaled / scaled.sum()
        best = int(shares.argmax())
        confidence = float(shares[best])
        return Sentiment(read, self.labels[best], confidence, confidence < self.threshold, len(text) > LONGEST_TEXT)

    def _logits(self, tokens: Sequence[int]) -> np.ndarray:
        (logits,) = outputs_of(self.session, ["logits"], {"tokens": np.array([tokens], np.int64)})
        return logits[0].astype(np.float64)
