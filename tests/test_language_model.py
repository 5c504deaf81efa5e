"""The language model: its memory, its text, what it writes, and the command line."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from dwindle.engine import onnx_engine, state_of, torch_engine, with_empty_state
from dwindle.errors import UsageError, UserError
from dwindle.export.formats import to_exported_program, to_onnx
from dwindle.infer.text.language_generator import TextGenerator
from dwindle.infer.text.language_memory import BEFORE, Memory, nats_of
from dwindle.infer.text.language_sampler import Sampler
from dwindle.infer.text.language_vocabulary import BEGINNING, UNKNOWN, Vocabulary, vocabulary_of
from dwindle.task import open_task, options_of
from dwindle.tasks.text.language_model import BLOCKS, LanguageModel
from dwindle.tasks.text.language_network import PERIOD, LanguageTransformer
from dwindle.tasks.text.language_text import Passages, passage_batches, read_text

REPOSITORY = Path(__file__).parents[1]
SHAPE = {"width": 32, "blocks": BLOCKS, "heads": 2, "hidden": 64, "rows": [101, 211], "head_width": 8}


def awakened(network: torch.nn.Module) -> torch.nn.Module:
    """A new network's blocks add nothing; these do."""
    for parameter in network.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.2)
    return network.eval()


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "verse.txt"
    lines = [f"{number} bottles of {word} on the wall,\n" for number in range(300) for word in ("beer", "wine", "ink")]
    path.write_text("".join(lines), encoding="utf-8")
    return open_task("language_model", options_of("language_model", text=str(path)))


@pytest.fixture(scope="module")
def network(task):
    torch.manual_seed(3)
    return awakened(task.rebuild({"classes": len(task.labels), **SHAPE}))


@pytest.fixture(scope="module")
def model_path(task, network, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    example = with_empty_state(task.example_inputs(), state_of(network))
    metadata = {"task": task.name, **task.metadata(torch_engine(network, task.inputs, task.outputs), task.corpora)}
    to_onnx(network, example, path, task.inputs, task.outputs, metadata)
    return path


def as_run(engine):
    def run(feed):
        given = engine({name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in feed.items()})
        return {name: tensor.numpy() for name, tensor in given.items()}

    return run


@pytest.mark.parametrize("steps", [[1] * 40, [40], [3, 20, 1, 16]])
def test_a_ring_of_keys_and_values_answers_as_the_whole_text_does(steps):
    torch.manual_seed(1)
    network = awakened(LanguageTransformer(20, **SHAPE, window=16))
    text = np.random.default_rng(0).integers(20, size=(3, BEFORE + 1 + 40))
    with torch.no_grad():
        tokens, before = torch.from_numpy(text[:, BEFORE:]), torch.from_numpy(text[:, :BEFORE])
        whole = network(tokens, before)[0].numpy()
    memory = Memory(as_run(torch_engine(network, INPUTS, OUTPUTS)), text[:, : BEFORE + 1], window=16)
    places = np.cumsum([BEFORE + 1, *steps])
    read = [memory.read(text[:, first:last]) for first, last in itertools.pairwise(places)]
    np.testing.assert_allclose(np.concatenate(read, axis=1), whole[:, 1:], atol=2e-5)
    np.testing.assert_allclose(memory.following, whole[:, -1], atol=2e-5)


INPUTS = ("tokens", "before", "start", *(f"memory_{number}" for number in range(2 * SHAPE["blocks"])))
OUTPUTS = ("logits", "new_memory")


def test_positions_may_be_as_large_as_they_like(network):
    """Keys at a place far on turn as at the same place of an earlier period, to the last bit."""
    near, far = (network.turn(torch.arange(5).unsqueeze(0) + start) for start in (0, 40_000_000 * PERIOD))
    assert all(torch.equal(*pair) for pair in zip(near, far, strict=True))


def test_nothing_beyond_the_window_and_the_blocks_is_seen(task):
    torch.manual_seed(2)
    network = awakened(LanguageTransformer(20, **SHAPE, window=8))
    tokens, before = torch.randint(20, (1, 64)), torch.zeros(1, BEFORE, dtype=torch.int64)
    changed = tokens.clone()
    changed[0, 10] = (changed[0, 10] + 1) % 20
    with torch.no_grad():
        differs = (network(tokens, before)[0] - network(changed, before)[0]).abs().amax(dim=-1)[0] > 1e-6
    reach = SHAPE["blocks"] * (8 - 1) + len(SHAPE["rows"])  # the blocks, and the groups of the embedding
    assert not differs[:10].any() and differs[10:12].all() and not differs[11 + reach :].any()


def test_onnx_answers_as_torch_does_and_writes_the_same_text(task, network, model_path):
    torch_run, onnx_run = as_run(torch_engine(network, task.inputs, task.outputs)), as_run(onnx_engine(model_path))
    generator = TextGenerator(model_path)
    written = []
    for run in (torch_run, onnx_run):
        memory = Memory(run, generator.vocabulary.encode(BEGINNING)[None], generator.window)
        sampler, text = Sampler(0.9, 10, seed=5, never=generator.vocabulary.unknown), []
        for _ in range(200):  # longer than the window
            text.append(sampler.draw(memory.following[0]))
            memory.read(np.array([text[-1:]]))
        written.append(generator.vocabulary.decode(text))
    assert written[0] == written[1] == "".join(generator.generate("", 200, 0.9, 10, seed=5))
    metrics = [
        task.validate(engine) for engine in (torch_engine(network, task.inputs, task.outputs), onnx_engine(model_path))
    ]
    assert metrics[0].value == pytest.approx(metrics[1].value, abs=1e-5)
    assert metrics[0].count == len(task.text.validation) // 16 * 16


def test_a_network_with_a_state_becomes_an_exported_program(task, network, tmp_path):
    """A regression: its state was counted as so many arguments more."""
    example = with_empty_state(task.example_inputs(), state_of(network))
    to_exported_program(network, example, tmp_path / "model.pt2", task.inputs, {"task": task.name})
    program = torch.export.load(tmp_path / "model.pt2").module()
    answered, whole = (run(*example.values())[0] for run in (program, network))
    torch.testing.assert_close(answered, whole, atol=1e-4, rtol=1e-4)


def test_an_lstm_keeps_its_state_in_the_same_way(task, tmp_path):
    torch.manual_seed(4)
    lstm = LanguageModel(task.path, "lstm")
    network = lstm.rebuild(
        {"classes": len(task.labels), "width": 24, "layers": 2, "rows": [53], "architecture": "lstm"}
    )
    example = with_empty_state(lstm.example_inputs(), state_of(network.eval()))
    metadata = lstm.metadata(torch_engine(network, lstm.inputs, lstm.outputs), lstm.corpora)
    to_onnx(network, example, tmp_path / "lstm.onnx", lstm.inputs, lstm.outputs, metadata)
    engines = torch_engine(network, lstm.inputs, lstm.outputs), onnx_engine(tmp_path / "lstm.onnx")
    text = np.random.default_rng(0).integers(len(task.labels), size=(3, BEFORE + 1 + 30))
    with torch.no_grad():
        tokens, before = torch.from_numpy(text[:, BEFORE:]), torch.from_numpy(text[:, :BEFORE])
        whole = network(tokens, before)[0].numpy()
    for engine in engines:
        memory = Memory(as_run(engine), text[:, : BEFORE + 1], window=16)
        read = [memory.read(text[:, BEFORE + 1 + first :][:, :10]) for first in (0, 10, 20)]
        np.testing.assert_allclose(np.concatenate(read, axis=1), whole[:, 1:], atol=2e-5)
    assert len("".join(TextGenerator(tmp_path / "lstm.onnx").generate("7 bottles", 20, seed=1))) == 20


def test_a_seed_gives_one_text_and_another_seed_another(model_path):
    generator = TextGenerator(model_path)
    texts = ["".join(generator.generate("3 b", 80, seed=seed)) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert "".join(generator.generate("3 b", 30, seed=1)) == texts[0][:30]  # a shorter text is the longer one's start
    assert len({"".join(generator.generate("", 50, 0, seed=seed)) for seed in (1, 2)}) == 1


def test_judging_counts_every_character_and_does_not_mind_how_the_text_is_cut(model_path):
    generator = TextGenerator(model_path)
    text = "12 bottles of beer\r\n日本 \N{GRINNING FACE}" * 20
    found = generator.evaluate(text)
    assert (found.characters, found.unknown_count) == (len(text), 20 * len("\r日本\N{GRINNING FACE}"))
    assert set(found.unknown) == set("\r日本\N{GRINNING FACE}")
    tokens = generator.vocabulary.encode(text)[None]
    for chunk in (1, 7, 500):
        nats = nats_of(generator._memory(), tokens, chunk)
        assert nats.mean() / np.log(2) == pytest.approx(found.bits_per_character, abs=1e-5)


def test_a_sampler_draws_what_its_settings_allow():
    logits = np.array([0.0, 1.0, 3.0, 2.0, 9.0], np.float32)
    assert {Sampler(1.0, 2, seed, never=4).draw(logits) for seed in range(200)} == {2, 3}
    assert Sampler(0, never=4).draw(logits) == 2
    drawn = np.bincount(
        [draw for s in [Sampler(1.0, seed=0, never=4)] for draw in (s.draw(logits) for _ in range(4000))]
    )
    expected = np.exp(logits[:4]) / np.exp(logits[:4]).sum()
    np.testing.assert_allclose(drawn[:4] / 4000, expected, atol=0.03)
    assert Sampler(1e-9, seed=1, never=4).draw(logits) == 2
    for wrong in ({"temperature": -1}, {"temperature": float("nan")}, {"top_k": 0}, {"seed": -1}):
        with pytest.raises(UsageError):
            Sampler(**wrong)


def test_a_vocabulary_knows_its_characters_and_one_symbol_for_all_others():
    vocabulary = vocabulary_of("banana\n")
    assert vocabulary.labels == ("\n", "a", "b", "n", UNKNOWN)
    assert vocabulary.encode("nab€").tolist() == [3, 1, 2, vocabulary.unknown]
    assert vocabulary.decode([3, 1, 4]) == "na\N{REPLACEMENT CHARACTER}"
    with pytest.raises(ValueError, match="ends with"):
        Vocabulary(["a", "b"])


def test_a_text_is_parted_by_its_order_and_passages_stay_within_their_part(task):
    text, whole = task.text, task.path.read_text(encoding="utf-8")
    parts = [text.vocabulary.decode(part) for part in (text.train, text.validation, text.test)]
    assert "".join(parts) == whole and [round(len(part) / len(whole), 2) for part in parts] == [0.9, 0.05, 0.05]
    torch.manual_seed(0)
    passage = Passages(text.train, 64)[0]
    assert text.vocabulary.decode(passage.tolist()) in parts[0] and len(passage) == BEFORE + 64 + 1
    batch = next(iter(passage_batches(text.train, 64, 8, text.vocabulary.unknown)))
    assert torch.equal(batch["tokens"][:, 1:], batch["target"][:, :-1]) and batch["before"].shape == (8, BEFORE)


def test_more_text_is_learnt_from_and_nothing_is_judged_by_it(task, tmp_path):
    (tmp_path / "more.txt").write_text("What a teacher wrote. " * 50, encoding="utf-8")
    more = read_text(task.path, tmp_path / "more.txt")
    assert len(more.train) == len(task.text.train) + 22 * 50
    assert np.array_equal(more.train[22 * 50 :], task.text.train)  # last, as the validation text follows it
    assert np.array_equal(more.validation, task.text.validation) and np.array_equal(more.test, task.text.test)
    with pytest.raises(UserError, match="name a file with --more_text"):
        read_text(task.path, tmp_path / "none.txt")
    seen = []
    for letters in ("What a teacher wrote. ", "What another wrote.   "):
        (tmp_path / "more.txt").write_text(letters * 50, encoding="utf-8")
        options = options_of("language_model", text=str(task.path), more_text=str(tmp_path / "more.txt"))
        seen.append(open_task("language_model", options).training_data())
    assert len({*seen, task.training_data()}) == 3  # a regression: as long a text was taken for the same
    assert more.digest == task.text.digest and more.vocabulary.labels == task.text.vocabulary.labels


def test_texts_that_cannot_be_learnt_from_are_refused_in_a_line(tmp_path):
    with pytest.raises(UserError, match="no such text"):
        read_text(tmp_path / "none.txt")
    (tmp_path / "short.txt").write_text("To be")
    with pytest.raises(UserError, match="too few"):
        read_text(tmp_path / "short.txt")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9" * 9000)
    with pytest.raises(UserError, match="UTF-8"):
        read_text(tmp_path / "latin.txt")


def infer(model_path, *arguments: str, **how) -> subprocess.CompletedProcess:
    command = [sys.executable, "infer.py", "--task", "language_model", "--model", str(model_path), *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, **how)


def test_infer_writes_on_from_a_prompt(model_path):
    done = infer(model_path, "--prompt", "7 béer", "--length", "20", "--seed", "1", "--top_k", "5")
    assert done.returncode == 0 and done.stdout.startswith("7 béer") and len(done.stdout) == len("7 béer") + 20 + 1
    assert done.stderr == "the model does not know 'é' of the prompt\n"
    row = json.loads(infer(model_path, "--length", "0", "--json").stdout)
    assert (row["text"], row["unknown"]) == ("", 0)


def test_infer_judges_any_file(model_path, tmp_path):
    (tmp_path / "odd.txt").write_bytes("ink on the wall\r\n日本".encode() + b"\xff\xfe")
    row = json.loads(infer(model_path, "--evaluate", str(tmp_path / "odd.txt"), "--json").stdout)
    assert (row["characters"], row["unknown"]) == (21, 5) and row["bits_per_character"] > 0
    (tmp_path / "zeros.txt").write_bytes(b"ink\0\0")
    assert (
        "2 of them the model does not know: '\\x00'"
        in infer(model_path, "--evaluate", str(tmp_path / "zeros.txt")).stdout
    )
    (tmp_path / "empty.txt").write_bytes(b"")
    for name, message in (("empty.txt", "holds no text"), ("none.txt", "no such file")):
        done = infer(model_path, "--evaluate", str(tmp_path / name))
        assert done.returncode == 1 and message in done.stderr and done.stderr.count("\n") == 1
    done = infer(model_path, "--evaluate", "odd.txt", "--prompt", "x")
    assert done.returncode == 2 and "writes nothing" in done.stderr


def test_infer_stops_quietly_when_its_reader_has_seen_enough(model_path):
    command = [
        sys.executable,
        "infer.py",
        "--task",
        "language_model",
        "--model",
        str(model_path),
        "--length",
        "1000000",
    ]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert len(process.stdout.read(50)) == 50  # as they are made, long before the last
        process.stdout.close()
        assert process.stderr.read() == b"" and process.wait(timeout=60) == 1
