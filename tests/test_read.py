"""python infer.py --task sentiment: texts in, a line each out, whatever they are."""

import io
import json
import os
from argparse import ArgumentParser
from pathlib import Path

import pytest
import torch
from tiny_reviews import PIECES

from dwindle.errors import UsageError, UserError
from dwindle.export.formats import to_onnx
from dwindle.infer.text import read
from dwindle.infer.text.review_tokenizer import packed, wordpiece
from dwindle.infer.text.sentiment_model import LONGEST_TEXT, SentimentModel
from dwindle.tasks.text.sentiment import Sentiment
from dwindle.tasks.text.sentiment_network import Reader, mean_state


class Counting(Reader):
    """Feels good by as much as there are more good words than bad ones."""

    def __init__(self) -> None:
        super().__init__()
        values = torch.zeros(len(PIECES), 2)
        values[[PIECES.index(word) for word in ("good", "lovely")], 1] = 8
        values[[PIECES.index(word) for word in ("bad", "awful")], 0] = 8
        self.values = torch.nn.Embedding.from_pretrained(values)

    def features(self, tokens):
        state = mean_state(self.values(tokens), (tokens != 0).float())
        return state, state


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("read") / "model.onnx"
    metadata = {
        "sense": "read",
        "labels": '["negative", "positive"]',
        "temperature": "1",
        "threshold": "0.7",
        "tokenizer": packed(wordpiece(PIECES)),
    }
    to_onnx(Counting(), {"tokens": torch.tensor([[2, 5, 3]])}, path, Sentiment.inputs, Sentiment.outputs, metadata)
    return path


def rows(path, capsys, *inputs, stdin=b"", monkeypatch=None):
    parser = ArgumentParser()
    read.add_options(parser)
    arguments = parser.parse_args(list(inputs))
    arguments.model, arguments.json, arguments.threads = Path(path), True, 1
    if monkeypatch:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
    code = read.run(arguments)
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_text_is_answered_with_what_it_feels(path, capsys):
    code, (good, bad) = rows(path, capsys, "a lovely film", "An AWFUL film.")
    assert code == 0
    assert (good["text"], good["label"], good["unsure"]) == ("a lovely film", "positive", False)
    assert bad["label"] == "negative"
    assert 0.7 < good["confidence"] < 1


def test_a_text_that_feels_nothing_is_unsure(path, capsys):
    _, (row,) = rows(path, capsys, "the film")
    assert row["unsure"]
    assert row["confidence"] == 0.5


def test_lines_of_standard_input_are_a_text_each(path, capsys, monkeypatch):
    stdin = b"good\r\n\n  \nbad film\n\xff\xfe\nlast lovely line without an end"
    code, found = rows(path, capsys, "-", stdin=stdin, monkeypatch=monkeypatch)
    assert code == 1
    assert [row.get("label") for row in found] == ["positive", "negative", None, "positive"]
    assert found[2]["source"] == "line 5"
    assert "not UTF-8" in found[2]["error"]


def test_a_pipe_is_read_and_a_folder_is_not_its_name(path, capsys, tmp_path):
    """Regressions: their names were classified, and so was the name of a file deep down in folders."""
    deep = tmp_path.joinpath(*["folder" * 8] * 6)
    deep.mkdir(parents=True)
    (deep / "review").write_text("bad film")
    reader, writer = os.pipe()
    os.write(writer, b"a good film")
    os.close(writer)
    code, (piped, folder, long) = rows(path, capsys, f"/dev/fd/{reader}", str(tmp_path), str(deep / "review"))
    os.close(reader)
    assert code == 1
    assert (piped["label"], folder["error"], long["label"]) == ("positive", "a folder: name its files", "negative")


def test_line_breaks_and_escape_codes_of_a_text_do_not_reach_the_terminal():
    assert read.shortened("good\x1b[31m\nfilm") == "good\\x1b[31m film"


def test_a_file_is_one_text(path, capsys, tmp_path):
    (tmp_path / "review.txt").write_text("\ufeffgood,\nlovely\n", encoding="utf-8")
    (tmp_path / "empty.txt").write_bytes(b" \n")
    (tmp_path / "program").write_bytes(b"\x7fELF\x00\x01")
    names = [str(tmp_path / name) for name in ("review.txt", "empty.txt", "program", "missing.txt")]
    code, (review, *bad) = rows(path, capsys, *names)
    assert code == 1
    assert (review["text"], review["label"]) == ("good,\nlovely", "positive")
    assert [row["error"] for row in bad] == ["there is no text in it", "binary data, not a text", "no such file"]


@pytest.mark.parametrize("text", ["", " \n", "\udcff", "\udce9t\udce9", "a\x00b"])
def test_what_is_no_text_is_one_line(path, capsys, text):
    code, (row,) = rows(path, capsys, text)
    assert code == 1
    assert "\n" not in row["error"]


def test_a_megabyte_is_answered_by_its_beginning(path, capsys, tmp_path):
    (tmp_path / "long.txt").write_text("good " * 300_000 + "bad " * 900_000)
    code, (row,) = rows(path, capsys, str(tmp_path / "long.txt"))
    assert code == 0
    assert row["cut"]
    assert row["label"] == "positive"
    assert len(row["text"]) <= LONGEST_TEXT


def test_a_line_beyond_all_measure_does_not_swallow_the_next():
    stream = io.BytesIO(b"x" * (2 * read.LONGEST_FILE + 7) + b"\nnext\n")
    first, second = read.lines(stream)
    assert len(first.content) <= read.LONGEST_FILE + 1
    assert second.content == b"next\n"


def test_a_character_cut_at_the_end_of_what_is_read_is_no_fault():
    content = b"a" * (read.LONGEST_FILE - 1) + "é".encode()[:1]
    assert read.text_of(content) == "a" * (read.LONGEST_FILE - 1)


def test_every_part_of_a_long_text_counts(path):
    model = SentimentModel(path)
    assert model.classify("the " * 200 + "lovely " * 40).label == "positive"
    assert model.classify("the " * 200 + "awful " * 40).label == "negative"


def test_words_of_any_script_are_answered(path):
    assert SentimentModel(path).classify("良い映画 🎬 ‮").label in ("negative", "positive")


@pytest.mark.parametrize("content", [None, b"", b"not onnx at all"])
def test_a_model_file_that_is_none_is_one_line(tmp_path, content):
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        SentimentModel(path)
    assert "\n" not in str(caught.value)


def test_a_model_of_another_task_is_one_line(tmp_path):
    path = tmp_path / "other.onnx"
    to_onnx(Counting(), {"tokens": torch.tensor([[2, 3]])}, path, Sentiment.inputs, Sentiment.outputs, {"task": "x"})
    with pytest.raises(UserError, match="not a sentiment model"):
        SentimentModel(path)


@pytest.mark.parametrize("inputs", [[], ["-", "good"]])
def test_what_cannot_be_meant_is_a_usage_error(path, capsys, inputs):
    with pytest.raises(UsageError):
        rows(path, capsys, *inputs)
