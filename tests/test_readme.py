"""The README's programs are run as they stand there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAMS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def test_there_is_one_program_for_each_kind_of_file():
    assert [name in program for program, name in zip(PROGRAMS, ("model_int8.onnx", "model_ts.pt"), strict=True)] == [
        True,
        True,
    ]


@pytest.mark.parametrize("program", PROGRAMS, ids=["onnx", "torchscript"])
def test_the_program_hears_a_seven_in_five_lines(program):
    assert len([line for line in program.splitlines() if line]) == 5
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, "7"), done.stderr
