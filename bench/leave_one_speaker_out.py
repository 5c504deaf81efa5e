"""How well a voice is understood that training never heard: six models, each without one speaker of FSDD.

    python bench/leave_one_speaker_out.py

They are made as the release is, but no teacher has heard the speaker: students that heard nobody of FSDD teach one
more, and six go on from that one under the same teachers, with everything but their speaker.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.runs import train
from dwindle.audio.corpora import FSDD_SPEAKERS
from dwindle.errors import run
from dwindle.files import write_json

TEACHER_SEEDS = (0, 1, 2)
WITHOUT_FSDD = ("--corpora", "speech_commands", "negatives", "voices")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--teacher_epochs", type=int, default=20, help="without FSDD, without a teacher")
    parser.add_argument("--epochs", type=int, default=20, help="without FSDD, under the teachers")
    parser.add_argument("--further_epochs", type=int, default=6, help="with five of its six speakers, likewise")
    parser.add_argument("--runs_dir", type=Path, default=Path("logs/leave_one_speaker_out"))
    arguments = parser.parse_args()
    runs = arguments.runs_dir.resolve()
    teachers = []
    for seed in TEACHER_SEEDS:
        flags = ["--alpha", "0", "--patience", "0", "--seed", str(seed), "--epochs", str(arguments.teacher_epochs)]
        train(runs / f"teacher-{seed}", [*flags, *WITHOUT_FSDD])
        teachers.append(str(runs / f"teacher-{seed}" / "student.pt"))
    taught = ["--teacher", *teachers, "--lr", "0.0012", "--patience", "0"]
    flags = ["--start_from", teachers[0], "--epochs", str(arguments.epochs)]
    train(runs / "nobody", [*taught, *flags, *WITHOUT_FSDD])
    flags = ["--start_from", str(runs / "nobody" / "student.pt"), "--epochs", str(arguments.further_epochs)]
    scores = {
        speaker: train(runs / speaker, [*taught, *flags, "--hold_out_speaker", speaker])["held_out_speaker"]
        for speaker in FSDD_SPEAKERS
    }
    print(f"\n{'speaker':<12}{'right':>6}{'of':>6}{'share':>9}   95% interval")
    for speaker, score in scores.items():
        interval = f"{100 * score['low']:.1f} to {100 * score['high']:.1f}%"
        print(f"{speaker:<12}{score['correct']:>6}{score['count']:>6}{100 * score['share']:>8.2f}%   {interval}")
    shares = [score["share"] for score in scores.values()]
    print(f"{'mean':<24}{100 * sum(shares) / len(shares):>8.2f}%   worst {100 * min(shares):.2f}%")
    write_json(runs / "scores.json", scores)


if __name__ == "__main__":
    run(main)
