"""Teachers from Hugging Face: any encoder or sequence classifier, by its name on the hub or from a folder."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from dwindle.errors import UserError, imported
from dwindle.infer.text.review_tokenizer import PADDING as PADDING_PIECE
from dwindle.tasks.text.sentiment_network import PADDING, Reader, mean_state

REMEDY = "pip install transformers, or train a teacher of your own: --teacher scratch"
NEVER_STORED = ("transformers_version", "_name_or_path", "dtype", "torch_dtype")  # of a configuration
CLASSIFIER = "ForSequenceClassification"


class PretrainedReader(Reader):
    """An encoder of the transformers library with a head of this project, or a classifier with its own.

    Its words stay as they were learnt from far more text than SST-2 has: reviews of other things use words that films
    never get, and these must not be left behind while the others move.
    """

    def __init__(self, config: dict[str, Any], classes: int = 2, dropout: float = 0.1) -> None:
        super().__init__()
        library = imported("transformers", REMEDY)
        library.logging.set_verbosity_error()
        self.kind = kind = library.AutoConfig.for_model(**config)
        self.has_own_head = is_classifier(config)
        if self.has_own_head:
            self.network = library.AutoModelForSequenceClassification.from_config(kind)
        else:
            self.network = library.AutoModel.from_config(kind)
            if hasattr(self.network, "pooler"):
                self.network.pooler = None  # the mean state is classified instead
            self.dropout = nn.Dropout(dropout)
            self.answer = nn.Linear(kind.hidden_size, classes)
        self.network.get_input_embeddings().weight.requires_grad_(False)

    def features(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        present = (tokens != PADDING).long()
        given = self.network(input_ids=tokens, attention_mask=present, output_hidden_states=self.has_own_head)
        last = given.hidden_states[-1] if self.has_own_head else given.last_hidden_state
        state = mean_state(last, present.to(last.dtype))
        return (given.logits if self.has_own_head else self.answer(self.dropout(state))), state

    @property
    def table(self) -> nn.Embedding:
        """The vectors of the words."""
        return self.network.get_input_embeddings()


def is_classifier(config: dict[str, Any]) -> bool:
    return any(name.endswith(CLASSIFIER) for name in config.get("architectures") or [])


def open_pretrained(name: str) -> tuple[PretrainedReader, dict[str, Any], Tokenizer]:
    """A checkpoint of the hub, or of a folder in its format: the network, its configuration, its tokenizer."""
    library = imported("transformers", REMEDY)
    library.logging.set_verbosity_error()
    library.logging.disable_progress_bar()
    where = {"local_files_only": True} if Path(name).is_dir() else {}
    try:
        config = library.AutoConfig.from_pretrained(name, **where)
        tokenizer = library.AutoTokenizer.from_pretrained(name, **where)
        kind = library.AutoModelForSequenceClassification if is_classifier(config.to_dict()) else library.AutoModel
        loaded = kind.from_pretrained(name, dtype=torch.float32, **where)
    except Exception as error:  # the hub, the network below it and a stranger's files fail in many ways
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise UserError(
            f"{name}: no pretrained model could be had, from a folder or from the hub ({reason}): "
            "name another with --teacher, or learn one from the training text alone: --teacher scratch"
        ) from error
    if not getattr(tokenizer, "is_fast", False):
        raise UserError(f"{name}: its tokenizer cannot be run without transformers: name a model with a tokenizer.json")
    if is_classifier(config.to_dict()) and config.num_labels != 2:
        raise UserError(f"{name}: tells {config.num_labels} classes apart; sentiment has two")
    stored = {key: value for key, value in config.to_dict().items() if key not in NEVER_STORED}
    network = PretrainedReader(stored)
    network.network.load_state_dict(loaded.state_dict(), strict=False)
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.no_padding()
    backend.no_truncation()
    if backend.token_to_id(PADDING_PIECE) != PADDING:
        raise UserError(
            f"{name}: its padding token is not {PADDING_PIECE} with the number 0, as BERT's and its kin's is"
        )
    return network, stored, backend


def with_vocabulary(weights: dict[str, Tensor], rows: list[int]) -> dict[str, Tensor]:
    """A teacher's weights with only these rows of its table of words."""
    name = next(key for key in weights if key.endswith(("word_embeddings.weight", "words.table.weight")))
    return {**weights, name: weights[name][torch.tensor(rows)]}
