"""Which pieces of words a model knows: those of a pretrained vocabulary that are used, or ones learnt from text."""

import json
import string
from collections import Counter
from collections.abc import Iterable

from tokenizers import Tokenizer, trainers

from dwindle.errors import UsageError
from dwindle.infer.text.review_tokenizer import SPECIAL, contractions_apart, pieces_of, wordpiece

LETTERS = string.ascii_lowercase + string.digits
OFTEN = 4  # times that a piece must occur in the training text to be kept for its sake
MASK = "[MASK]"


def prepared(tokenizer: Tokenizer) -> Tokenizer:
    """A pretrained tokenizer for this data: a WordPiece one takes contractions apart, as SST-2 does."""
    if is_wordpiece(tokenizer):
        tokenizer.normalizer = contractions_apart(tokenizer.normalizer)
    return tokenizer


def pruned(tokenizer: Tokenizer, texts: Iterable[str], size: int) -> Tokenizer:
    """A WordPiece tokenizer with `size` pieces of one: those that the texts use, then the most frequent of all.

    Pretrained vocabularies are in the order of frequency. What is left out is spelled in smaller pieces.
    """
    if not is_wordpiece(tokenizer):
        raise UsageError(
            "--vocabulary prunes WordPiece vocabularies; this model has another: --vocabulary 0 keeps it whole"
        )
    pieces = pieces_of(tokenizer)
    if size >= len(pieces):
        return tokenizer
    used = Counter(number for text in tokenizer.encode_batch(list(texts)) for number in text.ids)
    is_needed = {*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS), *string.punctuation}
    first = [number for number, piece in enumerate(pieces) if piece in is_needed]
    by_use = [number for number, count in used.most_common() if count >= OFTEN]
    general = [number for number, piece in enumerate(pieces) if is_general(piece)]
    kept = list(dict.fromkeys([*first, *by_use, *general]))[:size]
    others = sorted(number for number in kept if pieces[number] not in SPECIAL)
    return wordpiece([*SPECIAL, *(pieces[number] for number in others)])


def is_general(piece: str) -> bool:
    """A word or an ending in plain letters; foreign scripts, numbers and what is never used are not."""
    return piece.removeprefix("##").isascii() and piece.removeprefix("##").isalpha()


def learnt(texts: Iterable[str], size: int) -> Tokenizer:
    """A WordPiece vocabulary learnt from the texts."""
    tokenizer = wordpiece(SPECIAL)
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=list(SPECIAL), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return wordpiece(pieces_of(tokenizer))


def is_wordpiece(tokenizer: Tokenizer) -> bool:
    return json.loads(tokenizer.to_str())["model"]["type"] == "WordPiece"


def rows_of(tokenizer: Tokenizer, within: Tokenizer) -> list[int]:
    """For each piece of a tokenizer, its number in a larger vocabulary; raises KeyError where it has none."""
    theirs = within.get_vocab()
    return [theirs[piece] for piece in pieces_of(tokenizer)]
