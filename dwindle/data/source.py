"""The public data sets: where each one lives, under which licence, and how to tell that it arrived unharmed."""

import gzip
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from dwindle.errors import UserError


@dataclass(frozen=True)
class Source:
    """One file to download. `sha256` is pinned where its publisher or a library's source states one."""

    url: str
    sha256: str | None = None
    size_bytes: int = 0  # about; for the question whether the disk has room

    @property
    def filename(self) -> str:
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class DataSet:
    """A folder of the data directory and the sources that it is made from."""

    name: str
    title: str
    licence: str
    home: str
    sources: tuple[Source, ...]
    disk_bytes: int  # about, once unpacked
    needs: tuple[str, ...]  # what a finished folder has at least
    arrange: Callable[[Path, Path], None] = field(repr=False)  # unpacked folder -> finished folder
    contents_pattern: str = ""
    contents_sha256: str = ""  # of what matches the pattern, as contents_digest counts it

    def is_present(self, data_dir: Path) -> bool:
        return all((data_dir / self.name / name).exists() for name in self.needs)

    def contents_as_published(self, folder: Path) -> bool:
        return contents_digest(folder.glob(self.contents_pattern)) == self.contents_sha256


def contents_digest(paths: Iterable[Path]) -> str:
    """One SHA-256 over file names and contents, whatever their order; of a .gz file what is in it, not how tightly."""
    lines = []
    for path in paths:
        name = path.name.removesuffix(".gz")
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            lines.append(f"{name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n")
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def keep_all(unpacked: Path, finished: Path) -> None:
    """The archive is laid out as the finished set."""
    unpacked.rename(finished)


def keep_recordings(unpacked: Path, finished: Path) -> None:
    """Of a repository's archive, its recordings and its README."""
    roots = [path.parent for path in unpacked.glob("*/recordings")]
    if len(roots) != 1:
        raise UserError("the archive has no folder of recordings: its publisher changed its layout")
    finished.mkdir()
    (roots[0] / "recordings").rename(finished / "recordings")
    if (roots[0] / "README.md").is_file():
        (roots[0] / "README.md").rename(finished / "README.md")


SST2_ROWS = {"train": 67_349, "dev": 872, "test": 1_821}


def arrange_sst2(unpacked: Path, finished: Path) -> None:
    """train.tsv from GLUE; dev.tsv and test.tsv from the treebank itself, because GLUE's own test has no labels."""
    lines = _lines(unpacked / "SST-2" / "train.tsv")
    if lines[:1] != ["sentence\tlabel"]:
        raise UserError("SST-2's train.tsv has other columns than sentence and label: its publisher changed its layout")
    rows = {"train": [tuple(part.strip() for part in line.rsplit("\t", 1)) for line in lines[1:]]}
    for name in ("dev", "test"):
        rows[name] = [row for tree in _lines(unpacked / "trees" / f"{name}.txt") if (row := two_way_row(tree))]
    finished.mkdir()
    for name, expected in SST2_ROWS.items():
        if len(rows[name]) != expected:
            raise UserError(f"SST-2's {name} split has {len(rows[name]):,} rows instead of {expected:,}")
        text = "".join(f"{sentence}\t{label}\n" for sentence, label in [("sentence", "label"), *rows[name]])
        (finished / f"{name}.tsv").write_text(text, encoding="utf-8")


def two_way_row(tree: str) -> tuple[str, str] | None:
    """`(3 (2 A) (4 gem))` -> ("a gem", "1"); None for the neutral label 2, which the two-way task leaves out."""
    label = re.match(r"\s*\(([0-4]) ", tree)
    if not label:
        raise UserError(f"not a line of the Stanford Sentiment Treebank: {tree[:40]!r}")
    if label.group(1) == "2":
        return None
    words = re.findall(r"\([0-4] ([^()]+)\)", tree)
    return " ".join(words).lower(), "1" if label.group(1) in "34" else "0"


def _lines(path: Path) -> list[str]:
    """Not splitlines: a sentence may hold one of the rarer characters that it takes for the end of a line."""
    return [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]


MNIST_HOME = "https://ossci-datasets.s3.amazonaws.com/mnist"  # the mirror that torchvision uses
MNIST_FILES = {  # SHA-256 and bytes as TensorFlow Datasets states them
    "train-images-idx3-ubyte.gz": ("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 9_912_422),
    "train-labels-idx1-ubyte.gz": ("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", 28_881),
    "t10k-images-idx3-ubyte.gz": ("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 1_648_877),
    "t10k-labels-idx1-ubyte.gz": ("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4_542),
}

FSDD = DataSet(
    name="fsdd",
    title="Free Spoken Digit Dataset v1.0.10",
    licence="CC BY-SA 4.0",
    home="https://github.com/Jakobovski/free-spoken-digit-dataset",
    # No checksum is published for this archive, and it is packed anew on demand: its contents are pinned instead.
    sources=(
        Source(
            "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz",
            size_bytes=16_000_000,
        ),
    ),
    disk_bytes=22_000_000,
    needs=("recordings",),
    arrange=keep_recordings,
    contents_pattern="recordings/*.wav",
    contents_sha256="dbd573d7cafe79c4b49f65718115e1304e24e067fa39eff18a660dc6cb9c360f",
)

SPEECH_COMMANDS = DataSet(
    name="speech_commands",
    title="Speech Commands v0.02",
    licence="CC BY 4.0",
    home="https://arxiv.org/abs/1804.03209",
    sources=(
        Source(
            "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
            "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",  # as torchaudio states it
            2_428_923_189,
        ),
    ),
    disk_bytes=3_800_000_000,
    needs=("validation_list.txt", "zero", "nine"),
    arrange=keep_all,
)

MNIST = DataSet(
    name="mnist",
    title="MNIST handwritten digits",
    licence="CC BY-SA 3.0",
    home="https://yann.lecun.org/exdb/mnist",
    sources=tuple(Source(f"{MNIST_HOME}/{name}", *pinned) for name, pinned in MNIST_FILES.items()),
    disk_bytes=11_600_000,
    needs=tuple(MNIST_FILES),
    arrange=keep_all,
    contents_pattern="*-ubyte.gz",
    contents_sha256="09d9c50106a93c14b1c99b45352fb39f965a05109c94a632c226bc377bfa50e7",
)

SST2 = DataSet(
    name="sst2",
    title="Stanford Sentiment Treebank, two classes",
    licence="none stated",
    home="https://nlp.stanford.edu/sentiment",
    sources=(
        Source(
            "https://dl.fbaipublicfiles.com/glue/data/SST-2.zip",
            "d67e16fb55739c1b32cdce9877596db1c127dc322d93c082281f64057c16deaa",  # as TensorFlow Datasets states it
            7_439_277,
        ),
        Source(
            "https://nlp.stanford.edu/sentiment/trainDevTestTrees_PTB.zip",
            "5c613a4f673fc74097d523a2c83f38e0cc462984d847b82c7aaf36b01cbbbfcc",  # as Flux.jl states it
            789_539,
        ),
    ),
    disk_bytes=4_100_000,
    needs=("train.tsv", "dev.tsv", "test.tsv"),
    arrange=arrange_sst2,
)

KOKORO_HOME = "https://github.com/thewh1teagle/kokoro-onnx/releases/download/model-files-v1.0"
KOKORO_FILES = {  # SHA-256 and bytes, as those state them who pin these files
    "kokoro-v1.0.int8.onnx": ("6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb", 92_361_271),
    "voices-v1.0.bin": ("bca610b8308e8d99f32e6fe4197e7ec01679264efed0cac9140fe9c29f1fbf7d", 28_214_398),
}
KOKORO = DataSet(  # no recordings: what speaks more voices for training than espeak-ng and flite have
    name="kokoro",
    title="Kokoro-82M v1.0, a speech synthesiser, 8-bit",
    licence="Apache-2.0",
    home="https://github.com/thewh1teagle/kokoro-onnx",
    sources=tuple(Source(f"{KOKORO_HOME}/{name}", *pinned) for name, pinned in KOKORO_FILES.items()),
    disk_bytes=120_600_000,
    needs=tuple(KOKORO_FILES),
    arrange=keep_all,
)

DATA_SETS = {data_set.name: data_set for data_set in (FSDD, SPEECH_COMMANDS, MNIST, SST2, KOKORO)}
