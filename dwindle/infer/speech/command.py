"""Listen: digits, or a person's own words, from files, a microphone or a pipe.

python infer.py clip.wav other.flac folder/          what is said in them
python infer.py --mic                                live; Ctrl-C ends it
arecord -f S16_LE -r 16000 | python infer.py -       live, from a pipe
python infer.py --stream file.wav                    a file down the live path, as fast as it goes
python infer.py --isolated --evaluate manifest.csv   how good the answers are
python infer.py --enrol marvin folder/               adds a word: five recordings of it are enough
python infer.py --serve                              for programs and browsers on this computer: HTTP and WebSocket
python infer.py --archive URI --output URI           more than one machine hears, on a Ray cluster
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from tqdm import tqdm

from dwindle.cli import nonempty, pathname, port_number, positive_int
from dwindle.errors import UsageError, UserError, imported, printable, quiet_sound_libraries
from dwindle.infer.speech.enrol import enrol, forget
from dwindle.infer.speech.evaluate import as_table, read_manifest, score
from dwindle.infer.speech.file_listener import FileListener, Settings, error_row, native_blocks
from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.live import Display, listen
from dwindle.infer.speech.microphone import Microphone, input_devices
from dwindle.infer.speech.model import RUNNING_THRESHOLD
from dwindle.infer.speech.sound_file import sound_files
from dwindle.infer.speech.sources import Pipe, Player, pcm_blocks, pcm_rate
from dwindle.infer.speech.vad import KINDS, VoiceActivityDetector
from dwindle.infer.speech.workers import answers

BATCH_FILES = 256
HOST, PORT = "127.0.0.1", 8_000  # where it serves when it is not told


def add_options(parser: argparse.ArgumentParser) -> None:
    """What listening alone asks for."""
    parser.add_argument("inputs", nargs="*", help="sound files and folders; - reads 16-bit PCM from standard input")
    ways = parser.add_argument_group("other ways in")
    ways.add_argument("--mic", action="store_true", help="listen to a microphone")
    ways.add_argument("--stream", metavar="FILE", help="play a file down the live path, against a virtual clock")
    ways.add_argument(
        "--evaluate", type=Path, metavar="CSV", help="score the recordings of a manifest: path,label,corpus"
    )
    ways.add_argument("--list_devices", action="store_true", help="show the microphones")
    ways.add_argument("--serve", action="store_true", help="answer programs and the page (make web-build) over HTTP")
    adding = parser.add_argument_group("adding words")
    adding.add_argument("--enrol", type=nonempty, metavar="WORD", help="add a word, said in these files and folders")
    adding.add_argument("--unlike", type=nonempty, metavar="FOLDER", help="with --enrol: what it must not be taken for")
    adding.add_argument("--forget", type=nonempty, metavar="WORD", help="take an added word out again")
    adding.add_argument("--words", type=pathname, metavar="FILE", help="of added words (default: beside the model)")
    ways.add_argument("--archive", type=nonempty, metavar="URI", help="a folder or store: sound files, .tar, .parquet")
    archives = parser.add_argument_group("archives")
    archives.add_argument("--output", type=nonempty, metavar="URI", help="folder for the answers; the same goes on")
    archives.add_argument("--parquet", action="store_true", help="answers as Parquet instead of JSON lines")
    archives.add_argument(
        "--batch_files", type=positive_int, help=f"that a worker takes and answers at once (default {BATCH_FILES})"
    )
    serving = parser.add_argument_group("serving")
    serving.add_argument("--host", type=nonempty, help="address to listen on (default 127.0.0.1: this computer alone)")
    serving.add_argument("--port", type=port_number, help="default 8000; 0 chooses a free one")
    live = parser.add_argument_group("live sound")
    live.add_argument("--device", help="microphone: its number or part of its name")
    live.add_argument("--realtime", action="store_true", help="with --stream: at the speed of a clock on the wall")
    live.add_argument("--rate", type=pcm_rate, help="of raw PCM without a header (default 16000 Hz)")
    deciding = parser.add_argument_group("deciding")
    deciding.add_argument("--isolated", action="store_true", help="one answer per clip: a digit, or none")
    deciding.add_argument(
        "--threshold",
        type=float,
        help=f"confidence from which a word counts ({RUNNING_THRESHOLD:g}, a lone digit's in longer sound is higher; "
        "--isolated: the model's own)",
    )
    deciding.add_argument(
        "--expect", choices=["digits", "words"], help="nothing else is said (a PIN, a telephone number): refuse nothing"
    )
    deciding.add_argument("--vad", choices=KINDS, default="webrtc", help="voice detector (default webrtc)")
    running = parser.add_argument_group("running")
    running.add_argument(
        "--workers", type=positive_int, help="processes that share the files (default 1; --archive: one for each core)"
    )


def open_model(path: str | Path, threads: int = 1) -> FileListener:
    """A recogniser of whole files: `load().hear("clip.wav")["text"]`."""
    return FileListener(Settings(Path(path), None, threads, vad="webrtc", isolated=False))


def run(arguments: argparse.Namespace) -> int:
    """One thing at a time: files, live sound, a manifest, or the list of microphones."""
    check(arguments)
    with quiet_sound_libraries():
        if arguments.list_devices:
            return list_devices()
        if arguments.enrol or arguments.forget:
            return change_words(arguments)
        settings = Settings(
            arguments.model,
            arguments.threshold,
            arguments.threads,
            arguments.vad,
            arguments.isolated,
            words=arguments.words,
            only_words=arguments.expect is not None,
        )
        if arguments.archive:
            return archive(settings, arguments)
        workers = arguments.workers or 1
        if arguments.evaluate:
            return evaluate(settings, arguments.evaluate, workers, arguments.json)
        if arguments.serve:
            return serve(settings, arguments.host or HOST, PORT if arguments.port is None else arguments.port)
        if is_live(arguments):
            return hear_live(settings, arguments)
        return recognise(settings, arguments.inputs, workers, arguments.json)


def check(arguments: argparse.Namespace) -> None:
    """Refuse flags that make no sense together."""
    ways = (arguments.mic, arguments.stream, arguments.evaluate, arguments.list_devices, arguments.serve)
    ways += (arguments.archive,)
    check_words(arguments, any(ways))
    if sum(map(bool, [*ways, arguments.inputs, arguments.forget])) != 1:
        raise UsageError(
            "name sound files or give one of --mic, --stream, --evaluate, --list_devices, --serve, --archive: "
            "one thing at a time"
        )
    if not arguments.serve and (arguments.host or arguments.port is not None):
        raise UsageError("--host and --port go with --serve")
    if bool(arguments.archive) != bool(arguments.output):
        raise UsageError("--archive URI and --output URI go together")
    if not arguments.archive and (arguments.parquet or arguments.batch_files):
        raise UsageError("--parquet and --batch_files go with --archive")
    if "-" in arguments.inputs and len(arguments.inputs) > 1:
        raise UsageError("- stands alone")
    if arguments.device and not arguments.mic:
        raise UsageError("--device goes with --mic")
    if "" in arguments.inputs:
        raise UsageError("one of the names is empty")
    if arguments.rate and arguments.inputs != ["-"]:
        raise UsageError("--rate goes with -")
    if arguments.realtime and not arguments.stream:
        raise UsageError("--realtime goes with --stream")
    if arguments.isolated and is_live(arguments):
        raise UsageError("--isolated is for files: live sound has no clips")
    if (arguments.workers or 1) > 1 and (is_live(arguments) or arguments.serve):
        raise UsageError("--workers is for files: live sound is one stream")


def check_words(arguments: argparse.Namespace, is_other: bool) -> None:
    """Likewise of those that add words."""
    if arguments.enrol and (is_other or arguments.forget or not arguments.inputs or "-" in arguments.inputs):
        raise UsageError("--enrol WORD goes with files or folders in which the word is said, and with nothing else")
    if arguments.unlike and not arguments.enrol:
        raise UsageError("--unlike goes with --enrol")


def change_words(arguments: argparse.Namespace) -> int:
    """Add a word or take one out, and say what is kept then."""
    if arguments.enrol:
        said = enrol(arguments.model, arguments.words, arguments.enrol, arguments.inputs, arguments.unlike)
    else:
        said = forget(arguments.model, arguments.words, arguments.forget)
    print(json.dumps(said.as_json()) if arguments.json else printable(said.as_text()))
    return 0


def is_live(arguments: argparse.Namespace) -> bool:
    """Whether sound comes while it is listened to."""
    return bool(arguments.mic or arguments.stream or arguments.inputs == ["-"])


def recognise(settings: Settings, inputs: Sequence[str], workers: int, as_json: bool) -> int:
    """Files and folders, one line each; 1 when any of them failed."""
    paths, failed = [], 0
    for name in inputs:
        is_folder = os.path.isdir(name)  # noqa: PTH112 - Path's own raises where a name is too long
        try:
            found = [str(path) for path in sound_files(Path(name))] if is_folder else [name]
            if not found:
                raise UserError("no sound files in this folder")
            paths += found
        except (UserError, OSError) as error:
            failed += 1
            print_row(error_row(name, error), as_json)
    for number, row in enumerate(answers(settings, paths, workers)):
        failed += "error" in row
        with tqdm.external_write_mode():  # the bar steps aside
            print_row(row, as_json, is_first=number == 0)
    return 1 if failed else 0


def print_row(row: dict[str, Any], as_json: bool, is_first: bool = False) -> None:
    """One file's answer, for a program or for a person; the time of the first is mostly that of starting."""
    if as_json:
        print(json.dumps(row), flush=True)
    elif "error" in row:
        print(printable(f"{row['file']}: {row['error']}"), file=sys.stderr, flush=True)
    else:
        words = "  ".join(
            f"{d['digit']} {d['confidence']:.2f} ({d['start']:.2f}-{d['end']:.2f} s)" for d in row["digits"]
        )
        taken = f"{row['latency_ms']:.0f} ms for the file{', start-up included' if is_first else ''}"
        print(f"{printable(row['file'])}:  {row['text'] or 'no known word'}   {words}   {taken}", flush=True)


def evaluate(settings: Settings, manifest: Path, workers: int, as_json: bool) -> int:
    """How good the answers are, corpus by corpus."""
    recogniser = settings.recogniser()
    entries = read_manifest(manifest, [*recogniser.words, *recogniser.enrolled.words])
    rows = list(answers(settings, [str(entry.path) for entry in entries], workers))
    failed = [row for row in rows if "error" in row]
    for row in failed:
        print(printable(f"{row['file']}: {row['error']}"), file=sys.stderr)
    usable = [(entry, row) for entry, row in zip(entries, rows, strict=True) if "error" not in row]
    heard = [[digit["digit"] for digit in row["digits"]] for _, row in usable]
    report = score([entry for entry, _ in usable], heard, settings.isolated)
    print(
        json.dumps({"files_failed": len(failed), "errors": failed, "corpora": report}) if as_json else as_table(report)
    )
    return 1 if failed else 0


def hear_live(settings: Settings, arguments: argparse.Namespace) -> int:
    """The model is loaded first, so that no sound waits for it; then sound is opened, and words come."""
    recogniser = settings.recogniser()
    inference = RealTimeInference(recogniser, VoiceActivityDetector(settings.vad, recogniser.sample_rate))
    display = Display(arguments.json, asks_for_sound=not arguments.stream)
    if arguments.stream:
        blocks, rate = native_blocks(arguments.stream)
        try:
            number = listen(Player(blocks, rate, arguments.realtime), inference, display)
        except BrokenPipeError:
            raise
        except (UserError, OSError) as error:
            print_row(error_row(arguments.stream, error), arguments.json)
            return 1
        if number is not None:  # a file has an end, and was not heard to it
            raise KeyboardInterrupt(number)
    elif arguments.inputs == ["-"]:
        if sys.stdin is None:
            raise UserError("standard input is closed: arecord -f S16_LE -r 16000 | python infer.py -")
        pipe = cast(Pipe, sys.stdin.buffer)  # which can do more than its type says
        rate, blocks = pcm_blocks(pipe, arguments.rate or 16_000)
        number = listen(Player(blocks, rate), inference, display)
    else:
        with Microphone(arguments.device) as microphone:
            display.note(f"listening to {microphone.device.name!r} at {microphone.rate} Hz; Ctrl-C ends it")
            number = listen(microphone, inference, display)
    if number not in (None, signal.SIGINT):  # Ctrl-C is how a person ends sound that has no end
        raise KeyboardInterrupt(number)
    return 0


def serve(settings: Settings, host: str, port: int) -> int:
    """Imported only here: whoever serves nothing needs no web framework."""
    imported("aiohttp", "pip install 'aiohttp>=3.14.5,<4'")
    from dwindle.infer.serve import serve as serve_all
    from dwindle.infer.speech.service import SpeechService

    return serve_all([SpeechService(settings)], host, port)


def archive(settings: Settings, arguments: argparse.Namespace) -> int:
    """Imported only here: whoever hears a few files needs no cluster. A file that cannot be heard is not fatal."""
    imported("ray", "pip install 'ray[data]>=2.60,<2.61'")
    from dwindle.infer.speech.archive import Job, hear_archive
    from dwindle.infer.speech.parts import FAILED

    batch = arguments.batch_files or BATCH_FILES
    done = hear_archive(settings, Job(arguments.archive, arguments.output, arguments.parquet, batch, arguments.workers))
    if arguments.json:
        print(json.dumps(done))
    else:
        listed = f" (listed in {FAILED})" if done["files_failed"] else ""
        print(
            f"heard {done['files']:,} files, {done['files_before']:,} before; "
            f"could not be heard: {done['files_failed']:,}{listed}"
        )
    return 0


def list_devices() -> int:
    """The microphones that --device takes, by number or by part of a name."""
    for device in input_devices():
        mark = "*" if device.is_default else " "
        channels = f"{device.channels:3} channel{'' if device.channels == 1 else 's'}"
        print(f"{mark} {device.index:3}  {device.rate:6} Hz  {channels:12}  {device.name}")
    return 0
