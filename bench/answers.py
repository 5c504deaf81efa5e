"""What models answer to every clip that they are judged by; the pictures of the report are drawn from this.

    python bench/answers.py --models artifacts/model_int8.onnx artifacts/model.onnx

Writes logs/answers.json. For each model and data set it holds, clip by clip, the class that was said, the word that
was heard (the most probable one) with its probability (in millionths), and the speaker: numbers into lists. Of the
validation digits that the first model mishears most surely it also holds the log-mel picture; never any sound.
"""

import base64
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from torch import Tensor

from dwindle.cli import FlagParser, nonempty, pathname
from dwindle.data import data_directory
from dwindle.engine import in_batches, onnx_engine, open_session
from dwindle.errors import run
from dwindle.files import sha256_of, written_whole
from dwindle.infer.speech import REJECT, SAMPLE_RATE
from dwindle.task import open_task, options_of
from dwindle.tasks.speech import corpora
from dwindle.tasks.speech.datasets import HeardClips
from dwindle.tasks.speech.front_end import HOP_SAMPLES, MEL_BANDS, LogMel
from dwindle.tasks.speech.rejection import best_words
from dwindle.tasks.speech.words import SpokenWords

FORMAT = "dwindle-answers-1"
JUDGED = ("fsdd", "speech_commands", "negatives")  # no synthetic voices: nothing is trained here
PICTURED = 12  # of each validation set
DARKEST_DB, BRIGHTEST_DB = -45.0, 20.0  # of a band's energy, against the clip's own level


def main() -> None:
    parser = FlagParser(description=__doc__.split("\n")[0])
    models = [Path("artifacts/model_int8.onnx"), Path("artifacts/model.onnx")]
    parser.add_argument("--models", type=pathname, nargs="+", default=models, metavar="FILE")
    parser.add_argument("--data_dir", type=nonempty, help="the corpora (default: $DWINDLE_DATA, else data/)")
    parser.add_argument("--output", type=pathname, default=Path("logs/answers.json"))
    arguments = parser.parse_args()
    data_dir = data_directory(arguments.data_dir)
    there = tuple(name for name in JUDGED if getattr(corpora, name)(data_dir)) or JUDGED
    task = open_task("spoken_digits", options_of("spoken_digits", data_dir=data_dir, corpora=there))
    answered = [answers_of(path, task) for path in arguments.models]
    sets = {**task.data.validation, **task.data.tests}
    content = {
        "format": FORMAT,
        "labels": task.labels,
        "clips": {name: who_said_what(clips, task) for name, clips in sets.items()},
        "models": answered,
        "misheard": [
            picture
            for name, clips in task.data.validation.items()
            if set(clips.labels) != {REJECT}
            for picture in misheard(name, clips, answered[0]["sets"][name], task)
        ],
        "picture": {
            "bands": MEL_BANDS,
            "frame_s": HOP_SAMPLES / SAMPLE_RATE,
            "darkest_db": DARKEST_DB,
            "brightest_db": BRIGHTEST_DB,
        },
    }
    with written_whole(arguments.output) as temporary:
        temporary.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{arguments.output}: {sum(len(clips.labels) for clips in sets.values()):,} clips in {len(sets)} sets")


def who_said_what(clips: HeardClips, task: SpokenWords) -> dict[str, list]:
    """The truth about a set, and which clips are of one voice; that of what is no digit is not worth its name."""
    speakers = sorted(set(clips.speakers))
    truth = {
        "said": [task.class_numbers[label] for label in clips.labels],
        "speaker": [speakers.index(name) for name in clips.speakers],
    }
    return truth if set(clips.labels) == {REJECT} else truth | {"speakers": speakers}


def answers_of(path: Path, task: SpokenWords) -> dict[str, Any]:
    """One model's answers to every set."""
    session = open_session(path)
    engine, sets = onnx_engine(session), {}
    for name, clips in {**task.data.validation, **task.data.tests}.items():
        logits = in_batches(engine, {"audio": clips.audio}, 256)["logits"]
        best = best_words(logits, task.reject_class)
        sets[name] = {
            "heard": best.words.tolist(),
            "probability": [int(1_000_000 * value) for value in best.probabilities],
        }
    threshold = float(session.get_modelmeta().custom_metadata_map["threshold"])
    print(f"{path}: read", flush=True)
    return {"file": path.name, "sha256": sha256_of(path), "threshold": threshold, "sets": sets}


def misheard(name: str, clips: HeardClips, answers: dict[str, list], task: SpokenWords) -> list[dict[str, Any]]:
    """Pictures of the clips in which a wrong word was most probable."""
    said = np.array([task.class_numbers[label] for label in clips.labels])
    wrong = np.flatnonzero(said != answers["heard"])
    surest = sorted(wrong.tolist(), key=lambda clip: answers["probability"][clip], reverse=True)[:PICTURED]
    if not surest:
        return []
    pictures = LogMel()(clips.audio[surest])
    return [{"set": name, "clip": clip, "log_mel": coded(one)} for clip, one in zip(surest, pictures, strict=True)]


def coded(log_energies: Tensor) -> str:
    """Eight bits a pixel, band after band from the lowest, in base64."""
    energies_db = log_energies * (10 / np.log(10))
    shares = (energies_db - DARKEST_DB) / (BRIGHTEST_DB - DARKEST_DB)
    return base64.b64encode((255 * shares.clamp(0, 1)).round().byte().numpy().tobytes()).decode("ascii")


if __name__ == "__main__":
    run(main)
