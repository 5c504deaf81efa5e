"""The five scripts with --task sentiment, one after the other, from a model in the hub's format to an answer."""

import json

import pytest
from script_process import run_script
from tiny_reviews import write_pretrained, write_reviews

from dwindle.export.onnx_file import metadata_of, read_onnx
from dwindle.infer.text.sentiment_model import SentimentModel
from dwindle.results import load_results

pytestmark = pytest.mark.slow(seconds=60)
TASK = ("--task", "sentiment", "--data_dir", "data")
TRIALS = ("--trials", "100")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What all stages leave behind."""
    folder = tmp_path_factory.mktemp("stages")
    write_reviews(folder / "data")
    write_pretrained(folder / "bert")
    flags = ("--epochs", "16", "--batch_size", "16", "--lr", "6e-3", "--vocabulary", "78", "--made_up", "40")
    done(folder, "train_distill.py", *TASK, "--teacher", "bert", *flags)
    flags = ("--steps", "2", "--epochs_per_step", "1", "--batch_size", "16", "--made_up", "0", "--rounds", "2")
    flags += ("--structured", "0.5", "--structured_epochs", "1", "--qat_epochs", "1", "--target_sparsity", "0.2")
    done(folder, "prune_and_quantize.py", *TASK, *flags, "--table_bits", "4", *TRIALS)
    done(folder, "export_models.py", *TASK, *TRIALS)
    return folder


def done(folder, *line):
    finished = run_script(folder, *line)
    assert finished.returncode == 0, finished.stderr[-3000:]
    return finished


def test_every_version_has_a_row_with_its_scores(folder):
    rows = {row["version"]: row for row in load_results(folder / "artifacts/sentiment/results.json")["rows"]}
    expected = {"teacher", "distilled student", "student", "pruned", "structured_50", "pruned_fp16", "torchscript"}
    assert expected <= set(rows)
    assert any("dynamic" in name for name in rows)
    assert all({"held_out", "dev", "test", "other_reviews"} <= set(row["scores"]) for row in rows.values())


def test_the_shipped_file_answers_and_holds_its_tokenizer(folder):
    path = folder / "artifacts/sentiment/model_int8.onnx"
    assert metadata_of(read_onnx(path))["sense"] == "read"
    model = SentimentModel(path)
    assert model.classify("the film is lovely").label == "positive"
    assert model.classify("the film is awful").label == "negative"


def test_infer_answers_a_line_with_a_row(folder):
    said = done(
        folder,
        "infer.py",
        "--model",
        "artifacts/sentiment/model_int8.onnx",
        "--json",
        "the film is lovely",
        "the film is awful",
    )
    rows = [json.loads(line) for line in said.stdout.splitlines()]
    assert [row["label"] for row in rows] == ["positive", "negative"]


def test_a_teacher_that_is_neither_a_folder_nor_on_the_hub_is_one_line(folder):
    finished = run_script(folder, "train_distill.py", *TASK, "--teacher", "no/such-model-here", "--output_dir", "x")
    assert finished.returncode == 1
    assert finished.stderr.strip().splitlines()[-1].startswith("train_distill.py: no/such-model-here: no pretrained")
    assert "Traceback" not in finished.stderr
