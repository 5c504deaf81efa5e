"""Whatever a person causes ends as one line on stderr and the right exit code."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dwindle.errors import UsageError, UserError, describe_os_error

ROOT = Path(__file__).parents[1]


def script(body: str, *arguments: str) -> subprocess.CompletedProcess:
    code = f"import sys, os\nfrom dwindle.errors import *\nsys.argv[0] = '/a/tool.py'\ndef main():\n {body}\nrun(main)"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("body", "code", "line"),
    [
        ("raise UserError('no such thing: make one')", 1, "tool.py: no such thing: make one\n"),
        ("raise UsageError('--lr must be above 0')", 2, "tool.py: --lr must be above 0\n"),
        ("raise KeyboardInterrupt", 130, "\ntool.py: interrupted\n"),
        ("open('/no/such/file')", 1, "tool.py: no such file or directory (/no/such/file)\n"),
        ("os.makedirs('/proc/here')", 1, "tool.py: no such file or directory (/proc/here)\n"),
        ("return None", 0, ""),
        ("return 3", 3, ""),
    ],
)
def test_one_line_and_an_exit_code(body, code, line):
    done = script(body)
    assert (done.returncode, done.stderr) == (code, line)


def test_whoever_is_told_to_stop_cleans_up(tmp_path):
    folder = f"tempfile.TemporaryDirectory(dir={str(tmp_path)!r})"
    done = script(f"import signal, tempfile\n with signals_as_interruption(), {folder}: signal.raise_signal(15)")
    assert (done.returncode, done.stderr) == (143, "\ntool.py: interrupted\n")
    assert not list(tmp_path.iterdir())


def test_remarks_of_libraries_do_not_stand_before_the_message():
    """A regression: numpy's and torch's warnings came first, with paths into site-packages."""
    body = "import numpy, warnings\n numpy.float32(1) / numpy.float32(0)\n warnings.warn('odd')\n raise UserError('no')"
    assert script(body).stderr == "tool.py: no\n"


def test_a_fault_of_the_program_itself_keeps_its_traceback():
    done = script("raise ZeroDivisionError")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize(
    ("name", "slow_import"),
    [
        ("model_student.py", "torch"),
        ("train_distill.py", "torch"),
        ("prune_and_quantize.py", "torch"),
        ("export_models.py", "torch"),
        ("infer.py", "onnxruntime"),
    ],
)
def test_an_interruption_while_importing_is_one_line(tmp_path, name, slow_import):
    (tmp_path / f"{slow_import}.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, ROOT / name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGINT
    assert done.stderr == f"\n{name}: interrupted\n"


def test_a_reader_that_has_seen_enough_is_no_error():
    code = "from dwindle.errors import run\nrun(lambda: print('x\\n' * 100_000))"
    done = subprocess.run(
        f'{sys.executable} -c "{code}" | head -1', shell=True, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("x\n", "")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.ENOSPC, "the disk is full (/a/b): free some space"),
        (errno.EACCES, "no permission to write or read there (/a/b): choose another path"),
        (errno.EROFS, "no permission to write or read there (/a/b): choose another path"),
        (errno.EISDIR, "is a directory (/a/b)"),
    ],
)
def test_failed_file_operations_in_words(number, text):
    assert describe_os_error(OSError(number, os.strerror(number), "/a/b")).startswith(text)
    assert describe_os_error(OSError("odd")) == "odd"


def test_usage_is_a_kind_of_user_error():
    assert issubclass(UsageError, UserError)
    assert (UserError.exit_code, UsageError.exit_code) == (1, 2)
