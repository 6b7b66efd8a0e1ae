"""What arrives at a lag, over those sequences alone that have it."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from backsight import probe
from backsight.probes import GradientProfile
from backsight.probes._lag_tally import LagTally

SHORT, LONG = 8 * 0.5 ** np.arange(3), 0.5 ** np.arange(6)
"""The shorter sequence has eight times the gradient: the means are 4.5, 2.25, 1.125; then the
longer one's 1/8, 1/16, 1/32 alone, whose strongest earlier step has 1/2."""
SHARES = [2.0, 1.0, 0.5, 0.25, 0.125, 0.0625]


def tally_of(*rows: np.ndarray) -> LagTally:
    """Sequences whose gradients these are, each added step by step."""
    tally = LagTally()
    sizes = np.array([len(row) for row in rows])
    for lag in range(int(sizes.max())):
        values = np.array([row[lag] if lag < len(row) else 0.0 for row in rows])
        tally.add_sized(np.where(lag < sizes, lag, -1), values, sizes)
    return tally


def test_a_lag_is_compared_over_the_sequences_that_have_it() -> None:
    tally = tally_of(SHORT, LONG)
    np.testing.assert_allclose(tally.mean(), [4.5, 2.25, 1.125, 0.125, 0.0625, 0.03125])
    shares = tally.shares()
    assert shares is not None
    np.testing.assert_allclose(shares, SHARES)


def test_sequences_of_one_length_need_no_second_curve() -> None:
    assert tally_of(LONG, 3 * LONG).shares() is None
    assert LagTally().shares() is None


def test_sequences_of_one_length_may_be_added_together() -> None:
    """Lags 0 to 2: the mean of all three, with 7 + 1 + 1/2 at lag 1. Later ones: the long one."""
    rows = np.zeros((3, 6))
    rows[0, :3], rows[1, :3], rows[2] = [9, 7, 4], [1, 1, 3], LONG
    sizes, steps = np.array([3, 3, 6])[:, None], np.arange(6)
    tally = LagTally()
    tally.add_sized(np.where(steps < sizes, steps, -1), rows, sizes)
    shares = tally.shares()
    assert shares is not None
    np.testing.assert_allclose(shares, [11 / 8.5, 1, 7.25 / 8.5, 0.25, 0.125, 0.0625])


def test_three_lengths_have_a_group_each() -> None:
    """Lag 1 and 2: all. Lag 3: two of them, whose strongest step has 3. Lag 4: one, of 2."""
    rows = [np.array([9.0, 7, 4]), np.array([1.0, 4, 2, 1]), np.array([1.0, 2, 1, 0.5, 0.5])]
    shares = tally_of(*rows).shares()
    assert shares is not None
    mean = (7 + 4 + 2) / 3
    np.testing.assert_allclose(
        shares, [11 / 3 / mean, 1, (4 + 2 + 1) / 3 / mean, 0.75 / 3, 0.5 / 2]
    )


def test_what_is_held_is_added_up_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backsight.probes._lag_tally.HELD", 3)
    shares = tally_of(SHORT, LONG).shares()
    assert shares is not None
    np.testing.assert_allclose(shares, SHARES)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_what_is_not_finite_is_not_zero(broken: float) -> None:
    shares = tally_of(SHORT, np.array([1, 0.5, broken, 0.1, 0.1, 0.1])).shares()
    assert shares is not None
    assert np.isnan(shares).all()
    faded = tally_of(np.ones(2), np.array([1, 1e-9, 1e-9])).shares()
    assert faded is not None
    np.testing.assert_array_equal(faded[2:], [0])  # rounding is no reach


def linear() -> nn.RNN:
    """h' = h/2 + x."""
    layer = nn.RNN(1, 1, nonlinearity="relu", bias=False)
    for name, weight in layer.named_parameters():
        nn.init.constant_(weight, 0.5 if "hh" in name else 1.0)
    return layer


def check(profiles: dict[str, GradientProfile]) -> None:
    (profile,) = profiles.values()
    assert profile.share is not None
    np.testing.assert_allclose(profile.share, SHARES, rtol=1e-6)


def test_a_packed_batch_is_compared_so() -> None:
    layer = linear()
    packed = pack_sequence([torch.ones(6, 1), torch.ones(3, 1)])
    check(probe(layer, lambda: (layer(packed)[1][0, :, 0] * torch.tensor([1.0, 8.0])).sum()))


def test_a_padded_batch_in_a_loop_over_a_cell_is_compared_so() -> None:
    """The shorter sequence is read at its third step."""
    layer = linear()
    cell = nn.RNNCell(1, 1, bias=False, nonlinearity="relu")
    cell.load_state_dict({"weight_ih": layer.weight_ih_l0, "weight_hh": layer.weight_hh_l0})

    def loss() -> torch.Tensor:
        states = [cell(torch.ones(2, 1))]
        for _ in range(5):
            states.append(cell(torch.ones(2, 1), states[-1]))
        return torch.stack([states[5][0, 0], 8 * states[2][1, 0]]).sum()

    check(probe(cell, loss))


def test_sequences_of_one_length_record_none() -> None:
    layer = linear()
    (profile,) = probe(layer, lambda: layer(torch.ones(6, 2, 1))[0][-1].sum()).values()
    assert profile.share is None
