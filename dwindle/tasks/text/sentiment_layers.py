"""A student made of its teacher: some of its layers, the strongest heads and units of each, its words."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dwindle.errors import UsageError
from dwindle.infer.text.review_tokenizer import LONGEST
from dwindle.tasks.text.sentiment_network import Layer, Reader, TransformerReader, Words
from dwindle.tasks.text.sentiment_teacher import PretrainedReader

UNIT_BLOCK = 16  # units that processors handle together
# where an encoder's layers keep what `Layer` has, by the kind of model
NAMES = {
    "bert": {
        "layers": "encoder.layer",
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "joined": "attention.output.dense",
        "norm_attention": "attention.output.LayerNorm",
        "wide": "intermediate.dense",
        "narrow": "output.dense",
        "norm_output": "output.LayerNorm",
        "norm": "embeddings.LayerNorm",
        "positions": "embeddings.position_embeddings",
        "kinds": "embeddings.token_type_embeddings",
    },
    "distilbert": {
        "layers": "transformer.layer",
        "query": "attention.q_lin",
        "key": "attention.k_lin",
        "value": "attention.v_lin",
        "joined": "attention.out_lin",
        "norm_attention": "sa_layer_norm",
        "wide": "ffn.lin1",
        "narrow": "ffn.lin2",
        "norm_output": "output_layer_norm",
        "norm": "embeddings.LayerNorm",
        "positions": "embeddings.position_embeddings",
    },
}
PARTS = ("query", "key", "value", "joined", "norm_attention", "wide", "narrow", "norm_output")


def chosen_layers(which: str, count: int, of: int) -> list[int]:
    """The numbers of the teacher's layers that a student begins with."""
    if not 0 < count <= of:
        raise UsageError(f"--layers {count}: the teacher has {of}")
    if which == "spread":
        return [round(number * (of - 1) / max(1, count - 1)) for number in range(count)]
    start = {"first": 0, "middle": (of - count) // 2, "last": of - count}[which]
    return list(range(start, start + count))


def freeze(teacher: PretrainedReader, count: int) -> None:
    """Leave its first layers, and what is below them, as they were learnt: a step then goes back less far."""
    if teacher.kind.model_type not in NAMES:
        raise UsageError(f"--frozen_layers: where the layers of a {teacher.kind.model_type} lie is not known")
    names, body = NAMES[teacher.kind.model_type], teacher.network.base_model
    layers = body.get_submodule(names["layers"])
    if count >= len(layers):
        raise UsageError(f"--frozen_layers {count}: the teacher has {len(layers)}, and one at least must learn")
    for part in (body.embeddings, *layers[:count]):
        part.requires_grad_(False)


def as_reader(teacher: Reader) -> TransformerReader:
    """A teacher as this project's own Transformer: the same weights under other names, and the same answers."""
    if isinstance(teacher, TransformerReader):
        return teacher
    if not isinstance(teacher, PretrainedReader) or teacher.kind.model_type not in NAMES:
        kind = getattr(getattr(teacher, "kind", None), "model_type", type(teacher).__name__)
        raise UsageError(f"a student cannot begin with the layers of a {kind}: --architecture small or convolution can")
    names, config = NAMES[teacher.kind.model_type], teacher.kind
    body = teacher.network.base_model
    layers = body.get_submodule(names["layers"])
    units = [layer.get_submodule(names["wide"]).out_features for layer in layers]
    heads = [config.num_attention_heads] * len(layers)
    width = config.hidden_size
    reader = TransformerReader(config.vocab_size, width, heads, units, width // heads[0], frozen_words=True)
    with torch.no_grad():
        reader.words.table.weight.copy_(teacher.table.weight)
        positions = body.get_submodule(names["positions"]).weight[:LONGEST]
        if "kinds" in names:
            positions = positions + body.get_submodule(names["kinds"]).weight[0]
        reader.positions[: len(positions)].copy_(positions)
        reader.norm.load_state_dict(body.get_submodule(names["norm"]).state_dict())
        for own, theirs in zip(reader.layers, layers, strict=True):
            for part in PARTS:
                own.get_submodule(part).load_state_dict(theirs.get_submodule(names[part]).state_dict())
        if not teacher.has_own_head:
            reader.answer.load_state_dict(teacher.answer.state_dict())
    return reader


def begin_as(student: TransformerReader, teacher: TransformerReader, numbers: Sequence[int]) -> None:
    """Give the student these layers of a teacher of its width, cut to the heads and units that it has room for."""
    with torch.no_grad():
        student.words.load_state_dict(teacher.words.state_dict())
        student.positions.copy_(teacher.positions)
        for part in ("norm", "answer"):
            student.get_submodule(part).load_state_dict(teacher.get_submodule(part).state_dict())
        for own, number in zip(student.layers, numbers, strict=True):
            own.load_state_dict(cut(teacher.layers[number], own.heads, own.wide.out_features))


def cut(layer: Layer, heads: int, units: int) -> dict[str, Tensor]:
    """A layer's weights with only its strongest heads and units."""
    weights = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    by_head = (-1, layer.head_width)
    value, joined = weights["value.weight"], weights["joined.weight"]
    strength = value.norm(dim=1).reshape(by_head).norm(dim=1) * joined.norm(dim=0).reshape(by_head).norm(dim=1)
    kept_heads = strength.argsort(descending=True)[:heads].sort().values
    inner = torch.arange(layer.heads * layer.head_width).reshape(by_head)[kept_heads].flatten()
    kept_units = weights["wide.weight"].norm(dim=1) * weights["narrow.weight"].norm(dim=0)
    kept_units = kept_units.argsort(descending=True)[:units].sort().values
    for part, kept in (("query", inner), ("key", inner), ("value", inner), ("wide", kept_units)):
        weights[f"{part}.weight"] = weights[f"{part}.weight"][kept]
        weights[f"{part}.bias"] = weights[f"{part}.bias"][kept]
    weights["joined.weight"] = joined[:, inner]
    weights["narrow.weight"] = weights["narrow.weight"][:, kept_units]
    return weights


def narrower(shape: dict[str, list[int]], share: float) -> dict[str, list[int]]:
    """Heads and units of every layer with at least that share of them gone, but never all."""
    return {
        "heads": [max(1, int(count * (1 - share))) for count in shape["heads"]],
        "units": [max(UNIT_BLOCK, int(count * (1 - share) / UNIT_BLOCK) * UNIT_BLOCK) for count in shape["units"]],
    }


def factorised(words: Words, table: nn.Embedding) -> None:
    """Begin a narrow table with the directions in which a wide one's rows differ most (SVD)."""
    with torch.no_grad():
        wide = table.weight - table.weight.mean(dim=0)
        _, _, directions = torch.linalg.svd(wide, full_matrices=False)
        row = words.table.embedding_dim
        narrow = wide @ directions[:row].T
        words.table.weight.copy_(narrow / narrow.std() * 0.05)
        words.table.weight[words.table.padding_idx] = 0
