"""The C form: in whole numbers it answers as ONNX Runtime does, and it never asks for memory."""

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis.strategies import floats, integers
from script_process import ROOT

from dwindle.compress.quantize_weights import store_as_int8
from dwindle.engine import onnx_engine
from dwindle.errors import UserError
from dwindle.export.compiled import STRICT, CompiledNetwork
from dwindle.export.formats import to_onnx
from dwindle.export.microcontroller import ONE, SOURCES, as_header
from dwindle.export.onnx_file import read_onnx, write_onnx
from dwindle.infer.speech import WINDOW_SAMPLES
from dwindle.infer.speech.sound_file import read_audio
from dwindle.tasks.speech.network import SpeechNet
from dwindle.tasks.speech.words import STUDENT, SpokenWords

ROUNDING = 0.02  # values between layers are rounded to 1 / 1024
SPOKEN = sorted((ROOT / "samples").glob("*.wav"))
RELEASED = ROOT / "artifacts" / "model_int8.onnx"


def written(model: Path, folder: Path) -> Path:
    """The C files that the command writes."""
    line = [sys.executable, "-m", "dwindle.export.microcontroller", "--model", str(model), "--output_dir", str(folder)]
    subprocess.run(line, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module", params=["log_mel", "sinc"])
def narrow(request, tmp_path_factory) -> Path:
    """A network of width 24 with random weights, stored as INT8, that has settled on what it hears."""
    torch.manual_seed(0)
    network = SpeechNet(11, **(STUDENT | {"channels": 24}), front_end=request.param)
    clips = torch.stack([torch.from_numpy(np.resize(read_audio(path), WINDOW_SAMPLES)) for path in SPOKEN])
    with torch.no_grad():
        for _ in range(20):
            network(clips)
    path = tmp_path_factory.mktemp("narrow") / "narrow.onnx"
    says = {"labels": '["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "reject"]'}
    example = {"audio": torch.zeros(1, WINDOW_SAMPLES)}
    to_onnx(network.eval(), example, path, SpokenWords.inputs, SpokenWords.outputs, says)
    model = read_onnx(path)
    store_as_int8(model)
    write_onnx(model, path, says)
    return path


@pytest.fixture(scope="module")
def compiled(narrow, tmp_path_factory) -> CompiledNetwork:
    return CompiledNetwork(written(narrow, tmp_path_factory.mktemp("narrow_c")), 11, 24)


def _without_comments(source: str) -> str:
    return re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)


def sounds() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    spoken = {path.stem: np.resize(read_audio(path), WINDOW_SAMPLES) for path in SPOKEN}
    made = {"hiss": 0.1 * rng.standard_normal(WINDOW_SAMPLES), "silence": np.zeros(WINDOW_SAMPLES)}
    return {**spoken, **{name: sound.astype(np.float32) for name, sound in made.items()}}


@pytest.mark.parametrize("samples", [WINDOW_SAMPLES, 6_144, 5_000, 512, 256])
def test_c_answers_as_onnx_runtime_does(narrow, compiled, samples):
    engine = onnx_engine(narrow)
    if samples < fewest_samples(narrow):
        assert compiled(np.zeros(samples, np.float32)) is None
        return
    for name, sound in sounds().items():
        wanted = engine({"audio": torch.from_numpy(sound[None, :samples])})
        for output, mine in zip(("logits", "frames", "embedding"), compiled(sound[:samples]), strict=True):
            assert mine.shape == tuple(wanted[output][0].shape), name
            np.testing.assert_allclose(mine, wanted[output][0].numpy(), atol=ROUNDING, rtol=5e-3, err_msg=name)


def fewest_samples(model: Path) -> int:
    """What one frame hears."""
    return int(re.search(r"SPECTRUM_SAMPLES (\d+)", as_header(model))[1])


def test_too_little_and_too_much_sound_are_refused(narrow, compiled):
    assert compiled(np.zeros(fewest_samples(narrow) - 1, np.float32)) is None
    assert compiled(np.zeros(WINDOW_SAMPLES + 1, np.float32)) is None


def test_the_c_form_asks_for_no_memory_and_says_how_much_it_has(compiled):
    for source in SOURCES.glob("dwindle*.c"):
        assert not re.search(r"\b(malloc|calloc|realloc|alloca|free|stdio)\b", source.read_text(encoding="utf-8"))
    assert compiled.ram_bytes < 40_000


def test_the_c_form_computes_in_whole_numbers_alone(compiled, narrow, tmp_path):
    folder = written(narrow, tmp_path / "digits")
    for source in folder.glob("dwindle*"):
        assert not re.search(r"\b(float|double|math\.h)\b|\d\.\d", _without_comments(source.read_text("utf-8"))), source


def test_a_sound_louder_than_all_others_saturates_and_nothing_overflows(compiled, narrow):
    """Squares at full scale are the loudest sound there is."""
    loudest = np.sign(np.sin(np.arange(WINDOW_SAMPLES) * 2 * np.pi * 440 / 8_000 + 0.1)).astype(np.float32)
    wanted = onnx_engine(narrow)({"audio": torch.from_numpy(loudest[None])})["logits"][0].numpy()
    np.testing.assert_allclose(compiled(loudest)[0], wanted, atol=ROUNDING)


@given(number=integers(1, 2**64 - 1), power=floats(-20, 0))
def test_logarithms_and_powers_of_two(compiled, number, power):
    assert compiled.log2(number) == pytest.approx(math.log2(number), abs=2 / ONE)
    assert compiled.exp2(power) == pytest.approx(2 ** (round(power * ONE) / ONE), abs=2e-4)


def test_the_released_digits_are_heard_by_the_compiled_program(tmp_path):
    folder = written(RELEASED, tmp_path / "digits")
    program = tmp_path / "hear"
    subprocess.run(["gcc", *STRICT, "-o", program, *folder.glob("*.c")], check=True)
    for digit, name in enumerate(("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")):
        pcm = (read_audio(ROOT / "samples" / f"{name}.wav")[:WINDOW_SAMPLES] * 32_767).astype("<i2").tobytes()
        said = subprocess.run([program], input=pcm, capture_output=True, check=True).stdout.split()
        assert said[0] == str(digit).encode()
        assert len(said) == 12
    short = subprocess.run([program], input=b"\0" * 10, capture_output=True)
    assert (short.returncode, short.stderr) == (1, b"5 samples are too few\n")


@pytest.mark.parametrize("task", ["handwritten_digits", "language_model"])
def test_another_network_is_refused_in_one_line(task):
    with pytest.raises(UserError, match="with float arithmetic and log-mel bands or learnt filters"):
        as_header(ROOT / "artifacts" / task / "model_int8.onnx")
