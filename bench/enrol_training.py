"""Is a word from a few recordings better enrolled, or is a network better trained on the same recordings?

    OMP_NUM_THREADS=1 python -m bench.enrol_training --data_dir DIR --output logs/enrol_training.json

Words, speakers, reading and judgement are those of bench/enrol.py: four recordings by one speaker enrol, the fifth is
the test, each way at its own threshold, the lowest that gives a word one false accept in ten minutes. A network learns
the recordings, changed as training changes them, against what other speakers said of other words, which a regression
learns from there. "scratch" is the student's shape from random weights, "fine-tuned" all layers of the released one.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.enrol import clips_to_judge, heard_clip, in_hiss, read_aloud
from bench.short_training import share_of_rate
from bench.word_trials import Heard, Trial, at_equal_false_accepts, chooses, right_at_allowed, same_speaker
from dwindle.checkpoint import Checkpoint, command_line, load_checkpoint
from dwindle.cli import FlagParser, nonempty, pathname, positive_float, positive_int
from dwindle.data import data_directory
from dwindle.errors import UserError, run
from dwindle.files import write_json
from dwindle.infer.model_file import DEFAULT_TASK, released_model
from dwindle.infer.speech import SAMPLE_RATE, STREAM_WINDOW_S
from dwindle.infer.speech.enrol import prototype_of
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.sound_file import read_audio, sound_files
from dwindle.metrics import Metric, accuracy_by_group
from dwindle.tasks.speech.augment import WaveAugment
from dwindle.tasks.speech.network import SpeechNet

RECORDINGS = 4
WINDOW, HOP = round(STREAM_WINDOW_S * SAMPLE_RATE), round(0.048 * SAMPLE_RATE)  # as the listener hears
STEPS, BATCH, POSITIVES = 150, 64, 16
RATES = {"scratch": 4e-3, "fine-tuned": 1e-3}
SPREAD = 4.0  # a logit at which a score is halfway to 1


class Recorded(Heard):
    """Heard, and each window of its sound that a listener would read."""

    windows: Tensor

    def __init__(self, heard: Heard, samples: np.ndarray) -> None:
        super().__init__(**vars(heard))
        object.__setattr__(self, "windows", torch.from_numpy(samples).unfold(0, WINDOW, HOP))

    def read_by(self, network: nn.Module) -> Heard:
        """The same with a network's score of every window, -1 to 1, in the place of directions."""
        with torch.inference_mode():
            logits = torch.cat([network(part)[0][:, 0] for part in self.windows.split(256)]).numpy()
        scores = logits / (SPREAD + np.abs(logits))
        ends_s = (WINDOW + HOP * np.arange(len(scores))) / SAMPLE_RATE
        return replace(Heard(self.word, self.speaker, ends_s, scores[:, None]), minutes=self.minutes)


def main() -> None:
    parser = FlagParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=nonempty, help="default: $DWINDLE_DATA, else data/")
    parser.add_argument("--student", type=pathname, default="artifacts/student.pt")
    parser.add_argument("--trials", type=positive_int, default=25, help="at most, evenly drawn (default 25)")
    parser.add_argument("--minutes", type=positive_float, default=20.0, help="of reading, at most (default 20)")
    parser.add_argument("--output", type=pathname, help="write all numbers as JSON")
    arguments = parser.parse_args()
    data_dir = data_directory(arguments.data_dir)
    recogniser = Recogniser(released_model(DEFAULT_TASK))
    clips = [recorded(recogniser, clip.path, heard_clip(recogniser, clip)) for clip in clips_to_judge(data_dir)]
    paths = sound_files(data_dir / "people" / "reading")
    reading = [
        recorded(recogniser, path, heard)
        for path, heard in zip(paths, read_aloud(recogniser, data_dir, arguments.minutes), strict=False)
    ]
    mine, stream = ([one for one in part if not chooses(one.speaker)] for part in (clips, reading))
    trials = same_speaker(mine, RECORDINGS)
    if not trials or not stream:
        raise UserError(f"{data_dir}: no other words by speakers kept for tests, or nobody reading, there")
    trials = trials[:: max(1, len(trials) // arguments.trials)][: arguments.trials]
    others = [one for one in clips if chooses(one.speaker)]
    words = [prototype_of([one.whole for one in trial.enrolled]) for trial in trials]
    found = {"prototype": at_equal_false_accepts(trials, words, stream)}  # what infer.py --enrol does
    released = load_checkpoint(arguments.student)
    for way in RATES:
        found[way] = trained(way, trials, stream, others, released)
        print(f"{way:<12}{found[way]}", flush=True)
    minutes = sum(one.minutes for one in stream)
    print(f"{len(trials)} trials, {minutes:.1f} minutes of reading; prototype {found['prototype']}")
    if arguments.output:
        rows = {way: metric.as_row() for way, metric in found.items()}
        about = {"command": command_line(), "trials": len(trials), "minutes": minutes, "recordings": RECORDINGS}
        write_json(arguments.output, about | {"right_at_equal_false_accepts": rows})


def recorded(recogniser: Recogniser, path: Any, heard: Heard) -> Recorded:
    samples = read_audio(path, recogniser.sample_rate)
    if heard.word:
        samples = in_hiss(recogniser, samples)
    return Recorded(heard, np.ascontiguousarray(samples, np.float32))


def trained(way: str, trials: Sequence[Trial], stream: list[Any], others: list[Any], released: Checkpoint) -> Metric:
    """A network for each trial, judged on its test as a prototype is."""
    right, speakers = [], []
    for number, trial in enumerate(trials):
        torch.manual_seed(number)
        network = train(new_network(way, released), list(trial.enrolled), others, RATES[way])
        scored = replace(trial, tests=tuple(test.read_by(network) for test in trial.tests))
        right += right_at_allowed(scored, np.ones(1), [one.read_by(network) for one in stream])
        speakers += [test.speaker for test in trial.tests]
        print(f"{way}: {number + 1} of {len(trials)}, {sum(right)} of {len(right)} right", flush=True)
    return accuracy_by_group(right, speakers)


def new_network(way: str, released: Checkpoint) -> SpeechNet:
    """The student's shape with one output; fine-tuned, all but that output as released."""
    network = SpeechNet(**{**released.arguments, "classes": 1})
    if way != "scratch":
        kept = {
            name: weights for name, weights in released.weights.items() if not name.startswith(("word.", "spelling."))
        }
        network.load_state_dict(kept, strict=False)
    return network


def train(network: SpeechNet, enrolled: list[Any], others: list[Any], rate: float) -> nn.Module:
    """A few steps of AdamW: windows around the recordings' words against windows of what others said."""
    word = prototype_of([one.whole for one in enrolled])
    positives = torch.cat([around_word(one, word) for one in enrolled])
    negatives = torch.cat([one.windows for one in others if one.word != enrolled[0].word])
    augment = WaveAugment([])
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.02)
    targets = (torch.arange(BATCH) < POSITIVES).float()
    network.train()
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = rate * share_of_rate(step / STEPS)
        said = positives[torch.randint(len(positives), (POSITIVES,))]
        not_said = negatives[torch.randint(len(negatives), (BATCH - POSITIVES,))]
        logits = network(augment(torch.cat([said, not_said])))[0][:, 0]
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(logits, targets).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
    return network.eval()


def around_word(clip: Any, word: np.ndarray) -> Tensor:
    """The windows in which a recording is most like its word, and those beside them."""
    closest_s = float(clip.times_s[(clip.directions @ word).argmax()])
    middle = round((closest_s * SAMPLE_RATE - WINDOW) / HOP)
    return clip.windows[max(0, middle - 1) : middle + 2]


if __name__ == "__main__":
    run(main)
