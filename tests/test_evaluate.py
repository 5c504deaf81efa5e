"""Scoring against a list of recordings."""

import pytest

from dwindle.errors import UserError
from dwindle.infer.speech.evaluate import as_table, read_manifest, score

DIGITS = list("0123456789")


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_labels_of_every_kind_are_read(tmp_path):
    text = "path,label,corpus\na.wav,7,x\nsub/b.wav,173,x\nc.wav,,y\nd.wav,reject,y\ne.wav,4 2,\n"
    entries = read_manifest(written(tmp_path / "list.csv", text), DIGITS)
    assert [entry.words for entry in entries] == [("7",), ("1", "7", "3"), (), (), ("4", "2")]
    assert [entry.corpus for entry in entries] == ["x", "x", "y", "y", "list"]
    assert entries[1].path == tmp_path / "sub/b.wav"


def test_words_of_ones_own_are_read(tmp_path):
    path = written(tmp_path / "list.csv", "path,label\na.wav,left\nb.wav,left stop\n")
    assert [entry.words for entry in read_manifest(path, ["left", "stop"])] == [("left",), ("left", "stop")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("file,label\na,1\n", "lacks the column path"),
        ("a\n", "label and path"),
        ("", "label and path"),
        ("path,label\n", "lists no recordings"),
        ("path,label\na.wav,1\nb.wav,twelve\n", "line 3: label 'twelve'"),
        ("path,label\n,1\n", "line 2: no path"),
        ("path,label\na.wav\n", None),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, complaint):
    path = written(tmp_path / "list.csv", text)
    if complaint is None:
        assert read_manifest(path, DIGITS)[0].words == ()
        return
    with pytest.raises(UserError, match=complaint):
        read_manifest(path, DIGITS)


def test_a_manifest_that_is_no_text_or_not_there(tmp_path):
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00path")
    for name in ("binary.csv", "none.csv", "."):
        with pytest.raises(UserError):
            read_manifest(tmp_path / name, DIGITS)


def test_isolated_score_counts_clips_and_rejections(tmp_path):
    text = "path,label,corpus\na,1,x\nb,2,x\nc,3,x\nd,,y\ne,reject,y\n"
    entries = read_manifest(written(tmp_path / "list.csv", text), DIGITS)
    rows = score(entries, [["1"], ["3"], [], [], ["9"]], isolated=True)
    assert [row["corpus"] for row in rows] == ["x", "y", "all"]
    assert (rows[0]["words"]["correct"], rows[0]["words"]["count"]) == (1, 3)
    assert rows[0]["words"]["high"] == pytest.approx(0.7923, abs=1e-3)
    assert (rows[1]["rejected"]["share"], rows[1]["rejected"]["count"]) == (0.5, 2)
    assert "right 33.33% (1/3, 6.1 to 79.2)" in as_table(rows)


def test_strings_are_scored_by_their_edits(tmp_path):
    entries = read_manifest(written(tmp_path / "list.csv", "path,label\na,173\nb,44\nc,\n"), DIGITS)
    (row,) = score(entries, [["1", "3"], ["4", "4", "4"], []], isolated=False)
    found = row["strings"]
    assert (found["digits"], found["substitutions"], found["deletions"], found["insertions"]) == (5, 0, 1, 1)
    assert found["error_rate"] == pytest.approx(0.4)
    assert row["rejected"]["share"] == 1.0
    assert "digit errors 40.00% (2/5, " in as_table([row])
