"""README.md and docs/in_your_program.md: their programs run as they stand there, and what they point at is there."""

import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
from infer_command import infer

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAM = re.compile(r"```python\n(.*?)```", re.DOTALL)
SAID = {  # by what a program begins with, where it is told from the others
    "import dwindle\n\nprint": "42",
    "import dwindle\n\nanswer": "42 4 at 0.3 s 2 at 0.6 s",
    "from dwindle.infer.speech.listener": "1 7 3",
    "import json, onnxruntime": "7",
    "import json, soundfile, torch": "7",
}
SCREEN_LINES = 24


def programs() -> list[str]:
    pages = (ROOT / "README.md", ROOT / "docs" / "in_your_program.md")
    return [program for page in pages for program in PROGRAM.findall(page.read_text(encoding="utf-8"))]


def test_there_is_a_program_for_python_streams_and_each_kind_of_file():
    assert [program.startswith(beginning) for program, beginning in zip(programs(), SAID, strict=True)] == [True] * 5


@pytest.mark.parametrize(("program", "said"), list(zip(programs(), SAID.values(), strict=True)), ids=list(SAID))
def test_a_program_hears_what_its_recording_is_called(program, said):
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, said), done.stderr


def test_the_first_answer_stands_on_the_first_screen_in_three_lines():
    first_screen = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:SCREEN_LINES]
    assert "dwindle.load()" in "\n".join(first_screen)
    assert len([line for line in programs()[0].splitlines() if line]) <= 3


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_picture_shows_what_infer_says_today():
    picture = (ROOT / "docs" / "infer.svg").read_text(encoding="utf-8")
    shown = [unescape(re.sub(r"<[^>]+>", "", line)) for line in re.findall(r"<text.*?</text>", picture)]
    files = shown[0].split()[3:]
    assert len(files) >= 3
    done = infer(*(ROOT / name for name in files))
    said = [line.replace(f"{ROOT}/", "") for line in done.stdout.splitlines()]
    assert [_without_time(line) for line in shown[1:]] == [_without_time(line) for line in said]


def _without_time(line: str) -> str:
    return re.sub(r"\d+ ms.*", "", line)
