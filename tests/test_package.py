"""The package: its lists agree, its wheel holds what is released, and an empty environment hears digits with it."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

import dwindle
from dwindle.task import TASKS
from dwindle.tasks.speech.vocabulary import DIGIT_WORDS

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
STAGE_COMMANDS = {
    "dwindle-model": "model_student.py",
    "dwindle-train": "train_distill.py",
    "dwindle-prune": "prune_and_quantize.py",
    "dwindle-export": "export_models.py",
}
HEARD = re.compile(r"samples/(\w+)\.wav: {2}([\w ]+?) {3}")
WORDS = {word: str(digit) for digit, word in enumerate(DIGIT_WORDS)}


def required(name: str) -> set[str]:
    """The requirements of a file, without those of files that it names."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return {line.split("#")[0].strip() for line in lines if line and not line.startswith(("#", "-r"))}


def of_others(requirements: Iterable[str]) -> set[str]:
    """Without those that name another extra of this package."""
    return {requirement for requirement in requirements if not requirement.startswith("dwindle[")}


def test_the_package_and_the_requirement_files_ask_for_the_same():
    extras = PROJECT["optional-dependencies"].values()
    assert set(PROJECT["dependencies"]) == required("requirements-runtime.txt")
    assert set().union(*map(of_others, extras)) == required("requirements.txt")


def test_every_extra_that_another_names_is_there():
    named = set(re.findall(r"dwindle\[([\w,]+)\]", str(PROJECT["optional-dependencies"])))
    assert {extra for names in named for extra in names.split(",")} <= set(PROJECT["optional-dependencies"])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of this working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_code_the_scripts_the_released_models_and_nothing_of_anybody(wheel):
    with zipfile.ZipFile(wheel) as archive:
        inside = {info.filename: archive.read(info) for info in archive.infolist()}
    assert wheel.name == f"dwindle-{dwindle.__version__}-py3-none-any.whl"
    assert inside["dwindle/released/spoken_digits.onnx"] == (ROOT / "artifacts/model_int8.onnx").read_bytes()
    for script in [*STAGE_COMMANDS.values(), "infer.py"]:
        assert inside[f"dwindle/scripts/{script}"] == (ROOT / script).read_bytes()
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "dwindle").rglob("*.py")}
    assert modules <= set(inside)
    tracked = subprocess.run(["git", "ls-files", "artifacts"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    others = {Path(name).parent.name for name in tracked if re.fullmatch(r"artifacts/\w+/model_int8.onnx", name)}
    released = {Path(name).stem for name in inside if name.startswith("dwindle/released/")}
    assert {"spoken_digits", *others} <= released <= {"spoken_digits", *TASKS} - {"own_words"}
    assert any(name.endswith("licenses/LICENSE") for name in inside)
    assert {name.split("/")[0] for name in inside} == {"dwindle", f"dwindle-{dwindle.__version__}.dist-info"}


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The bin/ of an environment that holds the wheel and what it requires."""
    folder = tmp_path_factory.mktemp("empty") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin/python", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--no-compile", wheel], check=True, capture_output=True, timeout=250)
    return folder / "bin"


def run(folder: Path, *command: object) -> subprocess.CompletedProcess:
    """Away from the clone, which must not help."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    line = [str(part) for part in command]
    return subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.slow(seconds=35)
def test_an_empty_environment_hears_digits_with_the_wheel(installed, tmp_path):
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    done = run(tmp_path, installed / "dwindle-infer", "samples/")
    assert (done.returncode, done.stderr) == (0, "")
    heard = dict(HEARD.findall(done.stdout))
    assert len(heard) == len(list((ROOT / "samples").glob("*.wav")))
    said = {name: "".join(WORDS.get(word, "") for word in name.split("_")) for name in heard}
    assert heard == {name: digits or "no known word" for name, digits in said.items()}

    program = "import dwindle; print(dwindle.load().hear('samples/four_two.wav')['text'])"
    done = run(tmp_path, installed / "python", "-c", program)
    assert (done.stdout.strip(), done.stderr) == (heard["four_two"], "")

    done = run(tmp_path, installed / "dwindle-infer", "--version")
    assert done.stdout == f"dwindle {dwindle.__version__}\n"


@pytest.mark.slow(seconds=2)
def test_every_stage_says_in_one_line_what_it_misses_there(installed, tmp_path):
    for command, script in STAGE_COMMANDS.items():
        done = run(tmp_path, installed / command)
        wanted = rf"{command}: \w+ is not installed: pip install 'dwindle\[train\]'\n"
        assert (done.returncode, done.stdout) == (1, "") and re.fullmatch(wanted, done.stderr), done.stderr
        done = run(tmp_path, installed / "python", ROOT / script)
        wanted = rf"{script}: \w+ is not installed: pip install -r requirements.txt\n"
        assert (done.returncode, done.stdout) == (1, "") and re.fullmatch(wanted, done.stderr), done.stderr
    assert not list(tmp_path.iterdir())
