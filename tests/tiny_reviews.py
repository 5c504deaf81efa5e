"""A data directory with a tiny SST-2, and a tiny pretrained model in the hub's own format."""

import itertools
from pathlib import Path

import torch
import transformers
from tokenizers import normalizers

from dwindle.infer.text.review_tokenizer import SPECIAL, wordpiece

GOOD, BAD = ("good", "lovely", "gripping", "warm"), ("bad", "dull", "awful", "cold")
THINGS = ("film", "story", "cast", "ending", "joke", "scene")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_WORDS = (*GOOD, *BAD, *THINGS, "the", "is", "a", "an", "and", "n", "'", "t", "not", "it", ".", "unheard")
PIECES = list(dict.fromkeys([*SPECIAL, "[MASK]", *_WORDS, *_LETTERS, *(f"##{letter}" for letter in _LETTERS)]))


def write_reviews(data_dir: Path) -> Path:
    """sst2/{train,dev,test}.tsv: sentences and their phrases, a positive word or a negative one in each."""
    folder = data_dir / "sst2"
    folder.mkdir(parents=True)
    rows = []
    for thing, other in itertools.permutations(THINGS, 2):
        for words, label in ((GOOD, 1), (BAD, 0)):
            for word in words:
                rows += [(f"the {thing} is {word} and it is not a {other} .", label), (f"{word} and", label)]
                rows.append((f"the {thing} is {word}", label))
    rows = list(dict.fromkeys(rows))
    pick = {"train": rows, "dev": [("a lovely lovely film .", 1), ("an awful , dull joke", 0)] * 5}
    pick["test"] = [("warm film", 1), ("cold film", 0), ("a gripping scene", 1)]
    for name, chosen in pick.items():
        lines = ["sentence\tlabel", *(f"{text}\t{label}" for text, label in chosen)]
        (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return data_dir


def write_pretrained(folder: Path, kind: str = "bert", classifier: bool = False) -> Path:
    """A tiny BERT or DistilBERT with random weights, saved as the hub has them."""
    torch.manual_seed(0)
    if kind == "bert":
        config = transformers.BertConfig(
            vocab_size=len(PIECES),
            hidden_size=32,
            num_hidden_layers=3,
            num_attention_heads=4,
            intermediate_size=64,
            initializer_range=0.2,
        )
    else:
        config = transformers.DistilBertConfig(vocab_size=len(PIECES), dim=32, n_layers=3, n_heads=4, hidden_dim=64)
    kinds = transformers.AutoModelForSequenceClassification if classifier else transformers.AutoModel
    kinds.from_config(config).save_pretrained(folder)
    plain = wordpiece(PIECES)
    plain.normalizer = normalizers.BertNormalizer(lowercase=True)
    plain.enable_padding(length=16)
    plain.enable_truncation(16)
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=plain, unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]"
    )
    fast.save_pretrained(folder)
    return folder
