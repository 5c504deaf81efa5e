"""A released language model in ONNX Runtime: goes on from a text, or says how well it foresaw one."""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dwindle.errors import UsageError
from dwindle.infer.model_file import ModelError, open_session, outputs_of
from dwindle.infer.text.language_memory import Arrays, Memory, nats_of
from dwindle.infer.text.language_sampler import Sampler
from dwindle.infer.text.language_vocabulary import BEGINNING, Vocabulary


@dataclass(frozen=True)
class Foreseen:
    """How well a model foresaw a text, and which of its characters it does not know."""

    bits_per_character: float
    characters: int
    unknown: Mapping[str, int]  # how often each occurs; they count as one symbol

    @property
    def unknown_count(self) -> int:
        return sum(self.unknown.values())


class TextGenerator:
    """An exported language model.

    >>> "".join(TextGenerator("artifacts/language_model/model_int8.onnx").generate("ROMEO:", 100, seed=1))
    """

    def __init__(self, path: str | os.PathLike, threads: int = 1) -> None:
        self.path = Path(path)
        self._session = open_session(self.path, threads)
        metadata = self._session.get_modelmeta().custom_metadata_map
        try:
            self.vocabulary = Vocabulary(json.loads(metadata["labels"]))
            self.window = int(metadata["window"])
        except (KeyError, ValueError, TypeError) as error:
            raise ModelError(f"{self.path}: says no vocabulary or no window: export it again") from error
        self._shapes = {node.name: node.shape[1:] for node in self._session.get_inputs()}
        self._inputs = list(self._shapes)
        self._outputs = [node.name for node in self._session.get_outputs()]
        self._check()

    def generate(
        self,
        prompt: str = "",
        length: int = 300,
        temperature: float = 0.8,
        top_k: int | None = None,
        seed: int | None = None,
    ) -> Iterator[str]:
        """`length` characters that follow the prompt, each as soon as it is drawn; one seed, one text."""
        if length < 0:
            raise UsageError(f"a length is a whole number from 0, not {length}")
        sampler = Sampler(temperature, top_k, seed, self.vocabulary.unknown)
        return self._characters(prompt, length, sampler)

    def evaluate(self, text: str) -> Foreseen:
        """Bits per character of a text, each given all before it; any text that is not empty."""
        if not text:
            raise UsageError("an empty text has no bits per character")
        tokens = self.vocabulary.encode(text)
        nats = nats_of(self._memory(), tokens[None], self.window)
        unknown = Counter(one for one, token in zip(text, tokens, strict=True) if token == self.vocabulary.unknown)
        return Foreseen(float(nats.mean()) / float(np.log(2)), len(text), dict(unknown.most_common()))

    def unknown(self, text: str) -> list[str]:
        """The characters of a text that the model does not know, each once."""
        known = set(self.vocabulary.labels[:-1])
        return [character for character in dict.fromkeys(text) if character not in known]

    def _characters(self, prompt: str, length: int, sampler: Sampler) -> Iterator[str]:
        if not length:
            return
        memory, tokens = self._memory(), self.vocabulary.encode(prompt)
        for first in range(0, len(tokens), self.window):
            memory.read(tokens[None, first : first + self.window])
        for left in reversed(range(length)):
            token = sampler.draw(memory.following[0])
            yield self.vocabulary.labels[token]
            if left:
                memory.read(np.array([[token]]))

    def _memory(self) -> Memory:
        return Memory(self._run, self.vocabulary.encode(BEGINNING)[None], self.window)

    def _run(self, feed: Mapping[str, np.ndarray]) -> Arrays:
        whole = {name: feed[name] if name in feed else self._empty(name, len(feed["tokens"])) for name in self._inputs}
        return dict(zip(self._outputs, outputs_of(self._session, self._outputs, whole), strict=True))

    def _empty(self, name: str, texts: int) -> np.ndarray:
        return np.zeros((texts, *self._shapes[name]), np.float32)

    def _check(self) -> None:
        """One character is read: the network and what the file says of itself must belong together."""
        try:
            logits = self._memory().following
        except Exception as error:  # the runtime's own errors have no common class
            raise ModelError(f"{self.path}: not a language model that this version can run: export it again") from error
        if logits.shape != (1, len(self.vocabulary)):
            raise ModelError(f"{self.path}: its vocabulary and its network do not belong together: export it again")
