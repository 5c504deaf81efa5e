"""The rules of conftest.py, tried on small test suites of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SUITE = """
import pytest

@pytest.mark.slow
def test_a_slow():
    assert True

def test_b_quick():
    assert True

def test_c_corpora(data_dir):
    assert data_dir.is_absolute()
"""


def run_suite(folder: Path, *flags: str, data: str | None = None) -> tuple[int, str]:
    shutil.copy(HERE / "conftest.py", folder)
    (folder / "test_suite.py").write_text(SUITE, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = slow: slow\n", encoding="utf-8")
    ours = ("DWINDLE_DATA", "PYTEST_")  # this run's own settings, a worker's name among them
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment |= {"PYTHONPATH": os.fspath(HERE.parent), **({"DWINDLE_DATA": data} if data else {})}
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *flags]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout


def test_without_corpora_a_test_skips_and_the_run_passes(tmp_path):
    code, output = run_suite(tmp_path)
    assert code == 0
    assert "2 passed, 1 skipped" in output


@pytest.mark.parametrize(("data", "why"), [(None, "DWINDLE_DATA is not set"), ("nowhere", "is not a folder")])
def test_a_strict_run_fails_on_a_skip_and_says_which_and_why(tmp_path, data, why):
    code, output = run_suite(tmp_path, "--no-skips", data=data)
    assert code == 1
    (line,) = [line for line in output.splitlines() if "test_c_corpora: needs the corpora" in line]
    assert why in line


def test_a_strict_run_without_skips_passes_and_runs_quick_tests_first(tmp_path):
    code, output = run_suite(tmp_path, "--no-skips", data=".")
    assert code == 0
    assert "3 passed" in output
    assert output.index("test_b_quick") < output.index("test_c_corpora") < output.index("test_a_slow")
