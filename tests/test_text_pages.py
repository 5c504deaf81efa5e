"""The commands on the pages about text are those that the scripts understand."""

import re
import shlex
import sys

import pytest
from script_process import ROOT

import export_models
import prune_and_quantize
import train_distill

SCRIPTS = {f"{script.__name__}.py": script for script in (train_distill, prune_and_quantize, export_models)}
PAGES = ("sentiment", "language_model")
COMMANDS = [
    command
    for page in PAGES
    for command in re.findall(
        rf"python ((?:{'|'.join(map(re.escape, SCRIPTS))}) [^`\n]+)", (ROOT / f"docs/{page}.md").read_text("utf-8")
    )
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_understood(command, monkeypatch):
    script, *flags = shlex.split(command)
    monkeypatch.setattr(sys, "argv", [script, *flags])
    arguments = SCRIPTS[script].parse_arguments()
    assert arguments.task in PAGES


def test_the_sources_settings_are_there():
    whole = [" ".join(command.split()) for command in COMMANDS]
    for parts in (
        ("--teacher distilbert-base-uncased", "--temperature 4 --alpha 0.7", "--architecture first --layers 2"),
        ("--subset 5000 --epochs 3", "--temperature 4 --alpha 0.7", "--architecture small --layers 2"),
        ("--subset 5000", "--temperature 4 --alpha 0.7", "--steps 3 --target_sparsity 0.3"),
    ):
        assert any(all(part in command for part in parts) for command in whole), parts
