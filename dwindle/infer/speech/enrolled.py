"""Words that a person added to a model: where each lies among all that is said, and the plain file that keeps them."""

import base64
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dwindle.errors import UserError
from dwindle.files import sha256_of, write_json
from dwindle.infer.model_file import ModelError

FORMAT = "dwindle-words-1"


@dataclass(frozen=True)
class Crowd:
    """What a model's file says of the embeddings of all that is said: their mean, and axes along which they spread."""

    mean: np.ndarray
    axes: np.ndarray  # rows; along each of them all that is said spreads alike

    def direction(self, embedding: np.ndarray) -> np.ndarray:
        """From the middle of the crowd to an embedding, of length 1; zeros for the middle itself."""
        whitened = self.axes @ (embedding - self.mean)
        return whitened / max(float(np.linalg.norm(whitened)), 1e-9)


@dataclass(frozen=True)
class EnrolledWord:
    """A word's direction, how many recordings it is the mean of, and how alike a sound must be to be taken for it."""

    prototype: np.ndarray
    recordings: int
    least_similarity: float


@dataclass(frozen=True)
class Match:
    """The enrolled word that a sound is most like."""

    word: str
    similarity: float  # the cosine of the angle between the two directions
    least_similarity: float

    @property
    def is_close(self) -> bool:
        return self.similarity >= self.least_similarity


@dataclass(frozen=True)
class EnrolledWords:
    """All that were added to one model."""

    words: dict[str, EnrolledWord] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.words)

    def nearest(self, directions: Iterable[np.ndarray]) -> Match:
        """The word that any of these directions is most like, as far above its own least similarity as can be."""
        heard = np.stack(list(directions))
        matches = [
            Match(word, float((heard @ one.prototype).max()), one.least_similarity) for word, one in self.words.items()
        ]
        return max(matches, key=lambda match: match.similarity - match.least_similarity)

    def with_word(self, word: str, enrolled: EnrolledWord) -> "EnrolledWords":
        """One more; a word that was there is replaced."""
        return EnrolledWords({**self.words, word: enrolled})

    def without(self, word: str) -> "EnrolledWords":
        return EnrolledWords({name: one for name, one in self.words.items() if name != word})


def words_beside(model: Path) -> Path:
    """Where the words of a model are kept, unless they are told to be elsewhere."""
    return model.with_suffix(".words.json")


def read_crowd(path: Path, metadata: dict[str, str]) -> Crowd | None:
    """The crowd of a model's metadata; None for a file from before there was one."""
    if "crowd" not in metadata:
        return None
    try:
        said = json.loads(metadata["crowd"])
        mean, triangle = (np.frombuffer(base64.b64decode(said[name]), "<f2") for name in ("mean", "axes"))
        axes = np.zeros((len(mean), len(mean)), np.float32)
        axes[np.tril_indices(len(mean))] = triangle
        if not (len(mean) and np.isfinite(mean).all() and np.isfinite(triangle).all()):
            raise ValueError("not finite")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{path}: its crowd is not a mean and the axes around it: export it again") from error
    return Crowd(mean.astype(np.float32), axes)


def read_words(path: Path, model: Path, channels: int) -> EnrolledWords:
    """The words of a file that were enrolled with this model, whose embedding has so many channels."""
    damaged = f"{path}: not a file of enrolled words, or damaged: enrol the words again into another file"
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        if said["format"] != FORMAT:
            raise UserError(damaged)
        made_with = said["model_sha256"]
        words = {word: _word(one, channels) for word, one in said["words"].items() if made_with == sha256_of(model)}
    except FileNotFoundError:
        raise UserError(f"{path}: no such file of enrolled words: --enrol makes it") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(damaged) from error
    if said["words"] and not words:
        raise UserError(
            f"{path}: its words were enrolled with another model than {model}: delete it and enrol them again, or "
            "keep new ones elsewhere (--words FILE)"
        )
    return EnrolledWords(words)


def write_words(path: Path, model: Path, enrolled: EnrolledWords) -> None:
    """Keep them; a file without words is none."""
    if not enrolled:
        path.unlink(missing_ok=True)
        return
    words = {
        word: asdict(one) | {"prototype": [round(float(number), 5) for number in one.prototype]}
        for word, one in enrolled.words.items()
    }
    write_json(path, {"format": FORMAT, "model_sha256": sha256_of(model), "words": words})


def _word(said: dict[str, Any], channels: int) -> EnrolledWord:
    """One entry of a file; raises what read_words turns into one line."""
    prototype = np.array(said["prototype"], np.float32)
    recordings, least = int(said["recordings"]), float(said["least_similarity"])
    if prototype.shape != (channels,) or not np.isfinite(prototype).all() or not -1 <= least <= 1:
        raise ValueError("not a direction")
    if not math.isclose(float(np.linalg.norm(prototype)), 1.0, abs_tol=0.01):
        raise ValueError("not of length 1")
    return EnrolledWord(prototype, recordings, least)
