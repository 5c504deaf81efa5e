"""Errors that a person can cause, and the one place that turns them into one line and an exit code."""

import errno
import importlib
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, ModuleType, TracebackType
from typing import Any

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_SIGNALLED = 128  # plus the number of the signal, as shells report it
SILENCE_S = 10.0  # in which a launcher on a busy machine stops the other processes, once one has failed


class UserError(Exception):
    """Something a person can mend; its text says what is wrong and what to do."""

    exit_code = EXIT_FAILURE


class UsageError(UserError):
    """The command line itself is wrong."""

    exit_code = EXIT_USAGE


def printable(text: str) -> str:
    """For a terminal: line breaks and escape codes, which a file's name may hold, are written out."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def describe_os_error(error: OSError) -> str:
    """One line for a failed file operation, with the cure where there is one."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"the disk is full{where}: free some space and run the same command again"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"no permission to write or read there{where}: choose another path"
    return f"{(error.strerror or str(error)).lower()}{where}"


def run(main: Callable[[], int | None]) -> None:
    """Run a script's main function; whatever the user can cause ends as one line on stderr."""
    program = _program()
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:  # closed by whoever started this
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", errors="backslashreplace", closefd=False))
    with suppress(AttributeError):  # a test's stand-in
        stdout: Any = sys.stdout
        stdout.reconfigure(errors="backslashreplace")  # a file's name may be no text
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # libraries' remarks on lines of theirs say nothing to a person
    try:
        code = main() or 0
        sys.stdout.flush()
    except UserError as error:
        _wait_for_the_first()
        print(f"{program}: {printable(str(error))}", file=sys.stderr)
        code = error.exit_code
    except KeyboardInterrupt as interrupted:
        print(f"\n{program}: interrupted", file=sys.stderr)
        code = EXIT_SIGNALLED + (interrupted.args[0] if interrupted.args else signal.SIGINT)
    except BrokenPipeError:  # the reader (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_FAILURE
    except OSError as error:
        _wait_for_the_first()
        print(f"{program}: {printable(describe_os_error(error))}", file=sys.stderr)
        code = EXIT_FAILURE
    sys.exit(code)


def _wait_for_the_first() -> None:
    """Of several processes that torchrun started, the first says what all have met; what it does not, another says."""
    if os.environ.get("RANK", "0") != "0":
        time.sleep(SILENCE_S)


@contextmanager
def signals_as_interruption() -> Iterator[None]:
    """SIGTERM and a closed terminal's SIGHUP, like Ctrl-C, let what is under way clean up behind itself."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt(number)

    numbers = [number for number in (signal.SIGTERM, getattr(signal, "SIGHUP", None)) if number]
    numbers = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]  # nohup's wish
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def quiet_sound_libraries() -> Iterator[None]:
    """ALSA, PortAudio and mpg123 write riddles to file descriptor 2; keep it for what this program says."""
    sys.stderr.flush()
    saved = os.dup(2)
    own_stderr, nowhere = sys.stderr, os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    sys.stderr = os.fdopen(os.dup(saved), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    try:
        yield
    finally:
        sys.stderr.close()
        sys.stderr = own_stderr
        os.dup2(saved, 2)
        os.close(saved)


def imported(module: str, remedy: str) -> ModuleType:
    """The module, or one line that says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(f"{module} cannot be imported ({error}): {remedy}") from error


def how_to_install(program: str) -> str:
    """What brings the packages that a program needs, in a clone or beside an installed wheel."""
    is_light = Path(program).stem in ("infer", "dwindle-infer")
    if (Path(__file__).parents[1] / "requirements.txt").is_file():
        return f"pip install -r requirements{'-runtime' if is_light else ''}.txt"
    return "pip install dwindle" if is_light else "pip install 'dwindle[train]'"


def _program() -> str:
    """What was started, as its messages begin; a package that was is named by its module."""
    path, spec = Path(sys.argv[0]), getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec.name.removesuffix(".__main__") if path.name == "__main__.py" and spec else path.name


def _told(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What happens while a script still imports, which takes seconds: Ctrl-C, or a missing package, is one line."""
    program = _program()
    missing = error.name if isinstance(error, ModuleNotFoundError) and error.name else "dwindle"
    if issubclass(kind, KeyboardInterrupt):  # Python then ends itself by the signal, as a shell expects
        print(f"\n{program}: interrupted", file=sys.stderr)
    elif missing.split(".")[0] != "dwindle":
        print(f"{program}: {missing} is not installed: {how_to_install(program)}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _told
