"""The training loop, on a problem that takes milliseconds: it learns, stops when told, and resumes to the bit."""

import errno
import math

import pytest
import torch
from halves import Halves, logged, network, trainer

from dwindle.checkpoint import load_safely, save_tensors
from dwindle.errors import UsageError, UserError
from dwindle.metrics import Metric, accuracy


def test_it_learns_keeps_the_best_and_says_so(tmp_path, capsys):
    run = trainer(tmp_path, epochs=25)
    metrics = run.train()
    assert metrics["epochs"] == 25
    assert metrics["validation"]["value"] > 0.9
    assert run.task.validate(run.engine(run.plain)).value == metrics["validation"]["value"]
    rows = logged(tmp_path)
    assert [row["epoch"] for row in rows] == list(range(1, 26))
    best, kept = max(row["validation"]["value"] for row in rows), metrics["validation"]["value"]
    assert kept >= best - math.sqrt(kept * (1 - kept) / len(run.task.points))
    assert rows[metrics["best_epoch"] - 1]["validation"]["value"] == metrics["validation"]["value"]
    assert rows[-1]["loss"] < 0.6 * rows[0]["loss"]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 25
    assert "epoch   1/25  loss" in lines[0]
    assert "left" in lines[0]


@pytest.mark.parametrize("stopped_after", [1, 3, 5])
def test_a_resumed_run_ends_where_an_uninterrupted_one_does(tmp_path, stopped_after):
    whole = trainer(tmp_path / "whole")
    whole_metrics = whole.train()
    run = trainer(tmp_path)
    for _ in range(stopped_after):
        row = run._until_next_evaluation()
        run._report({**row, "seconds_left": 0})
        run._save_state()
    with open(run.log_path, "a") as log:
        log.write('{"epoch": 99, "lo')  # killed while it logged the next epoch
    torch.manual_seed(12345)
    resumed = trainer(tmp_path)
    resumed.resume(load_safely(tmp_path / "state.pt"))
    assert resumed.train() == whole_metrics
    for name, tensor in whole.plain.state_dict().items():
        assert torch.equal(tensor, resumed.plain.state_dict()[name]), name
    assert [(row["epoch"], row["loss"]) for row in logged(tmp_path)] == [
        (row["epoch"], row["loss"]) for row in logged(tmp_path / "whole")
    ]


def test_a_run_that_evaluates_within_epochs_resumes_to_the_bit_too(tmp_path):
    """Evaluated every four of six steps: a state saved in mid-epoch goes on with the batches that were left."""
    whole = trainer(tmp_path / "whole", evaluate_every=4)
    whole_metrics = whole.train()
    assert [row["step"] for row in logged(tmp_path / "whole")][:4] == [4, 6, 10, 12]
    run = trainer(tmp_path, evaluate_every=4)
    for _ in range(3):
        run._report({**run._until_next_evaluation(), "seconds_left": 0})
        run._save_state()
    resumed = trainer(tmp_path, evaluate_every=4)
    resumed.resume(load_safely(tmp_path / "state.pt"))
    assert resumed.train() == whole_metrics
    assert [(row["step"], row["loss"]) for row in logged(tmp_path)] == [
        (row["step"], row["loss"]) for row in logged(tmp_path / "whole")
    ]


def test_a_teacher_teaches(tmp_path):
    teacher = trainer(tmp_path / "teacher", epochs=25)
    teacher.train()
    student = trainer(tmp_path, epochs=25, teacher=teacher.plain)
    before = [tensor.clone() for tensor in teacher.plain.state_dict().values()]
    assert student.train()["validation"]["value"] > 0.9
    assert all(map(torch.equal, before, teacher.plain.state_dict().values()))  # and does not learn
    assert student.conditions["temperature"] == 4.0


def test_patience_and_a_wanted_accuracy_end_it_early(tmp_path):
    patient = trainer(tmp_path, epochs=60, patience=4, learning_rate=1e-9).train()
    assert patient["epochs"] < 20
    shares = [row["validation"]["value"] for row in logged(tmp_path)]
    assert shares.index(max(shares)) == len(shares) - 1 - 4
    satisfied = trainer(tmp_path, epochs=60, stop_accuracy=0.6).train()
    assert satisfied["validation"]["value"] >= 0.6
    assert satisfied["epochs"] < 60


def test_a_score_that_is_no_share_has_no_accuracy_to_stop_at(tmp_path):
    """A regression: bits per character were compared with it, and the first epoch was the last."""
    task = Halves()
    task.validate = lambda engine: Metric(4.0, 3.9, 4.1, 120, "bits per character", higher_is_better=False)
    with pytest.raises(UsageError, match="judged in bits per character"):
        trainer(tmp_path, task, epochs=2, stop_accuracy=0.9).train()


@pytest.mark.parametrize("left", [b"", b"\xff\n"])
def test_a_run_goes_on_whatever_became_of_its_log(tmp_path, left):
    run = trainer(tmp_path, epochs=3)
    run._report({**run._until_next_evaluation(), "seconds_left": 0})
    run._save_state()
    run.log_path.write_bytes(left)
    goes_on = trainer(tmp_path, epochs=3)
    assert goes_on.go_on()
    assert goes_on.train()["epochs"] == 3


def test_a_short_run_does_not_keep_where_it_began(tmp_path):
    """Six steps an epoch: an average that forgets half a percent a step would still be the random start."""
    run = trainer(tmp_path, epochs=8, averaging=0.995)
    run.train()
    start, now, average = (net.state_dict()["0.weight"] for net in (network(), run.model, run.average.module))
    assert (average - now).norm() < (average - start).norm()


def test_the_learning_rate_rises_then_falls(tmp_path):
    run = trainer(tmp_path)
    rates = []
    for progress in torch.linspace(0, 1, 101).tolist():
        rates.append(run.recipe.rate_at(progress))
    assert rates[0] == 0
    assert max(rates) == rates[10] == pytest.approx(0.02)
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0, abs=1e-9)


def test_a_loss_that_is_no_number_is_one_line_and_leaves_the_last_good_state(tmp_path):
    task = Halves()
    task.bad_step = 15  # in the third of six-step epochs
    with pytest.raises(UserError, match=r"loss is no longer a number in epoch 3, .* lower --lr$"):
        trainer(tmp_path, task).train()
    assert load_safely(tmp_path / "state.pt")["progress"][0] == 12
    resumed = trainer(tmp_path)
    resumed.resume(load_safely(tmp_path / "state.pt"))
    assert resumed.train()["epochs"] == 6


def test_of_equals_the_last_is_kept_and_named(tmp_path):
    run = trainer(tmp_path, epochs=5, patience=3)
    run.task.validate = lambda read: accuracy(60, 120)
    metrics = run.train()
    assert (metrics["epochs"], metrics["best_epoch"]) == (4, 4)
    assert all(torch.equal(run.best_weights[name], tensor) for name, tensor in run.average.module.state_dict().items())


@pytest.mark.parametrize(
    ("correct", "kept"), [((80, 100, 90, 96, 97), 5), ((80, 100, 90, 96, 40), 4), ((9, 8, 7, 2, 1), 3)]
)
def test_of_the_epochs_within_chance_of_the_best_the_last_is_kept(tmp_path, correct, kept):
    """A regression: the first of twenty epochs was luckier by four clips of 2,657 than what the rate had settled on."""
    run = trainer(tmp_path, epochs=5)
    run.task.validate = lambda read: accuracy(correct[min(run.evaluations, 4)], 120)
    assert run.train()["best_epoch"] == kept
    assert run.best.value == max(correct) / 120


def test_weights_that_are_no_numbers_are_never_kept(tmp_path):
    run = trainer(tmp_path)
    run._agree_on_statistics = lambda: run.average.module[0].weight.data.fill_(math.nan)
    with pytest.raises(UserError, match="no longer a number"):
        run._until_next_evaluation()
    assert run.best_weights == {}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"epochs": 7}, "trained with epochs 6, not 7: repeat the command as it was"),
        ({"seed": 1}, "trained with seed 0, not 1"),
        ({"task": Halves(140)}, "trained with training data 120 points, not 140 points"),
        ({"hidden": 9}, "trained with starting weights [0-9a-f]{12}, not [0-9a-f]{12}"),
        ({"teacher": network(8)}, "trained with teacher None, not "),
    ],
)
def test_a_state_of_another_run_is_not_continued(tmp_path, changes, complaint):
    run = trainer(tmp_path)
    run._until_next_evaluation()
    run._save_state()
    other = trainer(tmp_path, **changes)
    with pytest.raises(UserError, match=complaint):
        other.resume(load_safely(tmp_path / "state.pt"))


def test_a_state_whose_weights_do_not_fit_is_not_continued(tmp_path):
    run = trainer(tmp_path)
    run._until_next_evaluation()
    run._save_state()
    state = load_safely(tmp_path / "state.pt")
    with pytest.raises(UserError, match="of another network"):
        run.resume(state | {"model": network(9).state_dict()})


def test_a_state_that_fits_is_gone_on_from_and_another_passed_over(tmp_path, capsys):
    """A regression: whoever forgot --resume lost what was trained."""
    run = trainer(tmp_path)
    assert not run.go_on()  # there is none
    run._report({**run._until_next_evaluation(), "seconds_left": 0})
    run._save_state()
    state = (tmp_path / "state.pt").read_bytes()
    capsys.readouterr()
    same, other = trainer(tmp_path), trainer(tmp_path, epochs=7)
    assert same.go_on()
    assert same.step == 6
    assert capsys.readouterr().out == "student: goes on after 1 of 6 epochs (--fresh begins anew)\n"
    assert not other.go_on()
    assert "is of another run (trained with epochs 6, not 7): not gone on from" in capsys.readouterr().out
    assert (tmp_path / "state.pt").read_bytes() == state  # until there is something to put in its place
    assert len(logged(tmp_path)) == 1
    with pytest.raises(UserError, match="repeat the command as it was, or begin anew with --fresh"):
        other.go_on(must_fit=True)
    other._report({**other._until_next_evaluation(), "seconds_left": 0})
    assert len(logged(tmp_path)) == 1  # and these lines are its own


def test_a_disk_that_is_full_keeps_the_last_state_and_says_so(tmp_path, monkeypatch):
    run = trainer(tmp_path)
    run._until_next_evaluation()
    run._save_state()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("dwindle.train.trainer.save_tensors", full)
    run._until_next_evaluation()
    with pytest.raises(UserError, match=r"the disk is full: free some .* again; the student then goes on where it was"):
        run._save_state()
    assert trainer(tmp_path).go_on()


@pytest.mark.parametrize("content", [[1], {"format": "other"}, {"format": "dwindle-training-2", "conditions": {}}])
def test_what_is_no_training_state_is_one_line(tmp_path, content):
    save_tensors(tmp_path / "state.pt", content)
    with pytest.raises(UserError, match=r"state\.pt: "):
        trainer(tmp_path).resume(load_safely(tmp_path / "state.pt"))


def test_fewer_examples_than_a_batch_is_one_line(tmp_path):
    with pytest.raises(UserError, match="fewer training examples than one batch of 500: lower --batch_size"):
        trainer(tmp_path, batch_size=500)


def test_neighbouring_seeds_share_no_epoch(tmp_path):
    """A regression: the second epoch of one seed had the order of the first epoch of the next."""
    orders = set()
    for seed in range(3):
        run = trainer(tmp_path, seed=seed)
        for epoch in range(3):
            run.batches.set_epoch(epoch)
            orders.add(tuple(torch.cat([batch["point"][:, 0] for batch in run.batches]).tolist()))
    assert len(orders) == 9
