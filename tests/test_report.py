"""The report: tables and page say what the files hold, leave out what is missing, and need nothing else."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_files import answers, rows, written

from dwindle.errors import UserError
from dwindle.files import write_json
from dwindle.metrics import accuracy
from report.interactive_page import written_page
from report.measurements import confusions, load_measurements, right_by_speaker

ROOT = Path(__file__).parents[1]


@pytest.fixture
def folders(tmp_path) -> tuple[Path, Path]:
    return written(tmp_path)


def test_answers_are_counted_by_speaker_and_by_what_was_heard():
    assert right_by_speaker(answers(), "fsdd_test") == {"ann": accuracy(2, 2), "bob": accuracy(1, 2)}
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
    others = {"comparison_latency", "comparison_training"}  # which need versions and logs that are not there
    assert left_out == {"distillation_curves", "distillation_gain", "held_out_speakers", *others}
    drawn = {path.stem for path in (artifacts / "figures").glob("*.png")}
    assert drawn == set(said) - left_out - {"report", "comparison"}
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
