"""Teachers in the hub's own file format, loaded by from_pretrained."""

import pytest
import torch
from tiny_reviews import PIECES, write_pretrained

from dwindle.errors import UsageError, UserError
from dwindle.tasks.text.sentiment_layers import freeze
from dwindle.tasks.text.sentiment_students import rebuilt
from dwindle.tasks.text.sentiment_teacher import open_pretrained

TOKENS = torch.tensor([[2, 10, 11, 12, 3], [2, 20, 3, 0, 0]])


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
@pytest.mark.parametrize("classifier", [False, True])
def test_a_checkpoint_of_the_hub_is_read_and_rebuilt(tmp_path, kind, classifier):
    network, config, tokenizer = open_pretrained(str(write_pretrained(tmp_path, kind, classifier)))
    assert network.has_own_head is classifier
    assert tokenizer.encode("good film").ids == [2, PIECES.index("good"), PIECES.index("film"), 3]  # neither padded
    assert len(tokenizer.encode("film " * 100).ids) == 102  # nor cut
    again = rebuilt({"kind": "pretrained", "config": config}).eval()
    again.load_state_dict(network.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(again(TOKENS), network.eval()(TOKENS))


def test_a_classifier_answers_with_the_head_that_it_was_published_with(tmp_path):
    import transformers

    folder = str(write_pretrained(tmp_path, "bert", classifier=True))
    published = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    network = open_pretrained(folder)[0].eval()
    with torch.no_grad():
        expected = published(input_ids=TOKENS, attention_mask=(TOKENS != 0).long()).logits
        torch.testing.assert_close(network(TOKENS), expected)


def test_words_are_not_trained(tmp_path):
    network = open_pretrained(str(write_pretrained(tmp_path)))[0]
    frozen = [name for name, parameter in network.named_parameters() if not parameter.requires_grad]
    assert frozen == ["network.embeddings.word_embeddings.weight"]


def test_a_folder_without_a_model_is_one_line(tmp_path):
    with pytest.raises(UserError, match="--teacher scratch") as caught:
        open_pretrained(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_hub_that_does_not_answer_is_one_line(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="--teacher scratch") as caught:
        open_pretrained("nobody/has-this-model")
    assert "\n" not in str(caught.value)


def test_the_first_layers_can_be_left_as_they_are(tmp_path):
    network = open_pretrained(str(write_pretrained(tmp_path)))[0]
    freeze(network, 1)
    count = len(network.network.encoder.layer)
    network(TOKENS).sum().backward()
    learning = {name for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert not any(name.startswith(("network.embeddings.", "network.encoder.layer.0.")) for name in learning)
    assert any(name.startswith(f"network.encoder.layer.{count - 1}.") for name in learning)
    with pytest.raises(UsageError, match=f"the teacher has {count}"):
        freeze(network, count)
