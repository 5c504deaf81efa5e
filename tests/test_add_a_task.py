"""docs/add_a_task.md followed to the letter: its folder and its line alone make a task of all five scripts."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dwindle.results import load_results

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "add_a_task.md").read_text(encoding="utf-8")
[CODE] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
[LINE] = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
[COMMANDS] = [block.splitlines() for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)]
SCRIPTS = ("model_student.py", "train_distill.py", "prune_and_quantize.py", "export_models.py", "infer.py")


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """The clone of somebody who has done what the page says, with a picture of marks."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "dwindle", folder / "dwindle", ignore=shutil.ignore_patterns("__pycache__"))
    for script in SCRIPTS:
        shutil.copy(ROOT / script, folder)
    (folder / "dwindle/tasks/marks").mkdir()
    (folder / "dwindle/tasks/marks/__init__.py").write_text(CODE, encoding="utf-8")
    registry = folder / "dwindle/task.py"
    source = registry.read_text(encoding="utf-8")
    assert source.count("TASKS = {\n") == 1
    registry.write_text(source.replace("TASKS = {\n", f"TASKS = {{\n{LINE}"), encoding="utf-8")
    draw_marks(folder / "photo_of_marks.png")
    return folder


def draw_marks(path: Path) -> None:
    """A cross, a ring and a tick, as a person might draw them, which the page's own code has no part in."""
    picture = Image.new("L", (420, 140), 250)
    pen = ImageDraw.Draw(picture)
    pen.line([(30, 35), (95, 105)], fill=20, width=8)
    pen.line([(92, 32), (33, 102)], fill=20, width=8)
    pen.ellipse([170, 35, 240, 102], outline=20, width=8)
    pen.line([(310, 36), (340, 104), (378, 33)], fill=20, width=8)
    picture.save(path)


def test_the_page_shows_every_script_once():
    assert [shlex.split(command)[1] for command in COMMANDS] == list(SCRIPTS)
    assert np.all([f" --task {name}" in command for command in COMMANDS for name in ("marks",)])


@pytest.mark.slow(seconds=60)
@pytest.mark.timeout(900)  # on a busy machine; a minute on a quiet one
def test_one_folder_and_one_line_go_through_all_five_scripts(clone):
    said = {}
    for command in COMMANDS:
        _, script, *flags = shlex.split(command)
        flags += ["--json"] if script == "infer.py" else []
        flags += (
            ["--trials", "100"] if script in ("prune_and_quantize.py", "export_models.py") else []
        )  # all that differs
        line = [sys.executable, script, *flags]
        done = subprocess.run(line, cwd=clone, capture_output=True, text=True, timeout=250)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        said[script] = done.stdout
    assert json.loads(said["infer.py"])["text"] == "xov"
    assert "student" in said["model_student.py"]

    results = load_results(clone / "artifacts/marks/results.json")
    rows = {row["version"]: row for row in results["rows"]}
    assert results["task"] == "marks"
    assert {"teacher", "distilled student", "pruned", "structured_40", "onnx_int8"} <= set(rows)
    assert rows["onnx_int8"]["scores"]["test"]["value"] > 0.95
    assert rows["structured_40"]["parameters"] < rows["pruned"]["parameters"]
