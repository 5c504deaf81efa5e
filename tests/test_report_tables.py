"""The tables of README, results page and model card say what the files say."""

import copy
import json
from pathlib import Path

import pytest
from report_files import LIVE, STREAMED, row, written

from dwindle.errors import UserError
from dwindle.files import write_json
from dwindle.metrics import BITS, Metric, accuracy
from report.marked_page import BEGIN, END, with_region
from report.measurements import load_measurements
from report.results_page import UNKNOWN, results
from report.runs import load_runs, releases
from report.speech_card import card_results
from report.task_table import task_table

ROOT = Path(__file__).parents[1]


@pytest.fixture
def folders(tmp_path) -> tuple[Path, Path]:
    return written(tmp_path)


def test_the_results_page_says_what_the_results_say():
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    found = load_measurements(ROOT / "artifacts", ROOT / "logs")
    assert page == with_region(page, results(found), "results.md"), (
        "docs/results.md is behind artifacts/results.json: make report"
    )


def test_the_readme_has_a_line_for_each_released_task():
    page, tasks = (ROOT / "README.md").read_text(encoding="utf-8"), releases(load_runs(ROOT / "artifacts"))
    assert page == with_region(page, task_table(tasks), "README.md"), (
        "README.md is behind artifacts/*/results.json: make report"
    )
    assert 1 <= len(tasks) <= 6


def test_another_task_gets_a_line_once_it_has_a_file_to_ship(folders):
    assert task_table(releases(load_runs(folders[0]))).splitlines()[2:] == [
        "| spoken digits (unseen speakers) | 80,000 | 106 | 0.55 | 95.0% (88.8–97.8) | 337 | 97.0% (91.5–99.0) |"
    ]
    bits = Metric(1.25, 1.2, 1.3, 1_000, BITS, higher_is_better=False).as_row()
    rows = [row("student", "student"), row("onnx_int8", "exported", bytes=54_000, scores={"test": bits})]
    other = {"format": "dwindle-results-2", "task": "language_model", "rows": rows[:1]}
    write_json(folders[0] / "language_model" / "results.json", other)
    assert [run.task for run in releases(load_runs(folders[0]))] == ["spoken_digits"]
    write_json(folders[0] / "language_model" / "results.json", other | {"rows": rows})
    assert task_table(releases(load_runs(folders[0]))).splitlines()[3:] == [
        "| language model (test) | 80,000 | 54 | – | 1.250 bits per character (1.200–1.300) | 337 | – |"
    ]


def test_the_model_card_says_what_the_results_say():
    page = (ROOT / "artifacts" / "MODEL_CARD.md").read_text(encoding="utf-8")
    found = load_measurements(ROOT / "artifacts", ROOT / "logs")
    assert page == with_region(page, card_results(found), "MODEL_CARD.md"), (
        "MODEL_CARD.md is behind artifacts/results.json: make report"
    )


def test_the_model_card_names_each_set_and_voice(folders):
    write_json(folders[1] / "leave_one_speaker_out" / "scores.json", {"theo": accuracy(49, 50).as_row()})
    text = card_results(load_measurements(*folders))
    assert "| unseen speakers | choices were made by it | 95 of 100 | 95.0 (88.8–97.8) |" in text
    assert "| FSDD test | reported only | 95 of 100 | 95.0 (88.8–97.8) |" in text
    assert "| FSDD, ann | heard in training | 2 of 2 |" in text
    assert "| FSDD, theo | by another model, that never heard it | 49 of 50 |" in text
    assert "by their number of misheard clips: 1 with 0, 1 with 1." in text
    assert "less probable than 0.500 in a clip" in text


def test_a_changed_number_changes_the_tables(folders):
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    written = with_region(page, results(load_measurements(*folders)), "page.md")
    assert written.startswith(f"before\n{BEGIN}\n## Spoken digits\n")
    assert written.endswith(f"{END}\nafter\n")
    assert with_region(written, results(load_measurements(*folders)), "page.md") == written
    content = json.loads((folders[0] / "results.json").read_text(encoding="utf-8"))
    for change in (
        lambda rows: rows[0]["scores"]["fsdd_test"].update(accuracy(90, 100).as_row()),
        lambda rows: rows[3].update(nonzeros=47_999),
        lambda rows: rows[-1].update(bytes=99_000),
        lambda rows: rows[-1]["latency"]["1_threads"].update(median_ms=0.75),
    ):
        changed = copy.deepcopy(content)
        change(changed["rows"])
        write_json(folders[0] / "results.json", changed)
        assert with_region(written, results(load_measurements(*folders)), "page.md") != written


def test_the_tables_hold_every_version_once_and_the_figures_of_the_files(folders):
    write_json(folders[1] / "streaming.json", STREAMED | {"streams": [LIVE | {"streams": "other"}, LIVE]})
    text = results(load_measurements(*folders))
    versions = [line.split("|")[1].strip() for line in text.splitlines() if line.count("|") == 9][2:]
    assert versions == ["teacher", "distilled student", "pruned", "**onnx_int8.onnx (ONNX, what ships)**"]
    assert "| pruned | 48,000 of 80,000 | 337 | 0.71 | 96.0 (90.2–98.4) |" in text
    assert "| test accuracy | 98.2% | 95.0 (88.8–97.8) FSDD test; 95.0 (88.8–97.8) unseen speakers |" in text
    assert "| latency of one answer | 12.8 ms | 0.55 ms, one run of the network |" in text
    assert "| latency, live | 145 ms | median 44 ms after the word's last sample; 95% at most 150 ms after it |" in text
    assert "| size | 720 KB | 106 kB |" in text
    assert "| speed-up from INT8 | 1.45× | 1.40× (INT8 weights, arithmetic in float) |" in text
    assert "Chip 9" in text
    before = {"streams": [LIVE | {"latency_median_ms": -75.0}]}
    write_json(folders[1] / "streaming.json", STREAMED | before)
    assert "| median 75 ms before the word's last sample; 95% at most" in results(load_measurements(*folders))
    for other in (before, before | {"model_sha256": "of-an-earlier-release"}):
        write_json(folders[1] / "streaming.json", other)
        assert f"| latency, live | 145 ms | {UNKNOWN} |" in results(load_measurements(*folders))


def test_running_speech_is_shown_beside_the_reference(folders):
    assert "no figures of this model" in results(load_measurements(*folders))
    noise = {"streams": "noise only", "digits": 0, "insertions": 119, "minutes": 60.0, "interval": [1.65, 2.3]}
    theirs = {"streams": LIVE["streams"], "error_rate": 0.29, "interval": [0.25, 0.33]}
    write_json(folders[1] / "streaming.json", STREAMED | {"streams": [LIVE, noise], "reference": [theirs]})
    text = results(load_measurements(*folders))
    line = "| 6.9 (5.3–8.7) of 1,532 | 29.0 (25.0–33.0) | 44 | 150 |"
    assert f"| unseen speakers, pauses of 0.2 to 1 s {line}" in text
    assert "| noise only | 119 (99–138) false digits in 60 minutes | – | – | – |" in text
    assert line in card_results(load_measurements(*folders))
    breath = {"streams": "synthetic voices, one breath", "digits": 823, "error_rate": 0.1, "interval": [0.08, 0.13]}
    write_json(folders[1] / "streaming.json", STREAMED | {"streams": [breath]})  # without known ends, no latency
    assert "one breath | 10.0 (8.0–13.0) of 823 | – | – | – |" in results(load_measurements(*folders))
    assert "live streams" not in text
    cost = {"streams_per_core": 321, "processor": "Chip 8"}
    cost |= {"memory_mb": {"after_a_minute": 77.0, "after_an_hour": 78.5}}
    write_json(folders[1] / "streaming.json", STREAMED | {"streams": [LIVE]} | cost)
    assert "One core (Chip 8) carried 321 live streams" in (text := results(load_measurements(*folders)))
    assert "77.0 MB after a minute, 78.5 MB after an hour" in text
    assert "from all others" not in text
    thresholds = {"threshold": 0.4, "lone_threshold": 0.8, "noisy_threshold": 0.8}
    for noisy, said in ((0.8, "from all others from 0.8 on,"), (0.9, "from all others from 0.8 on (0.9 amid noise),")):
        thresholds["noisy_threshold"] = noisy
        write_json(folders[1] / "streaming.json", STREAMED | {"streams": [LIVE]} | thresholds)
        assert f"confidence of 0.4 on; one that stands 2 s {said}" in results(load_measurements(*folders))


def test_times_of_another_processor_are_not_shown(folders):
    """A regression: a width trained on a faster machine looked five times as fast as the release."""
    content = json.loads((folders[0] / "results.json").read_text(encoding="utf-8"))
    timed_line = "| pruned | 48,000 of 80,000 | 337 | 0.71 |"
    for chip, shown in (("Chip 9", True), ("Chip 10", False)):
        content["rows"] = [row | {"processor": chip} for row in content["rows"]]
        write_json(folders[0] / "results.json", content)
        assert (timed_line in results(load_measurements(*folders))) == shown


def test_another_width_stands_beside_the_release(folders):
    narrow = [
        row("distilled student", "distilled", 90, parameters=15_432, parent_sha256="of-the-checkpoint"),
        row("student", "distilled", 90, parameters=15_432),
        row("pruned_fp16", "quantised", 90),
    ]
    content = {"format": "dwindle-results-2", "task": "spoken_digits", "rows": narrow}
    write_json(folders[0] / "width-24" / "results.json", content)
    text = results(load_measurements(*folders))
    assert "| width 24 student | 15,432 | 337 |" in text
    assert "float16" not in text
    assert "| distilled student | 80,000 |" in text
    narrow[0]["parent_sha256"] = "of a student that is gone"
    write_json(folders[0] / "width-24" / "results.json", content)
    assert "| width 24 student (earlier release) | 15,432 | 337 |" in results(load_measurements(*folders))


def test_what_was_not_measured_is_not_invented(folders):
    content = json.loads((folders[0] / "results.json").read_text(encoding="utf-8"))
    content["rows"] = [one for one in content["rows"] if one["version"] == "pruned"]
    del content["rows"][0]["scores"]["noise_10_db"]
    write_json(folders[0] / "results.json", content)
    (folders[0] / "export_results.json").unlink()
    text = results(load_measurements(*folders))
    assert text.count(UNKNOWN) == 6
    assert "teacher" not in text
    assert "| 96.0 (90.2–98.4) | – | 96.0 (90.2–98.4) |" in text


@pytest.mark.parametrize("page", ["no marks", BEGIN, f"{END}\n{BEGIN}", f"{BEGIN}{BEGIN}{END}"])
def test_a_page_without_its_two_marks_is_left_alone(folders, page):
    with pytest.raises(UserError, match="must stand there once each"):
        with_region(page, results(load_measurements(*folders)), "page.md")
