"""The house rules: who may import whom, what runs without torch, how long a file may be."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from dwindle.infer.model_file import SENSES
from dwindle.task import TASKS
from report.import_graph import imports_of, module_name, picture, room_of
from report.marked_page import with_region

ROOT = Path(__file__).parents[1]
CODE_FOLDERS = ("dwindle", "bench", "notebooks", "report", "samples", "tests")
MAX_LINES = 300
SCRIPTS = {path.stem for path in ROOT.glob("*.py")}
TORCH_FREE_GROUND = {f"dwindle.{name}" for name in ("cli", "edits", "errors", "files", "machine", "metrics")}
MAY_USE = {  # a room of dwindle: the others that it may import; "ground" are the modules beside the rooms
    "tasks": {"tasks", "data", "infer", "ground"},
    "compress": {"compress", "train", "export", "ground"},
    "train": {"train", "ground"},
    "export": {"export", "ground"},
    "data": {"data", "ground"},
    "infer": {"infer", *TORCH_FREE_GROUND, "dwindle.__version__"},
    "ground": {"ground"},
}
LAZY = {"dwindle": {"dwindle.infer.model_file"}}  # dwindle.load imports what it loads when it is called
PACKAGE_OF = {"webrtcvad": "webrtcvad-wheels", "PIL": "pillow"}  # where the module's name is not the package's
RUNTIME_MODULES = {"numpy", "onnxruntime", "soundfile", "sounddevice", "webrtcvad", "tqdm", "PIL", "tokenizers"}
OPTIONAL = {"aiohttp", "pyarrow", "ray"}  # imported where they are asked for, missed in one line
RUNTIME_MODULES |= OPTIONAL
OF_AN_EXTRA = (".serve", ".service", ".archive", ".parts", ".shards")  # modules that import them


def source_files() -> list[Path]:
    inside = [path for folder in CODE_FOLDERS for path in (ROOT / folder).rglob("*.py")]
    return sorted([*ROOT.glob("*.py"), *inside])


def module_file(name: str) -> Path | None:
    base = ROOT.joinpath(*name.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def forbidden_imports(module: str, source: str, package: str = "") -> set[str]:
    """What a module of dwindle imports and must not."""
    room = room_of(module)
    wrong = set()
    for name in imports_of(source, package):
        top = name.split(".")[0]
        if top == "dwindle":
            within = MAY_USE[room] | LAZY.get(module, set())
            allowed = room_of(name) in within or any(f"{name}.".startswith(f"{one}.") for one in within)
        elif room == "infer":
            allowed = top in RUNTIME_MODULES or top in sys.stdlib_module_names
        else:
            allowed = top not in SCRIPTS
        if not allowed:
            wrong.add(name)
    return wrong


def test_every_part_imports_only_what_it_may():
    wrong = {}
    for path in (ROOT / "dwindle").rglob("*.py"):
        package = module_name(path.parent / "__init__.py")
        wrong[module_name(path)] = forbidden_imports(module_name(path), path.read_text(encoding="utf-8"), package)
    assert len(wrong) > 5
    assert {module: names for module, names in wrong.items() if names} == {}


def test_the_drawing_of_the_house_is_that_of_its_imports():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert page == with_region(page, picture(), "architecture.md"), "python -m report draws it anew"


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("dwindle.infer.speech.listener", "def late():\n    import torch"),
        ("dwindle.infer.speech.listener", "from dwindle.tasks.speech import corpora"),
        ("dwindle.infer.speech.listener", "from ...tasks.speech.corpora import fsdd"),
        ("dwindle.infer.text.read", "import transformers"),
        ("dwindle.infer.text.read", "from dwindle.engine import open_session"),
        ("dwindle.compress.prune", "from dwindle.tasks.speech import digits"),
        ("dwindle.train.trainer", "import dwindle.compress.prune"),
        ("dwindle.export.formats", "from dwindle.train.trainer import Trainer"),
        ("dwindle.data.check", "from dwindle.tasks.speech import corpora"),
        ("dwindle.tasks.text.sentiment", "import dwindle.compress.prune"),
        ("dwindle.checkpoint", "import dwindle.tasks"),
    ],
)
def test_the_import_rules_catch_a_breach(module, source):
    assert forbidden_imports(module, source, module.rpartition(".")[0])
    assert not forbidden_imports(module, "import numpy, json\nfrom dwindle.errors import UserError")


def test_nothing_in_the_library_or_the_scripts_imports_a_script():
    free = {"tests", "bench"}
    tour = {"test_components"}  # a test that stands at the top
    importers = {
        module_name(path): {name.split(".")[0] for name in imports_of(path.read_text(encoding="utf-8"))} & SCRIPTS
        for path in source_files()
        if path.relative_to(ROOT).parts[0] not in free and path.stem not in tour
    }
    assert {module: scripts for module, scripts in importers.items() if scripts} == {}


def test_no_stage_names_a_task():
    named = {}
    for room in ("train", "compress", "export"):
        for path in (ROOT / "dwindle" / room).rglob("*.py"):
            named[path.name] = [task for task in TASKS if re.search(rf"\b{task}\b", path.read_text(encoding="utf-8"))]
    for script in SCRIPTS - {"infer", "test_components"}:
        named[script] = [task for task in TASKS if task in (ROOT / f"{script}.py").read_text(encoding="utf-8")]
    assert len(named) > 15
    assert {name: found for name, found in named.items() if found} == {}


def test_infer_needs_only_the_runtime_requirements():
    lines = (ROOT / "requirements-runtime.txt").read_text(encoding="utf-8").splitlines()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    lines += extras["serve"] + extras["archive"]  # what --serve and --archive ask for when they are given
    required = {re.split(r"[<>=~[]", line)[0].strip() for line in lines if line and not line.startswith("#")}
    seen, todo, outside = set(), ["infer", *SENSES.values()], set()
    while todo:
        name = todo.pop()
        path = module_file(name)
        if name in seen or path is None:
            continue
        seen.add(name)
        for imported in imports_of(path.read_text(encoding="utf-8"), name.rpartition(".")[0]):
            top = imported.split(".")[0]
            if top == "dwindle":
                todo += [imported, imported.rpartition(".")[0]]
            elif top not in sys.stdlib_module_names:
                outside.add(PACKAGE_OF.get(top, top))
    assert "infer" in seen
    assert outside - OPTIONAL <= required


def test_no_torch_is_loaded_by_infer_and_what_it_ships_with():
    runtime = [module_name(path) for path in (ROOT / "dwindle/infer").rglob("*.py")]
    runtime = [name for name in runtime if not name.endswith(OF_AN_EXTRA)]
    names = ["infer", *sorted(TORCH_FREE_GROUND), *runtime]
    check = (
        f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
        "sys.exit(', '.join({'torch', 'torchaudio', 'onnx', 'matplotlib', 'pkg_resources'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_file_is_longer_than_a_person_reads():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in source_files()}
    assert {str(path.relative_to(ROOT)): lines for path, lines in lengths.items() if lines > MAX_LINES} == {}


def test_the_readme_gives_every_top_level_file_a_line():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    top = [*(f"{script}.py" for script in SCRIPTS), "Makefile", "requirements.txt", "requirements-runtime.txt"]
    folders = [f"{folder}/" for folder in (*CODE_FOLDERS, "artifacts", "logs")]
    assert [name for name in [*top, *folders] if name not in readme] == []
