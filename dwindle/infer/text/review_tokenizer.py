"""Text into the numbers that a sentiment model reads, the same way in training and at run time."""

import base64
import binascii
import zlib
from collections.abc import Sequence

from tokenizers import Regex, Tokenizer, normalizers
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from dwindle.errors import UserError

PADDING, UNKNOWN, START, END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
SPECIAL = (PADDING, UNKNOWN, START, END)
LONGEST = 128  # tokens that a model reads at once, the two around them included
SHORTEST_WINDOW = 8  # tokens: what is left of a long text after whole windows, if it is less, is not read


def contractions_apart(before: normalizers.Normalizer) -> normalizers.Normalizer:
    """`don't` as `do n't`: SST-2 is split so, and a negation that is spelled otherwise would be another word."""
    straight = normalizers.Replace("’", "'")
    return normalizers.Sequence([before, straight, normalizers.Replace(Regex(r"n't\b"), " n't")])


def wordpiece(pieces: Sequence[str]) -> Tokenizer:
    """A lower-case WordPiece tokenizer of these pieces, the special ones among them."""
    numbers = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(WordPiece(numbers, unk_token=UNKNOWN))
    tokenizer.normalizer = contractions_apart(normalizers.BertNormalizer(lowercase=True))
    tokenizer.pre_tokenizer = BertPreTokenizer()
    around = [(START, numbers[START]), (END, numbers[END])]
    tokenizer.post_processor = TemplateProcessing(single=f"{START} $A {END}", special_tokens=around)
    return tokenizer


def pieces_of(tokenizer: Tokenizer) -> list[str]:
    """The vocabulary in the order of its numbers."""
    return [piece for piece, _ in sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])]


def packed(tokenizer: Tokenizer) -> str:
    """The whole tokenizer as text that fits into a model file's metadata."""
    return base64.b85encode(zlib.compress(tokenizer.to_str().encode(), 9)).decode("ascii")


def unpacked(text: str) -> Tokenizer:
    """The tokenizer that `packed` wrote."""
    try:
        return Tokenizer.from_str(zlib.decompress(base64.b85decode(text)).decode())
    except (ValueError, binascii.Error, zlib.error, Exception) as error:  # the library raises plain Exception
        raise UserError(f"the tokenizer in the model file is damaged: {error}") from error


def numbered(tokenizer: Tokenizer, text: str) -> list[int]:
    """The tokens of a text, cut to what a model reads at once."""
    return windows(tokenizer, text)[0]


def windows(tokenizer: Tokenizer, text: str) -> list[list[int]]:
    """The tokens of a text of any length, in pieces that a model reads at once, each between start and end."""
    whole = tokenizer.encode(text).ids
    first, last, inner = whole[0], whole[-1], whole[1:-1]
    step = LONGEST - 2
    parts = [inner[start : start + step] for start in range(0, max(1, len(inner)), step)]
    if len(parts) > 1 and len(parts[-1]) < SHORTEST_WINDOW:
        parts.pop()
    return [[first, *part, last] for part in parts]
