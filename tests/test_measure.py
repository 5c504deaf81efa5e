"""Costs: operations against hand-worked counts, latency ratios, memory of another process."""

import time

import pytest
import torch
from torch import nn

from dwindle.errors import UserError
from dwindle.export.measure import (
    Latency,
    file_size,
    fresh_process,
    latencies,
    learnt_multiply_adds,
    multiply_adds,
    nonzeros,
    parameters,
    weights_size,
)
from dwindle.tasks.speech.network import SpeechNet


def test_parameters_and_nonzeros_are_counted():
    layer = nn.Linear(5, 3)
    nn.init.ones_(layer.weight)
    nn.init.zeros_(layer.bias)
    assert (parameters(layer), nonzeros(layer)) == (18, 15)


@pytest.mark.parametrize(
    ("layer", "shape", "wanted"),
    [
        (nn.Linear(5, 3), (1, 5), 15),
        (nn.Conv2d(4, 6, 3, padding=1), (1, 4, 8, 8), 6 * 4 * 9 * 64),
        (nn.Conv2d(4, 4, 3, padding=1, groups=4), (1, 4, 8, 8), 4 * 9 * 64),
        (nn.LSTM(8, 16), (5, 1, 8), 5 * 4 * 16 * (8 + 16)),
    ],
)
def test_multiply_adds_are_those_worked_out_by_hand(layer, shape, wanted):
    assert multiply_adds(layer, {"x": torch.zeros(shape)}) == wanted
    assert learnt_multiply_adds(layer, {"x": torch.zeros(shape)}) == wanted


def test_a_front_end_of_constants_learns_nothing():
    network, audio = SpeechNet(classes=11), torch.zeros(1, 8000)
    constant = multiply_adds(network.front_end, {"audio": audio})
    assert 0 < constant == multiply_adds(network, {"audio": audio}) - learnt_multiply_adds(network, {"audio": audio})


def test_multiply_adds_leave_the_model_as_it_was():
    model = nn.Sequential(nn.Conv1d(1, 2, 3), nn.BatchNorm1d(2)).train()
    before = model[1].running_mean.clone()
    multiply_adds(model, {"x": torch.ones(4, 1, 9)})
    assert model.training
    assert torch.equal(model[1].running_mean, before)


def test_zeros_take_no_room_only_after_gzip(tmp_path):
    layer = nn.Linear(100, 100)
    full = weights_size(layer)
    nn.init.zeros_(layer.weight)
    empty = weights_size(layer)
    assert empty.bytes == full.bytes
    assert empty.bytes_gzipped < full.bytes_gzipped / 10
    (tmp_path / "file").write_bytes(b"a" * 1000)
    assert file_size(tmp_path / "file").bytes == 1000


def test_what_sleeps_longer_is_slower():
    taken = latencies({"slow": lambda: time.sleep(0.1), "fast": lambda: time.sleep(0.01)}, rounds=8, warm_up=1)
    assert 2 < taken["fast"].speedup_over(taken["slow"]) < 11
    assert taken["slow"].median_ms >= 100
    assert taken["slow"].p95_ms >= taken["slow"].median_ms


def test_every_timed_call_comes_after_one_of_its_own_kind_and_no_round_order_is_favoured():
    """Timed right after a large model, a small one seemed a quarter slower than itself."""
    called: list[str] = []
    taken = latencies({name: lambda n=name: called.append(n) for name in "abc"}, rounds=30, warm_up=2)
    pairs = list(zip(called[::2], called[1::2], strict=True))
    assert all(first == second for first, second in pairs)
    rounds = ["".join(first for first, _ in pairs[at : at + 3]) for at in range(0, len(pairs), 3)]
    assert len(set(rounds)) == 6
    assert {len(latency.times_ms) for latency in taken.values()} == {30}


def test_one_time_is_its_own_95th_percentile():
    assert Latency((3.0,)).as_row() == {"median_ms": 3.0, "p95_ms": 3.0}


def test_a_pause_of_the_machine_does_not_change_the_ratio():
    busy = [1.0, 1.0, 9.0, 9.0, 9.0]
    assert Latency(tuple(busy)).speedup_over(Latency(tuple(2 * time_ms for time_ms in busy))) == 2.0


def test_a_fresh_process_reports_its_own_memory():
    ballast = bytearray(200_000_000)
    ballast[::4096] = b"x" * len(ballast[::4096])
    small = fresh_process("", "", "", [])
    large = fresh_process("", "block = bytearray(100_000_000); block[::4096] = b'x' * len(block[::4096])", "", [])
    assert small.peak_mb < 100
    assert 90 < large.peak_mb - small.peak_mb < 110


def test_a_process_that_fails_says_why():
    with pytest.raises(UserError, match="no such model"):
        fresh_process("", "raise SystemExit('no such model')", "", [])
