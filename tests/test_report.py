"""The report: tables and page say what the files hold, leave out what is missing, and need nothing else."""

import copy
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch

from bench.answers import BRIGHTEST_DB, DARKEST_DB, coded
from dwindle.errors import UserError
from dwindle.files import write_json
from dwindle.results import validate
from dwindle.scores import Score
from notebooks.marked_page import BEGIN, END, with_region
from notebooks.measurements import confusions, load_measurements, right_by_speaker
from notebooks.model_card import card_results
from notebooks.readme_tables import UNKNOWN, results
from notebooks.report_page import written_page

ROOT = Path(__file__).parents[1]
SETS = ("fsdd_test", "unseen_speakers", "noise_20_db", "noise_10_db", "noise_0_db", "other_words_test_rejected")
SHIPPED_MS = {"1_threads": {"median_ms": 0.55, "p95_ms": 0.67}}
TIMES_MS = {"onnx": 0.7, "onnx_int8": 0.5}
STREAMED = {"model_sha256": "of-the-file"}
LIVE = {"streams": "unseen speakers, gaps 0.2-1 s", "latency_median_ms": 44.4, "latency_p95_ms": 150.0}
LIVE |= {"digits": 1_532, "error_rate": 0.069, "interval": [0.053, 0.087]}


def row(version: str, stage: str, correct: int = 96, **own) -> dict:
    scores = {name: Score(correct, 100).as_row() for name in SETS}
    base = {"version": version, "stage": stage, "command": "python x.py", "parameters": 80_000, "bytes": 337_000}
    return base | {"nonzeros": 80_000, "file": f"{version}.onnx", "scores": scores} | own


def rows() -> list[dict]:
    timed = {"onnxruntime": {"median_ms": 0.71, "p95_ms": 1.0}}
    return [
        row("teacher", "teacher", 99, file="teacher.pt"),
        row("distilled student", "distilled", 97, file="student.pt", sha256="of-the-checkpoint"),
        row("student", "distilled", 97, parent_sha256="of-the-checkpoint", latency=timed),
        row("pruned", "pruned", nonzeros=48_000, latency=timed),
        *(row(f"sweep_{zeros}", "pruned", 97 - zeros // 10, nonzeros=800 * (100 - zeros)) for zeros in (30, 60, 90)),
        row("onnx_int8", "exported", 95, bytes=105_664, sha256="of-the-file", latency=SHIPPED_MS, threshold=0.5),
    ]


def answers() -> dict:
    heard = {"heard": [0, 1, 1, 1], "probability": [990_000, 980_000, 700_000, 200_000]}
    clips = {"said": [0, 1, 0, 1], "speakers": ["ann", "bob"], "speaker": [0, 0, 1, 1]}
    others = {"heard": [3, 4], "probability": [10, 600_000]}
    model = {"fsdd_test": heard, "unseen_speakers": heard, "other_words_test": others}
    picture = coded(torch.zeros(40, 61))
    return {
        "format": "dwindle-answers-1",
        "labels": [*"0123456789", "reject"],
        "clips": {"fsdd_test": clips, "unseen_speakers": clips, "other_words_test": {"said": [10, 10]}},
        "models": [{"file": "onnx_int8.onnx", "sha256": "of-the-file", "threshold": 0.5, "sets": model}],
        "misheard": [{"set": "unseen_speakers", "clip": clip, "log_mel": picture} for clip in (2, 3)],
        "picture": {"bands": 40, "frame_s": 0.016, "darkest_db": DARKEST_DB, "brightest_db": BRIGHTEST_DB},
    }


def epoch(number: int) -> dict:
    score = Score(80 + number, 100).as_row()
    return {"name": "student", "epoch": number, "loss": 2 / number, "validation": score}


@pytest.fixture
def folders(tmp_path) -> tuple[Path, Path]:
    """Results and logs as the stages leave them."""
    artifacts, logs = tmp_path / "artifacts", tmp_path / "logs"
    content = {"format": "dwindle-results-1", "task": "spoken_digits", "rows": rows()}
    validate(content)
    write_json(artifacts / "results.json", content)
    engines = [{"engine": name, "threads": 1, "batch_size": 1, "median_ms": ms} for name, ms in TIMES_MS.items()]
    write_json(artifacts / "export_results.json", {"machine": {"processor": "Chip 9"}, "latency": engines})
    write_json(logs / "answers.json", answers())
    whole = "\n".join(json.dumps(epoch(number)) for number in (1, 2, 3))
    (logs / "artifacts-student.jsonl").write_text(
        f'{whole}\n{{"name": "stud', encoding="utf-8"
    )  # stopped while writing
    return artifacts, logs


def test_the_readme_says_what_the_results_say():
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    found = load_measurements(ROOT / "artifacts", ROOT / "logs")
    assert page == with_region(page, results(found), "README.md"), (
        "README.md is behind artifacts/results.json: make report"
    )


def test_the_model_card_says_what_the_results_say():
    page = (ROOT / "artifacts" / "MODEL_CARD.md").read_text(encoding="utf-8")
    found = load_measurements(ROOT / "artifacts", ROOT / "logs")
    assert page == with_region(page, card_results(found), "MODEL_CARD.md"), (
        "MODEL_CARD.md is behind artifacts/results.json: make report"
    )


def test_the_model_card_names_each_set_and_voice(folders):
    write_json(folders[1] / "leave_one_speaker_out" / "scores.json", {"theo": Score(49, 50).as_row()})
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
    assert written.startswith(f"before\n{BEGIN}\n## Results\n")
    assert written.endswith(f"{END}\nafter\n")
    assert with_region(written, results(load_measurements(*folders)), "page.md") == written
    content = json.loads((folders[0] / "results.json").read_text(encoding="utf-8"))
    for change in (
        lambda rows: rows[0]["scores"]["fsdd_test"].update(Score(90, 100).as_row()),
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
    assert "| latency of one answer | 12.8 ms | 0.55 ms |" in text
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
    noise = {"streams": "noise only", "digits": 0, "insertions": 119, "minutes": 60.0, "false_alarms_per_minute": 1.98}
    theirs = {"streams": LIVE["streams"], "error_rate": 0.29, "interval": [0.25, 0.33]}
    write_json(folders[1] / "streaming.json", STREAMED | {"streams": [LIVE, noise], "reference": [theirs]})
    text = results(load_measurements(*folders))
    line = "| 6.9 (5.3–8.7) of 1,532 | 29.0 (25.0–33.0) | 44 | 150 |"
    assert f"| unseen speakers, pauses of 0.2 to 1 s {line}" in text
    assert "| noise only | 119 false digits in 60 minutes | – | – | – |" in text
    assert line in card_results(load_measurements(*folders))
    assert "live streams" not in text
    cost = {"streams_per_core": 321, "processor": "Chip 8"}
    cost |= {"memory_mb": {"after_a_minute": 77.0, "after_an_hour": 78.5}}
    write_json(folders[1] / "streaming.json", STREAMED | {"streams": [LIVE]} | cost)
    assert "One core (Chip 8) carried 321 live streams" in (text := results(load_measurements(*folders)))
    assert "77.0 MB after a minute, 78.5 MB after an hour" in text


def test_times_of_another_processor_are_not_shown(folders):
    """A regression: a width trained on a faster machine looked five times as fast as the release."""
    content = json.loads((folders[0] / "results.json").read_text(encoding="utf-8"))
    timed_line = "| pruned | 48,000 of 80,000 | 337 | 0.71 |"
    for chip, shown in (("Chip 9", True), ("Chip 10", False)):
        content["rows"] = [row | {"processor": chip} for row in content["rows"]]
        write_json(folders[0] / "results.json", content)
        assert (timed_line in results(load_measurements(*folders))) == shown


def test_another_width_stands_beside_the_release(folders):
    narrow = [row("student", "distilled", 90, parameters=15_432), row("pruned_fp16", "quantised", 90)]
    content = {"format": "dwindle-results-1", "task": "spoken_digits", "rows": narrow}
    write_json(folders[0] / "width-24" / "results.json", content)
    text = results(load_measurements(*folders))
    assert "| width 24 student | 15,432 | 337 |" in text
    assert "float16" not in text
    assert "| distilled student | 80,000 |" in text


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


def test_answers_are_counted_by_speaker_and_by_what_was_heard():
    assert right_by_speaker(answers(), "fsdd_test") == {"ann": Score(2, 2), "bob": Score(1, 2)}
    assert confusions(answers(), "fsdd_test") == {(0, 0): 1, (1, 1): 2, (0, 1): 1}


def test_answers_of_another_model_are_not_shown_as_this_ones(folders):
    assert load_measurements(*folders).answers == answers()
    other = answers()
    other["models"].append(other["models"][0] | {"sha256": "of-another-file"})
    write_json(folders[1] / "answers.json", other)
    assert load_measurements(*folders).answers == answers()
    write_json(folders[1] / "answers.json", other | {"models": other["models"][::-1]})
    assert load_measurements(*folders).answers is None


class Page(HTMLParser):
    """What a browser would fetch, which elements have a name, and the texts of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched, self.ids, self.texts, self.inside = [], set(), {}, ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        own = dict(attributes)
        self.fetched += [own[key] for key in ("src", "href", "srcset", "action") if key in own]
        self.ids |= {own["id"]} if "id" in own else set()
        self.inside = own.get("id") or tag

    def handle_data(self, text):
        self.texts[self.inside] = self.texts.get(self.inside, "") + text


def test_one_command_draws_what_there_is_and_names_what_is_missing(folders):
    artifacts, _ = folders
    stale = artifacts / "figures" / "held_out_speakers.png"
    stale.parent.mkdir()
    stale.write_bytes(b"of an earlier model")
    done = draw(folders)
    assert done.returncode == 0, done.stderr
    said = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    left_out = {name for name, text in said.items() if text.startswith("left out: ")}
    assert left_out == {"distillation_curves", "distillation_gain", "held_out_speakers"}
    drawn = {path.stem for path in (artifacts / "figures").glob("*.png")}
    assert drawn == set(said) - left_out - {"report"}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in (artifacts / "figures").glob("*.png"))

    text = (artifacts / "figures" / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.fetched == []
    assert not re.search(
        r"https?:|//\w+\.|@import|url\(", re.sub(r"//.*", "", page.texts["script"]) + page.texts["style"]
    )
    assert len(text) < 1_000_000
    numbers = json.loads(page.texts["data"])
    assert {one["id"]: one["scores"] for one in numbers["versions"]} == {
        one["version"]: one["scores"] for one in rows() if one["version"] != "distilled student"
    }
    assert [one["epoch"] for one in numbers["curves"]["artifacts-student"]] == [1, 2, 3]
    assert set(numbers["left_out"]) == left_out
    asked = set(re.findall(r'element\("([\w-]+)"\)', page.texts["script"])) - {"handle"}  # drawn by the script itself
    assert asked <= page.ids


def test_no_text_of_the_results_ends_the_page_early(folders):
    content = json.loads((folders[0] / "results.json").read_text(encoding="utf-8"))
    content["rows"][0]["note"] = "</script><b>& <!--"
    write_json(folders[0] / "results.json", content)
    path = written_page(load_measurements(*folders), {}, folders[0] / "report.html")
    page = Page(path.read_text(encoding="utf-8"))
    assert json.loads(page.texts["data"])["versions"][0]["note"] == "</script><b>& <!--"


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("artifacts/results.json", "{", "not JSON"),
        ("artifacts/results.json", None, "no such results"),
        ("logs/answers.json", '{"format": "older"}', "bench/answers.py makes it again"),
        ("artifacts/export_results.json", "[", "not JSON"),
    ],
)
def test_what_cannot_be_read_is_one_line(folders, file, content, complaint):
    path = folders[0].parent / file
    path.unlink()
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=complaint):
        load_measurements(*folders)


def test_a_mistake_ends_as_one_line(folders):
    done = draw((folders[0] / "nowhere", folders[1]))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert done.stderr.startswith("experiments.py: ")


def draw(folders: tuple[Path, Path]) -> subprocess.CompletedProcess:
    command = [sys.executable, ROOT / "notebooks" / "experiments.py"]
    command += ["--artifacts_dir", folders[0], "--logs_dir", folders[1]]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)
