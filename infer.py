"""Stage 4: ask a model. It listens, looks, reads or writes, as its file says, with the runtime requirements alone.

python infer.py clip.wav folder/                               spoken digits, in files
python infer.py --mic                                          live; Ctrl-C ends it
python infer.py --serve                                        for programs on this computer: HTTP and WebSocket
python infer.py --task handwritten_digits picture.png          digits in pictures
python infer.py --task sentiment "a gripping film"             how a text feels
python infer.py --task language_model --prompt "ROMEO:"        goes on writing
python infer.py --task sentiment --help                        the flags of a task
"""

import dwindle.errors  # noqa: F401 - first of all: Ctrl-C during the imports is one line

# isort: split
import argparse
import sys
from importlib import import_module
from pathlib import Path

from dwindle.cli import FlagParser, nonempty, positive_int
from dwindle.errors import run
from dwindle.infer.model_file import DEFAULT_TASK, SENSES, released_model, sense_of
from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.processor import AudioProcessor
from dwindle.infer.speech.vad import VoiceActivityDetector

__all__ = ["AudioProcessor", "RealTimeInference", "VoiceActivityDetector"]


def main() -> int:
    """Read what the chosen model's file says that it does, and hand over to what does it."""
    asked, _ = parser_of_all(add_help=False).parse_known_args(_without_help(sys.argv[1:]))
    path = Path(asked.model) if asked.model else released_model(asked.task)
    sense = import_module(SENSES[sense_of(path)])
    parser = parser_of_all(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sense.add_options(parser)
    arguments = parser.parse_args()
    arguments.model = path
    return sense.run(arguments)


def parser_of_all(**how) -> FlagParser:
    """The flags that every task has."""
    parser = FlagParser(allow_abbrev=False, **how)
    common = parser.add_argument_group("every task")
    common.add_argument("--task", type=nonempty, default=DEFAULT_TASK, help=f"whose model to take ({DEFAULT_TASK})")
    common.add_argument("--model", type=nonempty, metavar="FILE", help="an exported ONNX file instead")
    common.add_argument("--json", action="store_true", help="one JSON object per answer, for a program to read")
    common.add_argument("--threads", type=positive_int, default=1, help="of the network, per process (default 1)")
    return parser


def _without_help(argv: list[str]) -> list[str]:
    """Help is given once the task is known."""
    return [word for word in argv if word not in ("-h", "--help")]


if __name__ == "__main__":
    run(main)
