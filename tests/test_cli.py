"""Flags: what is a number of the right kind comes through, all else is refused in words."""

import argparse
import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwindle.cli import (
    FlagParser,
    channels,
    nonempty,
    partial_share,
    pathname,
    port_number,
    positive_float,
    positive_int,
    share,
    whole_number,
)
from dwindle.data.__main__ import main
from dwindle.errors import UsageError

ROOT = Path(__file__).parents[1]
CODE = ("dwindle", "bench", "notebooks", "report", "samples")


def test_a_wrong_command_line_is_refused_in_one_line():
    parser = FlagParser()
    parser.add_argument("--threads", type=positive_int)
    assert parser.parse_args(["--threads", "2"]).threads == 2
    with pytest.raises(UsageError, match=r"^argument --threads: 'z' is not a whole number from 1 \(--help .*\)$"):
        parser.parse_args(["--threads", "z"])


@given(st.integers(0, 2**31 - 1))
def test_whole_numbers_come_through(value):
    assert whole_number(str(value)) == value
    if value:
        assert positive_int(str(value)) == value


@given(st.floats(0, 1))
def test_shares_and_rates_come_through(value):
    assert share(repr(value)) == value
    if 0 < value < 1:
        assert partial_share(repr(value)) == positive_float(repr(value)) == value


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (channels, ("0", "1.5")),
        (positive_int, ("0", "-1", "1.5", "many", "", "2147483648", "1" * 5_000)),
        (whole_number, ("-1", "1e3", "none", "4294967296", "1" * 5_000)),
        (port_number, ("-1", "65536", "1" * 5_000)),
        (positive_float, ("0", "-1", "inf", "nan", "fast")),
        (share, ("-0.1", "1.1", "nan", "inf", "half")),
        (partial_share, ("0", "1", "nan", "40%")),
    ],
)
def test_all_else_is_refused_and_quoted(kind, texts):
    for text in texts:
        with pytest.raises(argparse.ArgumentTypeError, match="is not"):
            kind(text)


@pytest.mark.parametrize("kind", [nonempty, pathname])
def test_an_unset_variable_stands_for_no_file(kind):
    assert str(kind("a/b")) == "a/b"
    with pytest.raises(argparse.ArgumentTypeError, match="the name is empty"):
        kind("")


def test_no_flag_of_any_script_takes_an_empty_name_for_the_usual_one():
    """A regression: --output_dir "$UNSET" wrote over the release."""
    flags = [
        (path.name, call)
        for path in [*ROOT.glob("*.py"), *(one for folder in CODE for one in (ROOT / folder).rglob("*.py"))]
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "add_argument"
    ]
    names_files = {"--teacher", "--start_from", "--student", "--checkpoint", "--quantized", "--model", "--output"}
    checked = set()
    for script, call in flags:
        name, said = call.args[0].value, {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert said.get("type") != "Path" or name == "--evaluate", f"{script} {name}"  # which only reads
        is_file = name.endswith("_dir") or name in names_files or said.get("metavar") in ("'FILE'", "'FOLDER'")
        if is_file and name != "--stream":  # whose task is to read it, which fails
            assert said.get("type") in ("nonempty", "pathname"), f"{script} {name}"
            checked.add(name)
    assert {"--output_dir", "--data_dir", "--words_dir", "--log_dir", "--runs_dir"} | names_files <= checked


def test_a_network_wider_than_any_memory_is_refused():
    assert channels("80") == 80
    with pytest.raises(argparse.ArgumentTypeError, match="2000000 channels are more than"):
        channels("2000000")


def test_every_command_of_the_data_says_its_version(capsys):
    """A regression: --version came from the command and again from what it shares, and nothing could be fetched."""
    for line in (["--version"], ["list", "--version"], ["fetch", "--version"], ["check", "--version"]):
        with pytest.raises(SystemExit) as ended:
            main(line)
        assert ended.value.code == 0
        assert capsys.readouterr().out.startswith("dwindle ")
