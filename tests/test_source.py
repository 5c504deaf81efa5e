"""What the data sets are: their pins, and how an archive becomes a finished folder."""

import gzip
import re
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwindle.data import source as catalogue
from dwindle.data.source import DATA_SETS, FSDD, MNIST, arrange_sst2, contents_digest, keep_recordings, two_way_row
from dwindle.errors import UserError


@pytest.mark.parametrize("data_set", DATA_SETS.values(), ids=DATA_SETS)
def test_every_download_is_verified_somehow(data_set):
    for source in data_set.sources:
        assert urlsplit(source.url).scheme == "https"
        assert re.fullmatch("[0-9a-f]{64}", source.sha256 or data_set.contents_sha256)
    assert bool(data_set.contents_sha256) == bool(data_set.contents_pattern)


@pytest.mark.parametrize("data_set", [FSDD, MNIST], ids=lambda data_set: data_set.name)
def test_the_pinned_contents_are_those_of_the_corpora(data_set, data_dir):
    assert data_set.contents_as_published(data_dir / data_set.name)


def test_contents_digest_depends_on_names_and_contents_alone(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"1")
    two.write_bytes(b"2")
    digest = contents_digest([one, two])
    assert contents_digest([two, one]) == digest
    two.write_bytes(b"3")
    assert contents_digest([one, two]) != digest
    two.write_bytes(b"2")
    assert contents_digest([one, two.rename(tmp_path / "three")]) != digest


def test_contents_digest_looks_through_gzip(tmp_path):
    digests = set()
    for level in (1, 9):
        packed = tmp_path / "idx.gz"
        packed.write_bytes(gzip.compress(bytes(range(256)) * 99, level, mtime=level))
        digests.add(contents_digest([packed]))
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("tree", "row"),
    [
        ("(3 (2 A) (4 (3 real) (2 Gem)))", ("a real gem", "1")),
        (" (1 (2 -LRB-) (0 (1 writer\\/director) (2 -RRB-)))", ("-lrb- writer\\/director -rrb-", "0")),
        ("(0 (2 crème) (2 brûlée))", ("crème brûlée", "0")),
        ("(4 Yes)", ("yes", "1")),
        ("(2 (2 It) (2 is))", None),
    ],
)
def test_two_way_row(tree, row):
    assert two_way_row(tree) == row


@given(
    st.recursive(st.text("ab'.,-", min_size=1, max_size=5), lambda tree: st.tuples(tree, tree)), st.sampled_from("34")
)
def test_two_way_row_finds_every_word_of_any_tree(tree, label):
    words = []

    def written(node, label):
        if isinstance(node, str):
            words.append(node)
            return f"({label} {node})"
        return f"({label} {written(node[0], 2)} {written(node[1], 0)})"

    assert two_way_row(written(tree, label)) == (" ".join(words), "1")


def test_a_line_that_is_no_tree():
    with pytest.raises(UserError, match="not a line of the Stanford Sentiment Treebank"):
        two_way_row("hello")


@pytest.fixture
def sst2_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "SST2_ROWS", {"train": 2, "dev": 1, "test": 1})
    (tmp_path / "unpacked" / "SST-2").mkdir(parents=True)
    (tmp_path / "unpacked" / "trees").mkdir()
    (tmp_path / "unpacked" / "SST-2" / "train.tsv").write_text("sentence\tlabel\na\x85 gem \t1\nno yuks \t0\n")
    (tmp_path / "unpacked" / "trees" / "dev.txt").write_text("(3 (2 Go) (2 see))\n(2 (2 It) (2 is))\n")
    (tmp_path / "unpacked" / "trees" / "test.txt").write_text("(0 Awful)\n")
    return tmp_path / "unpacked"


def test_sst2_ends_with_a_labelled_test(sst2_unpacked, tmp_path):
    arrange_sst2(sst2_unpacked, tmp_path / "sst2")
    texts = {path.name: path.read_text() for path in (tmp_path / "sst2").iterdir()}
    assert texts == {
        "train.tsv": "sentence\tlabel\na\x85 gem\t1\nno yuks\t0\n",
        "dev.tsv": "sentence\tlabel\ngo see\t1\n",
        "test.tsv": "sentence\tlabel\nawful\t0\n",
    }


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("SST-2/train.tsv", "index\tsentence\n0\tx\n1\ty\n", "other columns"),
        ("SST-2/train.tsv", "", "other columns"),
        ("trees/test.txt", "(0 Awful)\n(4 Great)\n", "test split has 2 rows instead of 1"),
    ],
)
def test_sst2_with_another_layout(sst2_unpacked, tmp_path, file, text, message):
    (sst2_unpacked / file).write_text(text)
    with pytest.raises(UserError, match=message):
        arrange_sst2(sst2_unpacked, tmp_path / "sst2")


def test_of_a_repository_only_the_recordings_are_kept(tmp_path):
    root = tmp_path / "unpacked" / "free-spoken-digit-dataset-1.0.10"
    (root / "recordings").mkdir(parents=True)
    (root / "recordings" / "0_theo_0.wav").write_bytes(b"RIFF")
    (root / "README.md").write_text("FSDD")
    (root / "utils.py").write_text("")
    keep_recordings(tmp_path / "unpacked", tmp_path / "fsdd")
    assert sorted(str(path.relative_to(tmp_path / "fsdd")) for path in (tmp_path / "fsdd").rglob("*")) == [
        "README.md",
        "recordings",
        "recordings/0_theo_0.wav",
    ]
    with pytest.raises(UserError, match="no folder of recordings"):
        keep_recordings(tmp_path / "unpacked", tmp_path / "again")
