"""The task: what stages ask of it, from a pretrained folder to a student with fewer words."""

import copy
from pathlib import Path

import pytest
import torch
from tiny_reviews import write_pretrained, write_reviews

from dwindle.checkpoint import Checkpoint
from dwindle.engine import torch_engine
from dwindle.errors import UsageError, UserError
from dwindle.task import options_of
from dwindle.tasks.text import sentiment
from dwindle.tasks.text.sentiment_answers import answers_of
from dwindle.tasks.text.sentiment_batches import loader
from dwindle.train.distillation import Ensemble, KnowledgeDistillationLoss


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sentiment")
    return {"data_dir": str(write_reviews(folder / "data")), "pretrained": str(write_pretrained(folder / "bert"))}


def opened(folders, made_from=None, **options):
    return sentiment.open_task(
        options_of("sentiment", **{"made_up": 30, "vocabulary": 0, **folders, **options}), made_from
    )


def checkpoint_of(task, network, arguments, role):
    weights = copy.deepcopy(network.state_dict())
    return Checkpoint(
        task.name, list(task.labels), role, "trained", arguments, weights, 0, provenance=task.provenance()
    )


def trained(task, network, steps, teacher=None):
    optimizer, loss = torch.optim.Adam(network.parameters(), 3e-3), KnowledgeDistillationLoss()
    torch.manual_seed(0)
    batches = [batch for _ in range(20) for batch in task.training_batches(16)][:steps]
    losses = []
    for batch in batches:
        optimizer.zero_grad()
        value = task.loss(network.train(), batch, loss, teacher)
        value.backward()
        optimizer.step()
        losses.append(float(value.detach()))
    return losses


@pytest.fixture(scope="module")
def taught(folders):
    """A task, its teacher, trained, and the checkpoint of it."""
    torch.manual_seed(0)
    task = opened(folders)
    network, arguments = task.build("teacher")
    trained(task, network, 200)
    return task, network, checkpoint_of(task, network, arguments, "teacher")


def score(task, network):
    return task.validate(torch_engine(network, task.inputs, task.outputs))


def test_a_teacher_learns_what_feels_good(taught):
    task, network, _ = taught
    assert score(task, network).value > 0.95


def test_a_teacher_is_asked_for_labels_alone_and_a_student_for_more(folders):
    task = opened(folders)
    task.build("teacher")
    assert min(task.material.labels) == 0
    few = len(task.tokens)
    task.options.architecture = "small"
    task.build("student")
    assert min(task.material.labels) == sentiment.NO_LABEL
    assert len(task.tokens) == few + 30


@pytest.mark.parametrize("architecture", ["first", "middle", "last", "spread", "small", "convolution"])
def test_every_student_begins_with_its_teacher_and_learns_from_it(folders, taught, architecture):
    checkpoint = taught[2]
    task = opened(folders, architecture=architecture)
    teacher = Ensemble([task.restored(checkpoint, Path("teacher.pt"))]).eval()
    torch.manual_seed(0)
    student, arguments = task.build("student", None if architecture in ("first", "middle", "last", "spread") else 32)
    losses = trained(task, student, 30, teacher)
    assert sum(losses[-5:]) < sum(losses[:5])
    again = task.restored(checkpoint_of(task, student, arguments, "student"), Path("student.pt"))
    engine = torch_engine(again, task.inputs, task.outputs)
    assert set(task.evaluate(engine)) == {"held_out", "dev", "test", "other_reviews"}


def test_fewer_words_change_no_answer_to_texts_without_the_others(folders, taught):
    whole, network, checkpoint = taught
    task = opened(folders, vocabulary=78, pretrained=folders["pretrained"])
    assert task.tokenizer.get_vocab_size() == 78 < whole.tokenizer.get_vocab_size()
    restored = task.restored(checkpoint, Path("teacher.pt")).eval()
    assert sum(p.numel() for p in restored.parameters()) < sum(p.numel() for p in network.parameters())
    text = "the film is not lovely"
    with torch.no_grad():
        before = network.eval()(torch.tensor(whole.numbered([text])))
        torch.testing.assert_close(restored(torch.tensor(task.numbered([text]))), before)


def test_a_checkpoint_of_other_words_is_refused(folders, taught):
    task = opened(folders, pretrained="scratch")
    with pytest.raises(UserError, match="another vocabulary"):
        task.restored(taught[2], Path("teacher.pt"))


def test_a_later_stage_goes_on_with_the_tokenizer_of_its_checkpoint(folders, taught):
    task = opened({**folders, "pretrained": "not-there"}, made_from=taught[2])
    assert task.tokenizer.get_vocab() == taught[0].tokenizer.get_vocab()


def test_a_teacher_from_scratch_needs_no_pretrained_model(folders):
    task = opened({**folders, "pretrained": "scratch"}, vocabulary=60)
    network, arguments = task.build("teacher")
    assert arguments["kind"] == "transformer"
    assert task.tokenizer.get_vocab_size() <= 60
    assert torch.isfinite(network(torch.tensor(task.numbered(["a lovely film"])))).all()


def test_layers_of_no_teacher_are_a_usage_error(folders):
    with pytest.raises(UsageError, match="none is given"):
        opened(folders).build("student")


def test_a_batch_in_which_nothing_is_labelled_teaches_nothing_without_a_teacher(taught):
    """A regression: the mean over no answers is no number."""
    task, network, _ = taught
    batch = {**next(iter(task.training_batches(16))), "target": torch.full((16,), sentiment.NO_LABEL)}
    assert task.loss(network, batch, KnowledgeDistillationLoss()).item() == 0


def test_a_teacher_is_asked_once_and_its_answers_are_its_own(taught, tmp_path):
    task, network, _ = taught
    tokens = task.tokens[:20]
    first = answers_of(network.eval(), tokens, "texts", tmp_path)
    with torch.no_grad():
        torch.testing.assert_close(first.logits[3:4], network(torch.tensor([tokens[3]])), atol=1e-4, rtol=1e-3)
    (kept,) = tmp_path.iterdir()
    before = kept.stat().st_mtime_ns
    torch.testing.assert_close(answers_of(network, tokens, "texts", tmp_path).logits, first.logits)
    assert kept.stat().st_mtime_ns == before
    with pytest.raises(UserError, match="damaged"):
        answers_of(network, tokens[:5], "texts", tmp_path)


def test_batches_hold_every_text_once_with_little_padding():
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(3, 60, (640,), generator=generator).tolist()
    batches = list(loader([[1] * length for length in lengths], torch.zeros(640), 16))
    assert sorted(int(row) for batch in batches for row in batch["row"]) == list(range(640))
    assert sum(batch["tokens"].numel() for batch in batches) < 1.1 * sum(lengths)
    assert len({len(batch["tokens"][0]) for batch in batches[:5]}) > 1  # and not in the order of length


def test_narrowing_takes_heads_and_units(folders, taught):
    task = opened(folders, architecture="first")
    task.restored(taught[2], Path("teacher.pt"))
    student, arguments = task.build("student")
    smaller, said = task.narrowed(student, arguments, 0.5)
    assert (said["heads"], said["units"]) == ([2, 2], [32, 32])
    assert torch.isfinite(smaller(torch.tensor([[2, 10, 3]]))).all()


def test_a_file_says_what_running_it_needs(taught):
    task, network, _ = taught
    said = task.metadata(torch_engine(network, task.inputs, task.outputs), ["sst2"])
    assert said["sense"] == "read"
    assert 0.5 <= float(said["threshold"]) <= 1
    assert float(said["temperature"]) > 0
