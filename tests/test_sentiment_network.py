"""Networks that read: padding changes nothing, files answer as they do, students begin with their teachers' layers."""

import pytest
import torch
from tiny_reviews import write_pretrained

from dwindle.engine import onnx_engine
from dwindle.export.formats import to_onnx
from dwindle.tasks.text.sentiment import Sentiment
from dwindle.tasks.text.sentiment_layers import as_reader, begin_as, chosen_layers, narrower
from dwindle.tasks.text.sentiment_students import rebuilt
from dwindle.tasks.text.sentiment_teacher import open_pretrained

SHAPE = {"vocabulary": 60, "width": 32, "heads": [4, 2], "units": [48, 64], "head_width": 8}
NETWORKS = [
    {"kind": "transformer", **SHAPE},
    {"kind": "transformer", **SHAPE, "row": 16},
    {"kind": "convolution", "vocabulary": 60, "row": 8, "channels": 16, "blocks": 3},
]
TOKENS = torch.tensor([[2, 10, 11, 12, 3], [2, 20, 3, 0, 0]])


@pytest.fixture(params=NETWORKS, ids=lambda arguments: f"{arguments['kind']}{arguments.get('row', '')}")
def network(request):
    torch.manual_seed(0)
    return rebuilt(request.param).eval()


def test_padding_changes_no_answer(network):
    with torch.no_grad():
        alone = network(TOKENS[1:, :3])
        torch.testing.assert_close(network(TOKENS)[1:], alone, atol=1e-5, rtol=1e-4)


def test_the_onnx_file_answers_alike_whatever_the_length(network, tmp_path):
    path = tmp_path / "model.onnx"
    to_onnx(network, {"tokens": TOKENS}, path, Sentiment.inputs, Sentiment.outputs, {})
    engine = onnx_engine(path)
    for tokens in (TOKENS, torch.randint(1, 60, (1, 128)), torch.randint(1, 60, (3, 2))):
        with torch.no_grad():
            torch.testing.assert_close(engine({"tokens": tokens})["logits"], network(tokens), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_a_teacher_answers_alike_as_this_projects_own_network(tmp_path, kind):
    teacher = open_pretrained(str(write_pretrained(tmp_path, kind)))[0].eval()
    own = as_reader(teacher).eval()
    with torch.no_grad():
        for ours, theirs in zip(own.features(TOKENS), teacher.features(TOKENS), strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_a_student_with_all_layers_is_its_teacher():
    torch.manual_seed(0)
    teacher = rebuilt(NETWORKS[0]).eval()
    student = rebuilt(NETWORKS[0]).eval()
    begin_as(student, teacher, [0, 1])
    with torch.no_grad():
        torch.testing.assert_close(student(TOKENS), teacher(TOKENS))


def test_dead_heads_and_units_are_the_first_to_go():
    torch.manual_seed(0)
    teacher = rebuilt(NETWORKS[0]).eval()
    with torch.no_grad():
        for layer in teacher.layers:  # the last half of all heads and units does nothing
            layer.joined.weight[:, layer.joined.in_features // 2 :] = 0
            layer.narrow.weight[:, layer.narrow.in_features // 2 :] = 0
    smaller = {**NETWORKS[0], "heads": [2, 1], "units": [24, 32]}
    student = rebuilt(smaller).eval()
    begin_as(student, teacher, [0, 1])
    with torch.no_grad():
        torch.testing.assert_close(student(TOKENS), teacher(TOKENS), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("which", "count", "expected"),
    [("first", 2, [0, 1]), ("middle", 2, [2, 3]), ("last", 2, [4, 5]), ("spread", 3, [0, 2, 5]), ("spread", 1, [0])],
)
def test_layers_by_name(which, count, expected):
    assert chosen_layers(which, count, 6) == expected


def test_narrowing_leaves_something_of_every_layer():
    assert narrower(SHAPE, 0.5) == {"heads": [2, 1], "units": [16, 32]}
    assert narrower(SHAPE, 0.99) == {"heads": [1, 1], "units": [16, 16]}
