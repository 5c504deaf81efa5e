"""What is held out is held out whole."""

import pytest
from tiny_reviews import write_reviews

from dwindle.errors import UserError
from dwindle.tasks.text.sentiment_data import GENERAL_WORDS, Reviews, load, read_reviews, split, whole_sentences


def test_whole_sentences_are_those_that_nothing_longer_contains():
    texts = ["film", "a good film", "a good film that lasts", "films", "good"]
    assert sorted(texts[row] for row in whole_sentences(texts)) == ["a good film that lasts", "films"]


def test_no_longer_phrase_of_a_held_out_sentence_is_trained_on(tmp_path):
    data = load(write_reviews(tmp_path))
    assert len(data.held_out) > 3
    for text in data.training.texts:
        within = any(f" {text} " in f" {sentence} " for sentence in data.held_out.texts)
        assert not within or len(text.split()) < GENERAL_WORDS


def test_what_dev_and_test_judge_by_is_not_trained_on():
    reviews = Reviews(["warm film", "a cold scene", "lovely"], [1, 0, 1])
    training, held_out = split(reviews, {"warm film"})
    assert "warm film" not in training.texts + held_out.texts
    assert len(training) + len(held_out) == 2


def test_a_subset_is_always_the_same_and_of_the_whole(tmp_path):
    data_dir = write_reviews(tmp_path)
    few, again, whole = load(data_dir, 20), load(data_dir, 20), load(data_dir)
    assert few.training == again.training
    assert len(few.training) == 20
    assert set(few.training.texts) < set(whole.training.texts)
    assert few.held_out == whole.held_out


@pytest.mark.parametrize(
    "content",
    [b"text\tlabel\na\t1\n", b"sentence\tlabel\ngood\t2\n", b"sentence\tlabel\ngood\n", b"sentence\tlabel\n\t1\n"],
)
def test_another_layout_is_one_line(tmp_path, content):
    (tmp_path / "x.tsv").write_bytes(content)
    with pytest.raises(UserError, match="layout"):
        read_reviews(tmp_path / "x.tsv")
    (tmp_path / "x.tsv").write_bytes(content + b"\xff bad\t1\n")
    with pytest.raises(UserError, match="not in UTF-8"):
        read_reviews(tmp_path / "x.tsv")


def test_reviews_of_other_things_have_both_labels_and_are_no_training_text(tmp_path):
    data = load(write_reviews(tmp_path))
    assert 25 < sum(data.other.labels) < len(data.other) - 25
    assert not set(data.other.texts) & set(data.training.texts)
