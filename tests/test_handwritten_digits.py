"""The task: its data, its networks, and all stages on a little MNIST that a program wrote."""

import gzip
import json
import sys

import numpy as np
import pytest
import torch

import export_models
import prune_and_quantize
import train_distill
from dwindle.data.source import MNIST
from dwindle.engine import onnx_engine, torch_engine
from dwindle.errors import UserError
from dwindle.export.measure import parameters
from dwindle.export.onnx_file import metadata_of, read_onnx
from dwindle.infer.images.reader import DigitReader
from dwindle.task import open_task, options_of
from dwindle.tasks.images import corruptions, datasets, handwritten_digits, segments
from dwindle.tasks.images.datasets import Digits, drawn_digits
from dwindle.tasks.images.handwritten_digits import fitted_temperature, shape_of
from samples.make_images import row_of_digits


def write_idx(path, values: np.ndarray) -> None:
    """A gzipped idx file of bytes."""
    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    path.write_bytes(gzip.compress(header + values.tobytes(), 1))


@pytest.fixture
def little_mnist(tmp_path, monkeypatch):
    """A data directory with 640 and 100 images, drawn by a program; 128 of them validate."""
    monkeypatch.setattr(datasets, "VALIDATION", 128)
    monkeypatch.setattr(handwritten_digits, "DRAWN", 64)
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    for seed, (name, count) in enumerate({"train": 640, "t10k": 100}.items()):
        drawn = drawn_digits(count, seed)
        pixels = (drawn.images[:, 0].numpy() * 255).astype(np.uint8)
        write_idx(folder / f"{name}-images-idx3-ubyte.gz", pixels)
        write_idx(folder / f"{name}-labels-idx1-ubyte.gz", drawn.targets.numpy().astype(np.uint8))
    assert MNIST.is_present(tmp_path / "data")
    return tmp_path / "data"


def opened(data_dir=None, **options):
    return open_task("handwritten_digits", options_of("handwritten_digits", data_dir=data_dir, **options))


def test_networks_keep_their_promises():
    task = opened()
    assert parameters(task.build("student")[0]) < 10_000
    for network, arguments in (task.build("teacher"), task.build("student"), task.build("student", 6)):
        again = task.rebuild(arguments)
        again.load_state_dict(network.state_dict())
        logits, embedding = again(torch.rand(2, 1, 28, 28))
        assert logits.shape == (2, 10) and embedding.shape == (2, network.answer.in_features)


def test_the_nano_has_under_a_thousand_parameters():
    task = opened(network="nano")
    networks = [task.build("student", width)[0] for width in (None, 6)]
    assert parameters(networks[1]) < parameters(networks[0]) < 1_000
    for network, channels in zip(networks, (10, 6), strict=True):
        assert [tuple(output.shape) for output in network(torch.rand(2, 1, 28, 28))] == [(2, 10), (2, channels)]


def test_baseline_finds_its_flattened_size():
    task = opened(network="baseline")
    for width in (None, 6):
        network, _ = task.build("student", width)
        assert [tuple(output.shape) for output in network(torch.rand(2, 1, 28, 28))] == [(2, 10), (2, 64)]


def test_wider_students_are_larger():
    sizes = [parameters(opened().build("student", width)[0]) for width in (4, 6, 8, 12, 16, 24)]
    assert sizes == sorted(sizes) and shape_of(16)["last_channels"] == 20


def test_parts_do_not_overlap(little_mnist):
    parts = opened(str(little_mnist)).parts
    assert (len(parts.training), len(parts.validation), len(parts.test)) == (512, 128, 100)
    known = {image.numpy().tobytes() for image in parts.training.images}
    assert not known & {image.numpy().tobytes() for image in parts.validation.images}


@pytest.mark.parametrize(
    ("file", "values", "line"),
    [
        ("train-images-idx3-ubyte.gz", np.zeros((640, 27, 28), np.uint8), "28 x 28"),
        ("train-labels-idx1-ubyte.gz", np.zeros(639, np.uint8), "not a digit for each"),
        ("t10k-labels-idx1-ubyte.gz", np.full(100, 10, np.uint8), "not a digit for each"),
    ],
)
def test_foreign_idx_files_give_one_line(little_mnist, file, values, line):
    write_idx(little_mnist / "mnist" / file, values)
    with pytest.raises(UserError, match=line):
        _ = opened(str(little_mnist)).parts


def test_damaged_idx_files_give_one_line(little_mnist):
    path = little_mnist / "mnist" / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:1_000])
    with pytest.raises(UserError, match="damaged"):
        _ = opened(str(little_mnist)).parts
    path.write_bytes(gzip.compress(b"\0\0\x0d\x03" + bytes(100)))
    with pytest.raises(UserError, match="idx"):
        _ = opened(str(little_mnist)).parts


def test_without_mnist_the_command_that_fetches_it(tmp_path):
    with pytest.raises(UserError, match=r"python -m dwindle.data fetch mnist"):
        _ = opened(str(tmp_path)).parts


@pytest.mark.parametrize("name", corruptions.CORRUPTIONS)
def test_corruptions_change_images_and_no_targets(name):
    digits = drawn_digits(20, 4)
    changed = corruptions.corrupted(digits, name)
    assert changed.images.shape == digits.images.shape and changed.targets.equal(digits.targets)
    assert changed.images.min() >= 0 and changed.images.max() <= 1
    assert (changed.images - digits.images).abs().mean() > 0.005
    assert changed.images.equal(corruptions.corrupted(digits, name).images)


@pytest.mark.parametrize("look", [corruptions.inverted, corruptions.photographed])
def test_the_reader_gives_back_what_was_photographed(look):
    digits = drawn_digits(20, 4)
    found = corruptions.through_reader(digits, look).images
    fits = torch.cosine_similarity(found.flatten(1), digits.images.flatten(1))
    assert fits.median() > 0.9


def test_drawn_digits_are_even_and_the_same_again():
    digits = drawn_digits(50, 1)
    assert digits.targets.bincount().tolist() == [5] * 10
    assert digits.images.equal(drawn_digits(50, 1).images) and not digits.images.equal(drawn_digits(50, 2).images)


def test_temperature_makes_confidence_honest():
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 10, 4_000)
    honest = rng.normal(0, 1, (4_000, 10))
    honest[np.arange(4_000), targets] += 2
    chances = np.exp(honest) / np.exp(honest).sum(axis=1, keepdims=True)
    drawn = np.array([rng.choice(10, p=row) for row in chances])
    assert fitted_temperature(3 * honest, drawn) == pytest.approx(3, rel=0.15)


def test_segments_of_a_display_are_read_from_an_embedding():
    torch.manual_seed(0)
    mixed, digits = torch.randn(10, 16), torch.arange(400) % 10
    embeddings = mixed[digits] + 0.3 * torch.randn(400, 16) + 5
    weights = torch.tensor(json.loads(segments.as_metadata(segments.fitted_segments(embeddings, digits))))
    new = mixed[digits] + 0.3 * torch.randn(400, 16) + 5
    lit = (new @ weights[:, :-1].T + weights[:, -1] > 0).float()
    assert (lit == segments.SEGMENTS[digits]).float().mean() > 0.97
    assert segments.SEGMENTS.sum(dim=1).tolist() == [6, 2, 5, 5, 4, 5, 6, 3, 7, 6]  # as on any display


def test_augmentation_keeps_shape_and_range(little_mnist):
    task = opened(str(little_mnist))
    torch.manual_seed(0)
    batch = next(iter(task.training_batches(64)))
    changed = task.augment(batch)
    assert changed["image"].shape == batch["image"].shape and changed["target"].equal(batch["target"])
    assert changed["image"].min() >= 0 and changed["image"].max() <= 1
    assert not changed["image"].equal(batch["image"])


def run_stage(monkeypatch, stage, *arguments) -> None:
    monkeypatch.setattr(sys, "argv", [f"{stage.__name__}.py", "--task", "handwritten_digits", *map(str, arguments)])
    stage.main()


def test_all_stages(little_mnist, tmp_path, monkeypatch):
    """Teacher, student, pruned, quantised, exported; then an image is read by what was exported."""
    common = ("--data_dir", little_mnist, "--output_dir", tmp_path / "out")
    logs = ("--log_dir", tmp_path / "logs", "--batch_size", 64)
    run_stage(monkeypatch, train_distill, *common, *logs, "--teacher_epochs", 1, "--epochs", 12, "--width", 8)
    short = ("--steps", 1, "--last_epochs", 1, "--qat_epochs", 1, "--structured_epochs", 1, "--rounds", 2)
    run_stage(monkeypatch, prune_and_quantize, *common, *short, "--batch_size", 64, "--structured", 0.5)
    run_stage(monkeypatch, export_models, *common)
    rows = {row["version"]: row for row in json.loads((tmp_path / "out" / "results.json").read_text())["rows"]}
    assert {"teacher", "distilled student", "pruned", "structured_50", "pruned_qat", "onnx_int8"} <= set(rows)
    assert {"test", "corrupted_validation", "photographed", "drawn"} <= set(rows["onnx_int8"]["scores"])
    assert rows["teacher"]["latency"]["pytorch"]["median_ms"] > 0  # in turns with the versions of its student
    shipped = tmp_path / "out" / "model_int8.onnx"
    assert shipped.stat().st_size < 20_000
    task = opened(str(little_mnist))
    ported = onnx_engine(shipped)({"image": task.tests["test"].images})["logits"]
    assert (ported.argmax(dim=1) == task.tests["test"].targets).float().mean() > 0.8
    width = onnx_engine(shipped)({"image": task.tests["test"].images[:1]})["embedding"].shape[1]
    assert np.array(json.loads(metadata_of(read_onnx(shipped))["segments"])).shape == (7, width + 1)
    ink = row_of_digits("0716", np.random.default_rng(0))
    assert len(DigitReader(shipped).read(1 - 0.8 * ink).text) == 4


def test_scores_count_what_is_right(little_mnist):
    task = opened(str(little_mnist))
    always_three = torch_engine(torch.nn.Identity(), ["image"], ["logits"])

    def threes(feed):
        count = len(always_three(feed)["logits"])
        return {"logits": torch.nn.functional.one_hot(torch.full((count,), 3), 10).float()}

    scores = task.evaluate(threes)
    expected = (task.tests["test"].targets == 3).float().mean()
    assert scores["test"].value == pytest.approx(float(expected)) and scores["test"].count == 100
    assert task.validate(threes).count == sum(map(len, task.validation.values()))
    assert isinstance(task.tests["test"], Digits)
