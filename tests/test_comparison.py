"""All tasks side by side: the pages say what the results say, and each comparison is of what it names."""

import json
from pathlib import Path

import pytest
from report_files import row, written

from dwindle.errors import UserError
from dwindle.files import write_json
from dwindle.metrics import BITS, Metric, accuracy
from report.comparison import Commands, comparison, families_missing, networks
from report.comparison_page import comparison_data, written_comparison
from report.marked_page import with_region
from report.model_cards import card, few_shot, foreign
from report.runs import CNN, LSTM, TRANSFORMER, Run, level_of, levels, load_runs, releases
from report.summary import answer, summary, task_results, version_line
from report.techniques import DISTILLED, change_text, effects, is_beyond_error, technique_of

ROOT = Path(__file__).parents[1]
TIMED = {"onnxruntime": {"median_ms": 2.0, "p95_ms": 3.0}, "pytorch": {"median_ms": 8.0, "p95_ms": 9.0}}
FASTER = {"onnxruntime": {"median_ms": 1.0, "p95_ms": 2.0}}


def bits(value: float, half: float = 0.05) -> dict:
    scores = {"test": Metric(value, value - half, value + half, 1_000, BITS, higher_is_better=False).as_row()}
    return {"scores": scores}


@pytest.fixture
def language() -> Run:
    """A teacher, its student, and the student pruned and quantised."""
    trained = "python train_distill.py --task language_model"
    rows = [
        row("teacher", "teacher", bytes=8_000_000, command=trained, **bits(2.0)),
        row("distilled student", "distilled", bytes=1_990_000, command=trained, sha256="checkpoint", **bits(2.1)),
        row("student", "distilled", bytes=2_000_000, parent_sha256="checkpoint", latency=TIMED, **bits(2.1)),
        row("pruned", "pruned", bytes=2_000_000, latency=TIMED, **bits(2.11)),
        row("sweep_50", "pruned", bytes=2_000_000, **bits(2.3)),
        row("pruned_table4", "quantised", bytes=1_500_000, latency=TIMED, **bits(2.11)),
        row("pruned_table4_dynamic", "quantised", bytes=500_000, latency=FASTER, file="quantized.onnx", **bits(2.12)),
        row("pruned_qat", "quantised", bytes=500_000, latency=FASTER, **bits(2.4)),
        row("onnx_int8", "exported", bytes=500_000, sha256="of-the-file", **bits(2.12)),
    ]
    return Run("language_model", "", rows)


@pytest.mark.parametrize(
    ("path", "made", "marked"),
    [
        ("docs/comparison.md", comparison, True),
        ("artifacts/optimization_summary.md", summary, False),
    ],
)
def test_the_pages_say_what_the_results_say(path, made, marked):
    page, text = (ROOT / path).read_text(encoding="utf-8"), made(load_runs(ROOT / "artifacts"))
    assert page == (with_region(page, text, path) if marked else text), f"{path} is behind the results: make report"


@pytest.mark.parametrize("run", releases(load_runs(ROOT / "artifacts"))[1:], ids=lambda run: run.task)
def test_the_page_of_a_task_says_what_its_results_say(run):
    page = (ROOT / "docs" / f"{run.task}.md").read_text(encoding="utf-8")
    assert page == with_region(page, task_results(run), f"{run.task}.md"), "it is behind the results: make report"


@pytest.mark.parametrize("run", releases(load_runs(ROOT / "artifacts"))[1:], ids=lambda run: run.task)
def test_each_task_beside_speech_has_a_card_that_says_what_its_results_say(run):
    folder = ROOT / "artifacts" / run.task
    page = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert page == with_region(page, card(run, folder), "MODEL_CARD.md"), "the card is behind the results: make report"
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    assert {"## How to use it", "## What it learnt from", "## Never tried on", "## Licence"} <= set(headings)


def test_every_command_stands_beside_the_figures_that_it_made():
    text = comparison(load_runs(ROOT / "artifacts"))
    for run in load_runs(ROOT / "artifacts"):
        shown = [run.trained_by(one) for one in networks(run)] if run.name else run.rows
        assert [one["version"] for one in shown if f"`{one['command']}`" not in text] == []


def test_commands_get_letters_in_the_order_in_which_they_are_asked():
    commands = Commands()
    assert [commands.letter({"command": f"python {number}.py"}) for number in (*range(28), 1)][-3:] == ["aa", "ab", "b"]
    assert commands.listed().splitlines()[1] == "- b: `python 1.py`"


def test_versions_are_compared_with_what_they_were_made_from(language):
    made_from = {one.row["version"]: one.base["version"] for one in effects(language)}
    assert made_from == {
        "student": "teacher",
        "pruned": "student",
        "pruned_table4": "pruned",
        "pruned_table4_dynamic": "pruned_table4",
        "pruned_qat": "pruned_table4",  # its table is packed as well
    }
    by_version = {one.row["version"]: one for one in effects(language)}
    assert by_version["student"].technique == DISTILLED
    dynamic = by_version["pruned_table4_dynamic"]
    assert (dynamic.times_smaller, dynamic.times_faster, dynamic.cost) == (3.0, 2.0, "≈ 0.010 bits per character worse")
    assert by_version["student"].cost == "0.100 bits per character worse"


def test_a_checkpoint_that_is_there_as_a_file_too_is_told_of_once(language):
    assert [one["version"] for one in language.versions][:2] == ["teacher", "student"]
    assert language.trained_by(language.rows[2]) is language.rows[1]
    assert "sweep_50" not in [one["version"] for one in language.versions]


def test_the_answer_to_how_much_smaller_how_much_faster_at_what_cost(language):
    cells = answer(language)
    assert cells[3:] == ["4.0×", "16.0×", "2.0×", "8.0×", *cells[7:]]
    assert cells[7:] == ["≈ 0.020 bits per character worse", "0.120 bits per character worse"]
    line = version_line(language, language.rows[2], ["test"])
    assert line[3:] == ["25.0%", "95.2%", "2.00", "8.00", "4.0×"]  # beside the float student: the teacher is not timed
    language.rows[0]["latency"] = {"pytorch": {"median_ms": 40.0, "p95_ms": 41.0}}
    assert version_line(language, language.rows[2], ["test"])[-1] == "20.0×"


def test_scores_are_compared_on_a_set_that_both_know(language):
    language.rows[0]["scores"] = {"held_out": accuracy(90, 100).as_row()}
    assert answer(language)[-1] == "–"
    language.rows[-1]["scores"]["held_out"] = accuracy(70, 100).as_row()
    assert answer(language)[-1] == "20.0 points worse (held out)"


def test_a_difference_within_one_standard_error_is_marked():
    good, same, bad = accuracy(900, 1_000), accuracy(899, 1_000), accuracy(800, 1_000)
    assert [change_text(good, one) for one in (good, same, bad)] == [
        "no change",
        "≈ 0.1 points worse",
        "10.0 points worse",
    ]
    assert [is_beyond_error(good, one) for one in (same, bad)] == [False, True]
    assert not is_beyond_error(bad, good)


def test_kinds_of_networks_are_told_by_the_commands_that_made_them(language):
    assert language.family(language.rows[3]) == TRANSFORMER
    language.rows[1]["command"] += " --architecture lstm"
    assert language.family(language.rows[3]) == LSTM
    assert [line.split(",")[0] for line in families_missing([language])[1].splitlines()] == ["- sentiment"]
    reviews = Run("sentiment", "", [row("teacher", "teacher"), row("student", "student")])
    for one in reviews.rows:
        one["command"] = "python train_distill.py --task sentiment --architecture convolution"
    assert [reviews.family(one) for one in reviews.rows] == [TRANSFORMER, CNN]


def test_levels_are_those_of_the_pruned_network(language):
    assert [one["version"] for one in levels(language).values()] == [
        "pruned_table4",
        "pruned_table4_dynamic",
        "pruned_qat",
    ]
    assert level_of("structured_30_int8_weights") == ("structured_30", "int8_weights")
    assert technique_of({"version": "structured_30", "stage": "structured"}) == "channels, heads or units cut"


def test_runs_to_compare_with_stand_beside_the_release(tmp_path, language):
    artifacts, _ = written(tmp_path)
    content = {"format": "dwindle-results-2", "task": "language_model", "rows": language.rows}
    write_json(artifacts / "language_model" / "results.json", content)
    write_json(artifacts / "compared" / "lstm" / "results.json", content)
    write_json(artifacts / "somewhere" / "results.json", content)  # of nobody's comparison
    assert [(run.task, run.name) for run in load_runs(artifacts)] == [
        ("spoken_digits", ""),
        ("language_model", ""),
        ("language_model", "lstm"),
    ]
    assert "| language model, lstm |" in comparison(load_runs(artifacts))
    with pytest.raises(UserError, match="no such folder"):
        load_runs(tmp_path / "nowhere")


def test_the_interactive_page_holds_every_row_and_needs_nothing_else(tmp_path, language):
    text = written_comparison([language], tmp_path / "page.html").read_text(encoding="utf-8")
    data = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
    assert data == json.loads(json.dumps(comparison_data([language])))
    assert [one["version"] for one in data["runs"][0]["rows"]] == [one["version"] for one in language.versions]
    assert not [part for part in ("<link", " src=", "http://", "@import") if part in text]


def test_benches_beside_a_model_stand_on_its_card():
    rows = [{"shots": 1, "way": "scratch", "mean": 0.5, "half_width": 0.02, "draws": 10}]
    text = few_shot(
        {"rows": rows, "parameters": 9_000, "judged_on": 2_000, "command": "python -m bench.few_shot_digits"}, {}
    )
    assert "| 1 | 50.0 ± 2.0 |" in text
    other = {"sha256": "of-it", "command": "python x.py", "rows": [{"look": "as it is", **accuracy(9, 10).as_row()}]}
    assert "| as it is | 90.0% (59.6–98.2) |" in foreign(other, {"sha256": "of-it"})
    assert foreign(other, {"sha256": "of-another"}) == ""
