"""What a model answers to every clip that it is judged by; the pictures of the report are drawn from this.

    python bench/answers.py --model artifacts/model_int8.onnx

Writes logs/answers.json: for each data set the wanted label, the speaker, the best word and its probability.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

from dwindle.audio.rejection import best_words
from dwindle.compress.measure import open_session, session_reader
from dwindle.data import data_directory
from dwindle.errors import run
from dwindle.files import write_json
from dwindle.tasks import TaskOptions, open_task

JUDGED = ("fsdd", "speech_commands", "negatives")  # no synthetic voices: nothing is trained here


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, default=Path("artifacts/model_int8.onnx"))
    parser.add_argument("--data_dir")
    parser.add_argument("--output", type=Path, default=Path("logs/answers.json"))
    arguments = parser.parse_args()
    task = open_task("spoken_digits", TaskOptions(data_directory(arguments.data_dir), corpora=JUDGED))
    session = open_session(arguments.model)
    read = session_reader(session)
    sets = {}
    for name, clips in {**task.data.validation, **task.data.tests}.items():
        logits = torch.cat([read(part) for part in clips.audio.split(256)])
        heard = best_words(logits, task.reject_class)
        sets[name] = {
            "wanted": clips.labels,
            "speakers": clips.speakers,
            "words": [task.labels[number] for number in heard.words],
            "probabilities": [round(float(value), 4) for value in heard.probabilities],
            "top": [task.labels[number] for number in logits.argmax(1)],
        }
        print(f"{name:<28}{len(clips.labels):>6} clips")
    threshold = float(session.get_modelmeta().custom_metadata_map["threshold"])
    write_json(arguments.output, {"model": arguments.model.name, "threshold": threshold, "sets": sets})


if __name__ == "__main__":
    run(main)
