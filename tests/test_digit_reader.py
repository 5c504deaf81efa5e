"""The reader and its command, with a real network: digits in files of many kinds, in order, with boxes."""

import json
import time

import numpy as np
import pytest
from PIL import Image

from dwindle.errors import UserError
from dwindle.infer.images.reader import DigitReader
from dwindle.infer.model_file import released_model
from samples.make_images import FOLDER, IMAGES, row_of_digits, written
from tests.infer_command import ROOT, infer, json_lines
from tests.template_model import write_template_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_template_model(tmp_path_factory.mktemp("model") / "model.onnx")


@pytest.fixture(scope="module")
def reader(model):
    return DigitReader(model)


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("factor", [0.2, 1, 4])
def test_any_size_and_polarity(reader, dark, factor):
    ink = row_of_digits("0317", np.random.default_rng(0))
    brightness = 0.95 - 0.8 * ink if dark else 0.1 + 0.8 * ink
    size = round(ink.shape[1] * factor), round(ink.shape[0] * factor)
    reading = reader.read(
        Image.fromarray(np.round(255 * brightness).astype(np.uint8)).resize(size, Image.Resampling.BOX)
    )
    assert reading.text == "0317" and len(reading.lines) == 1
    lefts = [digit.box.left for digit in reading.digits]
    assert lefts == sorted(lefts) and reading.digits[-1].box.right <= size[0]
    ink_of_first = np.nonzero(ink.max(axis=0) > 0.5)[0][0] * factor
    assert abs(reading.digits[0].box.left - ink_of_first) <= max(3, 0.06 * size[1])


def test_two_lines(reader):
    above, below = (row_of_digits(text, np.random.default_rng(seed)) for seed, text in ((0, "031"), (3, "170")))
    width = max(above.shape[1], below.shape[1])
    page = np.vstack([np.pad(part, ((0, 0), (0, width - part.shape[1]))) for part in (above, below)])
    lines = reader.read(1 - page).text.split()
    assert lines[0] == "031"
    assert [len(line) for line in lines] == [3, 3]


def test_a_page_without_digits(reader):
    for brightness in (np.ones((90, 120)), np.zeros((2, 2)), np.linspace(0, 1, 10_000).reshape(100, 100)):
        assert reader.read(brightness).digits == ()


def page_of(count: int, columns: int = 20) -> Image.Image:
    """So many digits, dark on light, in rows."""
    ink = row_of_digits("7", np.random.default_rng(0))
    one = np.asarray(Image.fromarray(np.round(255 * (1 - ink)).astype(np.uint8)).resize((40, 60)))
    rows = -(-count // columns)
    page = np.full((rows * 70, columns * 50), 255, np.uint8)
    for number in range(count):
        top, left = number // columns * 70 + 5, number % columns * 50 + 5
        page[top : top + 60, left : left + 40] = one
    return Image.fromarray(page)


def test_more_digits_than_are_read_are_refused_and_not_taken_for_paper(reader):
    """A regression: the paper between them was read, as one or two digits, and surely."""
    assert len(reader.read(page_of(200)).digits) == 200
    for count in (201, 400):
        with pytest.raises(UserError, match="more than 200 digits, or marks like digits: cut the picture into parts"):
            reader.read(page_of(count))


def test_thousands_of_marks_take_no_longer_than_digits(reader):
    """A regression: each was compared with each, which took half a minute."""
    dots = np.ones((1_000, 1_000))
    for top in range(3, 990, 16):
        for left in range(4, 990, 16):
            dots[top : top + 9, left : left + 6] = 0
    started = time.process_time()
    with pytest.raises(UserError, match="more than 200"):
        reader.read(dots)
    assert time.process_time() - started < 5


def test_answers_are_the_same_again(reader):
    picture = written("4096", 205, 60, 0.35, np.random.default_rng(2))
    assert reader.read(picture).lines == reader.read(picture).lines


@pytest.mark.parametrize(
    ("changed", "line"),
    [({"labels": "no list"}, "metadata"), ({"temperature": "warm"}, "metadata"), ({"temperature": "0"}, "export")],
)
def test_a_model_that_says_too_little(tmp_path, changed, line):
    with pytest.raises(UserError, match=line):
        DigitReader(write_template_model(tmp_path / "model.onnx", **changed))


def test_command(model, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    picture = written("0317", 230, 40, 0.2, np.random.default_rng(0))
    picture.save(folder / "a.webp")
    picture.save(folder / "b.jpg")
    (folder / "c.png").write_bytes(b"no image")
    done = infer("--task", "handwritten_digits", "--model", model, "--json", folder, tmp_path / "absent.png")
    rows = json_lines(done)
    assert done.returncode == 1 and [row.get("text") for row in rows] == ["0317", "0317", None, None]
    assert set(rows[0]) == {"file", "text", "digits", "latency_ms"}
    assert set(rows[0]["digits"][0]) == {"digit", "confidence", "box"} and rows[0]["latency_ms"] > 0
    assert "not an image" in rows[2]["error"] and "no such file" in rows[3]["error"]


def test_command_for_people(model, tmp_path):
    written("0317", 230, 40, 0.2, np.random.default_rng(0)).save(tmp_path / "a.png")
    done = infer("--model", model, tmp_path / "a.png")
    assert done.returncode == 0 and "0317" in done.stdout and not done.stderr
    (tmp_path / "empty").mkdir()
    done = infer("--model", model, tmp_path / "empty")
    assert done.returncode == 1 and "no images in this folder" in done.stderr


def test_names_are_printed_on_one_line_and_without_escape_codes(model, tmp_path):
    written("0317", 230, 40, 0.2, np.random.default_rng(0)).save(tmp_path / "new\nline\x1b[31m.png")
    (tmp_path / "no\nimage.png").write_bytes(b"no image")
    done = infer("--model", model, tmp_path)
    assert done.stdout.startswith(f"{tmp_path}/new\\nline\\x1b[31m.png:  0317")
    assert done.stderr.startswith(f"{tmp_path}/no\\nimage.png: not an image")
    assert len(done.stdout.splitlines()) == len(done.stderr.splitlines()) == 1


def test_samples_are_what_the_program_draws():
    assert {path.name for path in FOLDER.iterdir()} == set(IMAGES)
    for number, (name, (text, *how, _kind)) in enumerate(IMAGES.items()):
        drawn = np.asarray(written(text, *how, np.random.default_rng(number)), float)
        shipped = np.asarray(Image.open(FOLDER / name).convert("L"), float)
        assert np.abs(drawn - shipped).mean() < 3


@pytest.mark.skipif(not released_model("handwritten_digits").is_file(), reason="the model is not built yet")
def test_released_model_reads_the_samples():
    """Golden answers, of the file that ships."""
    done = infer("--task", "handwritten_digits", "--json", FOLDER.relative_to(ROOT))
    told = {row["file"].rsplit("/", 1)[-1]: row for row in json_lines(done)}
    assert {name: row["text"] for name, row in told.items()} == {name: image[0] for name, image in IMAGES.items()}
    assert min(digit["confidence"] for row in told.values() for digit in row["digits"]) > 0.5
    assert json.loads(done.stdout.splitlines()[0])["latency_ms"] < 2_000
