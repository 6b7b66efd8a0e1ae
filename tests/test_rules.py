"""Every rule on hand-written series: when it must speak, when not, and what is never healthy."""

import math
import statistics
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backsight.diagnosis import (
    RULES,
    Diagnosis,
    Facts,
    Finding,
    Judge,
    LossHistory,
    Rule,
    Sample,
    Verdict,
)
from backsight.diagnosis._robust import Recent
from backsight.diagnosis.rules._clipping import Clipping
from backsight.diagnosis.rules._collapse import Collapse
from backsight.diagnosis.rules._data import BadInput, ConstantInput
from backsight.diagnosis.rules._detached_state import DetachedState
from backsight.diagnosis.rules._divergence import Divergence
from backsight.diagnosis.rules._drift import HiddenDrift
from backsight.diagnosis.rules._exploding import Exploding
from backsight.diagnosis.rules._frozen import Frozen
from backsight.diagnosis.rules._grew_first import GrewFirst
from backsight.diagnosis.rules._growing_updates import GrowingUpdates
from backsight.diagnosis.rules._last_column import LastColumn
from backsight.diagnosis.rules._no_learning import NoLearning
from backsight.diagnosis.rules._non_finite import NonFinite
from backsight.diagnosis.rules._oscillation import Oscillation
from backsight.diagnosis.rules._persistence import PreviousValue
from backsight.diagnosis.rules._plateau import Plateau
from backsight.diagnosis.rules._precursor import Precursor
from backsight.diagnosis.rules._saturation import SaturatedUnits
from backsight.diagnosis.rules._short_term import ShortTerm
from backsight.diagnosis.rules._small_updates import SmallUpdates
from backsight.diagnosis.rules._spike import LossSpike
from backsight.diagnosis.rules._updates import LargeUpdates
from backsight.diagnosis.rules._vanishing import Vanishing
from backsight.diagnosis.rules._wasted import WastedWindow
from backsight.diagnosis.rules.wiring._answer_given import TargetIsInput
from backsight.diagnosis.rules.wiring._clip_moment import ClipMisplaced
from backsight.diagnosis.rules.wiring._decay import StrongDecay
from backsight.diagnosis.rules.wiring._graphs_kept import GraphsKeptAlive
from backsight.diagnosis.rules.wiring._half_precision import LostInHalf
from backsight.diagnosis.rules.wiring._input_scale import NotNormalised
from backsight.diagnosis.rules.wiring._loss_sign import WrongSign
from backsight.diagnosis.rules.wiring._mixed_rows import MixedSequences
from backsight.diagnosis.rules.wiring._one_class import OneClass
from backsight.diagnosis.rules.wiring._one_column_read import OneColumnRead
from backsight.diagnosis.rules.wiring._one_step_read import OneStepRead
from backsight.diagnosis.rules.wiring._optimizer_anew import StateLost
from backsight.diagnosis.rules.wiring._padding_in_loss import PaddingInLoss
from backsight.diagnosis.rules.wiring._padding_packed import PaddingPacked
from backsight.diagnosis.rules.wiring._padding_read import PaddingRead
from backsight.diagnosis.rules.wiring._rate_course import RateCourse
from backsight.diagnosis.rules.wiring._row_order import RowsOutOfOrder
from backsight.diagnosis.rules.wiring._same_input import SameBatch
from backsight.diagnosis.rules.wiring._single_step import OneStepWindow
from backsight.diagnosis.rules.wiring._state_carried import StateCarried
from backsight.diagnosis.rules.wiring._state_drawn import StateDrawn
from backsight.diagnosis.rules.wiring._time_constants import FragileParameters
from backsight.diagnosis.rules.wiring._training_mode import WrongMode
from backsight.diagnosis.rules.wiring._units_alike import SameWeights
from backsight.diagnosis.rules.wiring._weights_replaced import Reinitialised
from backsight.diagnosis.rules.wiring._wide_weights import WideWeights
from backsight.signals import reach_words

NAN, INF = math.nan, math.inf
Series = Mapping[str, Any]
"""By name: a list with an entry an iteration, or the entries by iteration."""


def items(values: Any) -> Iterable[tuple[int, Any]]:
    return values.items() if isinstance(values, Mapping) else enumerate(values)


def judged(
    series: Series, rules: Sequence[Rule] | None = None, facts: Facts | None = None
) -> Diagnosis:
    """Feed it, iteration by iteration."""
    by_iteration: dict[int, dict[str, Any]] = {}
    for name, values in series.items():
        for iteration, value in items(values):
            kept = float(value) if np.ndim(value) == 0 else np.asarray(value, float)
            by_iteration.setdefault(iteration, {})[name] = kept
    judge = Judge(facts, rules)
    for iteration in sorted(by_iteration):
        judge.update(iteration, by_iteration[iteration])
    return judge.diagnosis()


def verdict(
    code: str, series: Series, rules: Sequence[Rule] | None = None, facts: Facts | None = None
) -> Verdict:
    """Of that rule alone, unless others are given: none but BKS208 has a say in another's."""
    if rules is None:
        rules = [rule() for rule in RULES if rule.code in (code, GrewFirst.code)]
    return next(v for v in judged(series, rules, facts).verdicts if v.code == code)


def the(one: Verdict) -> Finding:
    (finding,) = one.findings
    return finding


def every(n: int, values: Sequence[Any], begin: int = 0) -> dict[int, Any]:
    return {begin + n * i: value for i, value in enumerate(values)}


def wavy(count: int, level: float = 1.0, size: float = 0.01) -> list[float]:
    """A noise of known spread without a period: the sign of a fixed random walk's steps."""
    signs = np.random.default_rng(7).choice([-1.0, 1.0], count)
    return [float(x) for x in level * (1 + size * signs)]


def falling(count: int, start: float = 4.0, end: float = 1.0, tau: float = 100.0) -> list[float]:
    noise = np.random.default_rng(3).normal(0, 0.01 * start, count)
    return [float(x) for x in end + (start - end) * np.exp(-np.arange(count) / tau) + noise]


FADES = 0.5 ** np.arange(101)
"""A horizon of 7: 0.5^6 = 0.016 of the strongest earlier step, 0.5^7 = 0.008."""
REACHES = np.ones(101)
GROWS = np.arange(1.0, 17.0)
"""Quarters of 16 steps: means 2.5, 6.5, 10.5, 14.5."""
LEVELS = np.array([1.0, 2, 3, 4, *[5.0] * 12])
NOTHING = "not enough data"


@dataclass
class Case:
    """A sick series, what is to be said of it, one that is as near as can be, a healthy one."""

    code: str
    sick: Series
    at: int
    count: int
    near: Series
    healthy: Series
    where: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)
    facts: Facts | None = None
    severity: str = "warning"


def ratios(weight: float, count: int = 10) -> Series:
    values = every(10, [weight] * count)
    return {"update_ratio/w": values, "update_ratio/v": values, "update_ratio/bias": values}


def asked(losses: Sequence[float], lengths: Sequence[int], times: int = 3) -> Series:
    """The loss by context, every 50 iterations."""
    return {
        "context_loss": every(50, [losses] * times, 50),
        "context_length": every(50, [lengths] * times, 50),
    }


def growing(ratio: float, usual: float = 0.005) -> Series:
    """Steps that become smaller for ten samples, and then are of that size."""
    values = every(10, [0.05] * 3 + [usual] * 8 + [ratio] * 9)
    return {"update_ratio/w": values, "update_ratio/v": values}


def ran_ahead(times: float, other: float = 1.0, moved: float = 0.5) -> Series:
    """The gradient breaks out at 100, where one gate has moved by that many times the usual."""
    return {
        "grad_norm": [1.0] * 100 + [12.0] * 5,
        "gate_growth/rnn.l0.forget": every(10, [1.0] * 10 + [times]),
        "gate_moved/rnn.l0.forget": every(10, [0.01] * 10 + [moved]),
        "gate_growth/rnn.l1.input": every(10, [1.0] * 10 + [other]),
        "gate_moved/rnn.l1.input": every(10, [0.01] * 10 + [0.4]),
    }


def clipped(factor: float, count: int = 120, free: int = 0) -> Series:
    applied = [factor] * count
    for i in range(free):
        applied[-1 - 3 * i] = 1.0
    return {"grad_norm": [1.0] * count, "grad_norm_applied": applied}


def chain(hidden: float, gradient: float, after: int = 30, count: int = 300) -> Series:
    """States grow at 150 (``hidden`` times), gradients ``after`` iterations later; then NaN."""
    states = [5.0 * (hidden if i >= 150 else 1.0) for i in range(count)]
    norms = [0.5 * (gradient if i >= 150 + after else 1.0) for i in range(count)]
    return {
        "loss": wavy(count), "grad_norm": norms, "hidden_norm_mean/rnn": states,
    }  # fmt: skip


def swinging(amplitude: float, count: int = 160, period: int = 8) -> list[float]:
    return [1 + amplitude * math.sin(2 * math.pi * i / period) for i in range(count)]


def stepped(*parts: tuple[int, float]) -> list[float]:
    """So many values around each level."""
    return [x for count, level in parts for x in wavy(count, level)]


def labelled(series: Series, label: str) -> Series:
    """As several models of a process share a run: ``loss/Judge``, ``reach/Judge.rnn``."""
    if not label:
        return series
    parts = {name: name.partition("/") for name in series}
    return {
        f"{of}/{label}.{rest}" if slash else f"{of}/{label}": series[name]
        for name, (of, slash, rest) in parts.items()
    }


LAG = Facts(lag=50, baseline=1.0)
STEPS_SEEN: dict[str, Any] = {"update_ratio/w": every(10, [0.01] * 16)}
"""A small step in every tenth iteration."""

CASES = [
    Case(
        "BKS101",
        {"loss": wavy(200), "reach/rnn": every(10, [FADES] * 20)}, 100, 10,
        {"loss": wavy(200), "reach/rnn": every(10, [0.9 ** np.arange(101)] * 20)},  # 0.9^49 = 0.006
        {"loss": falling(200, 1.0, 0.1, 20), "reach/rnn": every(10, [FADES] * 20)},
        "rnn", {"share at the needed lag": 0.5**49, "window": 100, "needed lag": 50}, LAG, "error",
    ),
    Case(
        "BKS102",
        {"reach/rnn": every(10, [[1, 2, 10, 200, 50]] * 5)}, 20, 3,
        {"reach/rnn": every(10, [[1, 2, 10, 100, 5]] * 5)},
        {"reach/rnn": every(10, [FADES] * 5)},
        "rnn", {"largest R": 200, "at lag": 3, "lags": 5},
    ),
    Case(
        "BKS103",
        {"hidden_norm/rnn": every(10, [GROWS] * 25)}, 190, 6,
        {"hidden_norm/rnn": every(10, [GROWS + 3.5] * 25)},  # 10, 14, 18: 1.8 times
        {"hidden_norm/rnn": every(10, [LEVELS] * 25)},
        "rnn", {"second quarter": 6.5, "third quarter": 10.5, "last quarter": 14.5},
    ),
    Case(
        "BKS104",
        {"saturation/rnn": every(10, [0.9] * 5)}, 20, 3,
        {"saturation/rnn": every(10, [0.85] * 5)},
        {"saturation/rnn": every(10, [0.1] * 5), "saturation/rnn.forget": every(10, [0.9] * 5)},
        "rnn", {"share saturated": 0.9, "limit": 0.85},
    ),
    Case(
        "BKS105",
        {"reach/rnn": every(10, [FADES] * 7)}, 40, 3,
        {"reach/rnn": every(10, [np.where(np.arange(101) <= 50, 1.0, 1e-6)] * 7)},
        {"reach/rnn": every(10, [REACHES] * 7)},
        "rnn", {"share wasted": 0.93, "window": 100}, severity="info",
    ),
    Case(
        "BKS201",
        {"loss": [2.0, 1.9, NAN, NAN], "grad_norm": [1.0, 1.0, NAN, NAN]}, 2, 2,
        {"loss": [1e300, 1e-300, -1e300, 0.0]},
        {"loss": [2.0, 1.9, 1.8, 1.7]},
        "", {"came first": "the loss", "value": "NaN", "iteration": 2}, severity="error",
    ),
    Case(
        "BKS202",
        {"loss": [*wavy(100, 4.0), 12.0, *wavy(60, 4.0)]}, 100, 1,
        {"loss": [*wavy(100, 4.0), 4.35, *wavy(60, 4.0)]},
        {"loss": falling(160)},
        "", {"loss": 12.0, "usual": pytest.approx(4.0, abs=0.05)}, severity="info",
    ),
    # 26 values of 20: the median of the last 20 is up once 11 of them are, at 60 + 10.
    Case(
        "BKS203",
        {"loss": stepped((60, 2.0), (60, 3.0))}, 89, 31,
        {"loss": stepped((60, 2.0), (60, 2.4))},
        {"loss": falling(120)},
        "", {"since": 70}, severity="error",
    ),
    Case(
        "BKS204",
        {"loss": stepped((40, 4.0), (60, 1.0), (80, 3.9))}, 159, 21,
        {"loss": stepped((40, 4.0), (60, 1.0), (80, 2.9))},
        {"loss": falling(180)},
        "", {"since": 110, "share lost": pytest.approx(0.95, abs=0.03)}, severity="error",
    ),
    # Windows of 64, asked every 16: at 63, 79 and 95.
    Case(
        "BKS205",
        {"loss": swinging(0.2)}, 95, 5,
        {"loss": swinging(0.06)},  # 0.06 / √2 is less than 0.05
        {"loss": wavy(160, size=0.2)},
        "", {"period": pytest.approx(8, abs=0.1)},
    ),
    Case(
        "BKS206",
        chain(1.5, 8.0, count=200), 182, 18,
        chain(1.5, 3.0, count=200),
        {"loss": wavy(300), "grad_norm": wavy(300), "hidden_norm_mean/r": wavy(300)},
        "", {"gradient times usual": pytest.approx(8, rel=0.05)},
    ),
    Case(
        "BKS207", growing(0.04), 140, 6, growing(0.02),
        {**growing(0.001), "update_ratio/bias": every(10, [1e-3] * 10 + [1.0] * 10)},
        "", {"update ratio": 0.04, "lowest": 0.005, "times": pytest.approx(8)},
    ),
    Case(
        "BKS208", ran_ahead(8.0), 100, 1, ran_ahead(5.0),
        {**ran_ahead(1.0), "grad_norm": [1.0] * 105},
        "rnn.l0.forget",
        {"began": 100, "iterations before": 0, "moved": 0.5, "times usual": 8, "next one": 1},
        severity="info",
    ),
    Case(
        "BKS301",
        asked([3.0, 2.0, 1.0, 1.0, 1.0], [1, 2, 4, 8, 64]), 150, 1,
        asked([3.0, 2.9, 2.8, 2.7, 2.6], [1, 2, 4, 8, 64]),
        asked([3.0, 2.0, 1.5, 1.2, 1.0, 1.0], [1, 2, 4, 8, 32, 64]),
        "", {"usable context": 4, "needed lag": 50}, Facts(lag=50),
    ),
    Case(
        "BKS302",
        {"loss": wavy(900)}, 799, 101,
        {"loss": [*wavy(40), *wavy(860, 0.95)]},
        {"loss": falling(900)},
        "", {"start": pytest.approx(1.0, abs=0.02)}, severity="error",
    ),
    Case(
        "BKS303",
        {"loss": [*wavy(100, 4.0), *([1.0] * 20), *wavy(1000, 1.2)]}, 610, 510,
        {"loss": [*wavy(100, 4.0), *([1.0] * 20), *wavy(480, 1.2)]},
        {"loss": np.linspace(4, 1, 1100).tolist()},
        "", {"best": 1.0}, severity="info",
    ),
    Case(
        "BKS304",
        {"loss": wavy(100, 2.0), "persistence_loss": {49: 2.0, 99: 2.0},
         "increment_correlation": {49: 0.1, 99: 0.1}}, 99, 1,
        {"loss": wavy(100, 2.0), "persistence_loss": {49: 2.1, 99: 2.0}},
        {"loss": wavy(100, 2.0), "persistence_loss": {49: 3.0, 99: 3.0}}, "",
        {"persistence": 2.0, "correlation": 0.1}, severity="info",
    ),
    Case(
        "BKS401",
        {"reach/rnn": every(10, [[1, 0.5, 0.25, 0, 0]] * 5)}, 20, 3,
        {"reach/rnn": every(10, [[1, 0.5, 0.25, 1e-30, 0]] * 4)},
        {"reach/rnn": every(10, [REACHES] * 4)},
        "rnn", {"last lag with a gradient": 2, "lags": 5}, severity="error",
    ),
    Case(
        "BKS402",
        {"update_ratio/a": every(10, [1e-3] * 5), "update_ratio/b": every(10, [0.0] * 5)}, 20, 3,
        {"update_ratio/a": every(10, [1e-3] * 5),
         "update_ratio/b": every(10, [0, 0, 1e-9, 0, 0, 0, 0])},
        ratios(1e-3), "b", {"samples": 5}, severity="error",
    ),
    Case(
        "BKS403", clipped(0.01), 99, 21, clipped(0.031), clipped(1.0),
        "", {"median factor": 0.01, "gradient norm": 1.0, "applied": 0.01},
    ),
    Case("BKS404", ratios(0.2), 40, 6, ratios(0.1), ratios(1e-3), "", {"update ratio": 0.2}),
    Case(
        "BKS405",
        {"loss": wavy(150), **ratios(1e-6, 15)}, 100, 5,
        {"loss": wavy(150), **ratios(3e-5, 15)},
        {"loss": falling(150), **ratios(1e-6, 15)}, "", {"update ratio": 1e-6},
    ),
    Case(
        "BKS406",
        {"input_spread/rnn": {0: 2.0, 10: NAN, 20: 2.0}, "loss": [1.0] * 30}, 10, 1,
        {"input_spread/rnn": {0: 2.0, 10: 0.0}, "loss": [1.0] * 9 + [NAN, NAN]},
        {"input_spread/rnn": {0: 2.0, 10: 1e300}, "loss": [1.0] * 30},
        "rnn", {"value": "NaN"}, severity="error",
    ),
    Case(
        "BKS407",
        {"input_spread/rnn": every(10, [0.0] * 5)}, 20, 3,
        {"input_spread/rnn": every(10, [0.0, 0.0, 1e-300, 0.0, 0.0])},
        {"input_spread/rnn": every(10, [1.0] * 5)},
        "rnn", {"spread": 0.0}, severity="error",
    ),
    Case(
        "BKS408",
        {"last_column/rnn": every(10, [20.0] * 5)}, 20, 3,
        {"last_column/rnn": every(10, [20.0, 20.0, 0.0, 20.0, 20.0])},
        {"last_column/rnn": every(10, [0.0] * 5)},
        "rnn", {"sequences": 20.0}, severity="error",
    ),
    Case(
        "BKS409",
        {"unowned": every(10, [4.0] * 5), "unowned/encoder": every(10, [4.0] * 5)}, 10, 4,
        {"unowned": every(10, [4.0, 0.0, 4.0, 0.0, 4.0])},
        {"unowned": every(10, [0.0] * 5)},
        "", {"parameters": 4.0, "of encoder": 4.0}, severity="error",
    ),
    Case(
        "BKS410", {"gradient_left": every(10, [1.0] * 5)}, 20, 3,
        {"gradient_left": every(10, [1.0, 1.0, 0.0, 0.0, 0.0, 0.0])},
        {"gradient_left": every(10, [0.0] * 5)}, "", {"share": 1.0},
    ),
    Case(
        "BKS411",
        {
            "loss_squashed": every(10, [1.0] * 5),
            "loss_squashed/softmax, cross-entropy": every(10, [1.0] * 5),
        },
        20, 3,
        {"loss_squashed": every(10, [1.0, 1.0, 0.0, 1.0, 1.0])},
        {"loss_squashed": every(10, [0.0] * 5)}, "", {"losses": 1.0}, severity="error",
    ),
    Case(
        "BKS412", {"loss_broadcast": every(10, [64.0] * 5)}, 20, 3,
        {"loss_broadcast": every(10, [64.0, 64.0, 0.0, 64.0, 64.0])},
        {"loss_broadcast": every(10, [0.0] * 5)}, "", {"comparisons": 64.0}, severity="error",
    ),
    Case(
        "BKS413",
        {"mixed_rows": every(10, [1.0] * 5), "mixed_rows/2×9 as 9×2": every(10, [1.0] * 5)}, 20, 3,
        {"mixed_rows": every(10, [1.0, 1.0, 0.0, 1.0, 1.0])},
        {"mixed_rows": every(10, [0.0] * 5)},
        "", {"views": 1.0}, severity="error",
    ),
    Case(
        "BKS414",
        {"one_step_read/rnn": every(10, [1.0] * 5)}, 20, 3,
        {"one_step_read/rnn": every(10, [1.0, 1.0, 0.0, 1.0, 1.0])},
        {"one_step_read/rnn": every(10, [0.0] * 5)},
        "rnn", {"halves": 1.0}, severity="error",
    ),
    Case(
        "BKS415",
        {"padding_read/rnn": every(10, [0.4] * 5)}, 20, 3,
        {"padding_read/rnn": every(10, [0.4, 0.4, 0.09, 0.4, 0.4])},
        {"padding_read/rnn": every(10, [0.0] * 5)}, "rnn", {"padding": 0.4},
    ),
    Case(
        "BKS416",
        {"padding_packed/rnn": every(10, [0.4] * 5)}, 20, 3,
        {"padding_packed/rnn": every(10, [0.4, 0.4, 0.09, 0.4, 0.4])},
        {"padding_packed/rnn": every(10, [0.0] * 5)}, "rnn", {"padding": 0.4},
    ),
    Case(
        "BKS417",
        {"rows_out_of_order": every(10, [32.0] * 5)}, 20, 3,
        {"rows_out_of_order": every(10, [32.0, 32.0, 0.0, 32.0, 32.0])},
        {"rows_out_of_order": every(10, [0.0] * 5)}, "", {"rows": 32.0}, severity="error",
    ),
    Case(
        "BKS418",
        {
            "state_attached": {0: 0.0, 1: 0.0, 10: 0.0, 11: 2.0},
            "state_carried/rnn": {0: 0.0, 1: 0.0, 11: 0.0},
        },
        11, 1,
        {"state_attached": every(10, [0.0] * 5),
         "state_carried/rnn": every(10, [1.0, 1.0, 0.0, 1.0, 1.0])},
        {"state_attached": every(10, [0.0] * 5), "state_carried/rnn": every(10, [0.0] * 5)},
        "", {}, severity="error",
    ),
    Case(
        "BKS419",
        {"state_drawn/rnn": every(10, [1.0] * 5)}, 20, 3,
        {"state_drawn/rnn": every(10, [1.0, 1.0, 0.0, 1.0, 1.0])},
        {"state_drawn/rnn": every(10, [0.0] * 5)}, "rnn", {},
    ),
    Case(
        "BKS420",
        {"padding_in_loss": every(10, [0.4] * 5)}, 20, 3,
        {"padding_in_loss": every(10, [0.4, 0.4, 0.0, 0.4, 0.4])},
        {"padding_in_loss": every(10, [0.0] * 5)}, "", {"padding": 0.4},
    ),
    Case(
        "BKS421",
        {"clip_misplaced": every(10, [5.0] * 5)}, 20, 3,
        {"clip_misplaced": every(10, [5.0, 5.0, 0.0, 5.0, 5.0])},
        {"clip_misplaced": every(10, [0.0] * 5)},
        "", {"gradient relative to the limit": 5.0},
    ),
    Case(
        "BKS422",
        {"eval_mode": every(10, [2.0] * 5)}, 20, 3,
        {"eval_mode": every(10, [2.0, 2.0, 0.0, 2.0, 2.0])},
        {"eval_mode": every(10, [0.0] * 5)},
        "", {"modules in eval mode": 2.0},
    ),
    Case(
        "BKS423",
        {"group_lr/rnn": every(10, [0.0] * 8)}, 60, 2,
        {"group_lr/rnn": every(10, [0.0] * 6 + [1e-3])},
        {"group_lr/rnn": every(10, [1e-3] * 8)},
        "rnn", {"learning rate": 0.0, "iterations": 71.0}, severity="error",
    ),
    Case(
        "BKS424",
        {"state_lost": every(10, [0.5] * 5)}, 20, 3,
        {"state_lost": every(10, [0.5, 0.5, 0.0, 0.5, 0.5])},
        {"state_lost": every(10, [0.0] * 5)},
        "", {"share of steps": 0.5},
    ),
    Case(
        "BKS425",
        {"weights_replaced": every(10, [1.0, 1.0, 0.0, 1.0, 1.0])}, 10, 3,
        {"weights_replaced": every(10, [0.0, 1.0, 0.0, 0.0, 0.25])},
        {"weights_replaced": every(10, [0.0] * 5)},
        "", {"share of matrices": 1.0, "times": 4.0}, severity="error",
    ),
    Case(
        "BKS426",
        {"graphs_kept": every(10, [float(i) for i in range(1, 9)])}, 40, 4,
        {"graphs_kept": every(10, [0.0, 1.0, 2.0, 3.0, 4.0, 0.0, 1.0, 2.0])},
        {"graphs_kept": every(10, [0.0] * 5)},
        "", {"graphs": 8.0},
    ),
    Case(
        "BKS427",
        {
            "decay_ratio": every(10, [20.0] * 12),
            "decayed_norm": every(10, [10 * 0.9**i for i in range(12)]),
            "loss": wavy(120),
        },
        100, 2,
        {
            "decay_ratio": every(10, [20.0] * 11 + [1.0]),
            "decayed_norm": every(10, [10 * 0.995**i for i in range(12)]),
            "loss": wavy(120),
        },
        {"decay_ratio": every(10, [0.1] * 12), "loss": wavy(120)},
        "", {"decay relative to the gradient": 20.0},
    ),
    Case(
        "BKS428",
        {"fragile_decay": every(10, [0.1] * 5), "fragile_decay/A_log": every(10, [0.1] * 5)}, 20, 3,
        {"fragile_decay": every(10, [0.1, 0.1, 0.0, 0.1, 0.1])},
        {"fragile_decay": every(10, [0.0] * 5)}, "", {"weight decay": 0.1},
    ),
    Case(
        "BKS429",
        {"loss_unbounded": every(10, [1.0] * 5)}, 20, 3,
        {"loss_unbounded": every(10, [1.0, 1.0, 0.0, 1.0, 1.0])},
        {"loss_unbounded": every(10, [0.0] * 5)}, "", {"terms": 1.0}, severity="error",
    ),
    Case(
        "BKS431",
        {
            "answer_in_input": every(10, [44.0] * 5),
            "answer_in_input/this step": every(10, [44.0] * 5),
        },
        20, 3,
        {"answer_in_input": every(10, [44.0, 44.0, 0.0, 44.0, 44.0])},
        {"answer_in_input": every(10, [0.0] * 5)}, "", {"targets": 44.0}, severity="error",
    ),
    Case(
        "BKS432",
        {"single_step/rnn": every(10, [16.0] * 5)}, 20, 3,
        {"single_step/rnn": every(10, [16.0, 16.0, 0.0, 16.0, 16.0])},
        {"single_step/rnn": every(10, [0.0] * 5)}, "rnn", {"sequences": 16.0},
    ),
    Case(
        "BKS433",
        {"input_scale/rnn": every(10, [5000.0] * 5), "saturation/rnn.l0.new": every(10, [0.9] * 5)},
        20, 3,
        {"input_scale/rnn": every(10, [5000.0] * 5),
         "saturation/rnn.l0.new": every(10, [0.9, 0.9, 0.5, 0.9, 0.9])},
        {"input_scale/rnn": every(10, [1.0] * 5)}, "rnn",
        {"mean size": 5000.0, "share saturated": 0.9},
    ),
    Case(
        "BKS434",
        {"same_input": every(10, [1.0] * 8)}, 50, 3,
        {"same_input": every(10, [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0])},
        {"same_input": every(10, [0.0] * 5)}, "", {"looks in a row": 8.0}, severity="info",
    ),
    Case(
        "BKS435",
        {"one_class": every(10, [64.0 * (n + 1) for n in range(12)])}, 90, 3,
        {"one_class": every(10, [40.0 * (n + 1) for n in range(12)])},
        {"one_class": every(10, [0.0] * 5)}, "", {"targets": 768.0},
    ),
    Case(
        "BKS436",
        {"units_alike/rnn.l0": every(10, [8.0] * 5)}, 20, 3,
        {"units_alike/rnn.l0": every(10, [0.0, 8.0, 8.0, 0.0, 8.0])},
        {"units_alike/rnn.l0": every(10, [0.0] * 5)}, "rnn.l0", {"units": 8.0}, severity="error",
    ),
    Case(
        "BKS437",
        {"one_unit_read/rnn": every(10, [16.0] * 5), "one_row_read/rnn": every(10, [0.0] * 5)},
        20, 3,
        {
            "one_unit_read/rnn": every(10, [16.0, 16.0, 0.0, 16.0, 16.0]),
            "one_row_read/rnn": every(10, [0.0] * 5),
        },
        {"one_unit_read/rnn": every(10, [0.0] * 5), "one_row_read/rnn": every(10, [0.0] * 5)},
        "rnn", {"units": 16.0},
    ),
    Case(
        "BKS438",
        {"half_lost": every(10, [0.99] * 12), "loss": wavy(120)}, 40, 8,
        {"half_lost": every(10, [0.85] * 12), "loss": wavy(120)},
        {"half_lost": every(10, [0.2] * 12), "loss": wavy(120)}, "", {"share lost": 0.99},
    ),
    Case(
        "BKS439",
        {"initial_gain/out.weight": {0: 20.0}, "loss": wavy(160), **STEPS_SEEN}, 150, 1,
        {"initial_gain/out.weight": {0: 4.5}, "loss": wavy(160), **STEPS_SEEN},
        {"initial_gain/out.weight": {0: 0.6}, "loss": wavy(160), **STEPS_SEEN},
        "out.weight", {"gain": 20.0},
    ),
]  # fmt: skip
IDS = [case.code for case in CASES]


def test_there_is_a_case_for_every_rule() -> None:
    assert [rule.code for rule in RULES] == IDS


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_it_fires_where_it_must(case: Case) -> None:
    one = verdict(case.code, case.sick, facts=case.facts)
    assert one.outcome == "finding"
    finding = the(one)
    assert (finding.iteration, finding.count) == (case.at, case.count)
    assert (finding.module, finding.severity) == (case.where, case.severity)
    assert finding.message
    assert one.reason == finding.message
    for name, value in case.evidence.items():
        approximate = isinstance(value, float)
        assert finding.evidence[name] == (pytest.approx(value) if approximate else value), name
    assert finding.last >= finding.iteration


@pytest.mark.parametrize("case", CASES, ids=IDS)
@pytest.mark.parametrize("label", ["", "Judge"])
def test_the_signals_that_show_it_are_recorded_ones(case: Case, label: str) -> None:
    """They become links and lines of a figure; of a second model they carry its label."""
    series = labelled(case.sick, label)
    found = the(verdict(case.code, series, facts=case.facts))
    assert found.signals
    assert set(found.signals) <= set(series)


@pytest.mark.parametrize("case", CASES, ids=IDS)
@pytest.mark.parametrize("which", ["near", "healthy"])
def test_it_is_silent_where_it_must(case: Case, which: str) -> None:
    one = verdict(case.code, getattr(case, which), facts=case.facts)
    assert not one.findings
    assert one.outcome == "healthy"


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_nothing_recorded_is_not_enough(case: Case) -> None:
    for series in ({}, {"mine": [1.0] * 5}):
        one = verdict(case.code, series, facts=case.facts)
        assert (one.outcome, one.findings) == (NOTHING, ())
        assert one.reason


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_names_with_a_label_judge_alike(case: Case) -> None:
    """``loss/Judge``, ``reach/Judge.rnn``: the second model of a process."""
    finding = the(verdict(case.code, labelled(case.sick, "Judge"), None, case.facts))
    assert (finding.iteration, finding.count) == (case.at, case.count)
    if case.code not in ("BKS201", "BKS207", "BKS404", "BKS405"):  # see below
        assert finding.module == ("Judge" if not case.where else f"Judge.{case.where}")


@pytest.mark.parametrize("code", ["BKS201", "BKS207", "BKS404", "BKS405"])
def test_a_finding_names_its_model(code: str) -> None:
    """Where there are several; else nobody knows which one it is about."""
    case = next(c for c in CASES if c.code == code)
    series = {"loss": wavy(100), **case.sick}
    finding = the(verdict(code, labelled(series, "Judge"), None, case.facts))
    assert "Judge" in f"{finding.module} {finding.message}"


@pytest.mark.some(16)
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_order_of_signals_in_an_iteration_changes_nothing(case: Case) -> None:
    extra = {"loss": case.sick["loss"]} if "loss" in case.sick else {}
    series = {**case.sick, **extra}
    forward = judged(series, None, case.facts)
    backward = judged(dict(reversed(series.items())), None, case.facts)
    assert forward == backward
    # Nor do the other rules.
    assert verdict(case.code, series, facts=case.facts) in forward.verdicts


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_three_iterations_are_judged_without_an_alarm(case: Case) -> None:
    """Of a run of three iterations only what is certain is said."""
    certain = {"BKS201", "BKS406"}
    short = {name: {i: v for i, v in items(values) if i < 3} for name, values in case.sick.items()}
    found = {f.code for f in judged(short, None, case.facts).findings}
    assert found <= certain


def test_a_run_with_only_a_loss() -> None:
    found = judged({"loss": falling(1000)})
    assert not found.findings
    outcomes = {v.code: v.outcome for v in found.verdicts}
    for code in ("BKS201", "BKS202", "BKS203", "BKS204", "BKS205", "BKS302", "BKS303"):
        assert outcomes.pop(code) == "healthy"
    assert set(outcomes.values()) == {NOTHING}


# -- what is not finite is never healthy --------------------------------------------------------

READ = sorted({(rule.code, name) for rule in RULES for name in rule.reads})
PROFILES = {"reach", "hidden_norm", "grad_time", "context_loss"}


@pytest.mark.some(24)
@pytest.mark.parametrize("value", [NAN, pytest.param(INF, marks=pytest.mark.long)])
@pytest.mark.parametrize(("code", "name"), READ)
def test_a_signal_that_is_never_finite_is_never_healthy(code: str, name: str, value: float) -> None:
    series: dict[str, Any] = {}
    if name in PROFILES:
        series[f"{name}/rnn" if name != "context_loss" else name] = every(10, [[value] * 20] * 50)
    else:
        single = name in ("loss", "grad_norm", "grad_norm_applied")
        series[name if single else f"{name}/rnn"] = [value] * 500
    if name == "context_loss":
        series["context_length"] = every(10, [list(range(1, 21))] * 50)
    if name != "loss" and code not in ("BKS201", "BKS406"):
        series["loss"] = falling(500)
    if name == "grad_norm_applied":
        series["grad_norm"] = [1.0] * 500
    outcome = verdict(code, series).outcome
    allowed = {"not finite", NOTHING}
    if code == "BKS201" or (code, name) == ("BKS406", "input_spread"):
        allowed = {"finding"}
    elif (code, name) == ("BKS206", "hidden_norm_mean"):
        allowed = {NOTHING}
    assert outcome in allowed


@pytest.mark.parametrize("value", [NAN, INF])
@pytest.mark.parametrize("code", ["BKS202", "BKS203", "BKS204", "BKS205", "BKS302", "BKS303"])
def test_a_loss_that_ends_not_finite_does_not_end_healthy(code: str, value: float) -> None:
    one = verdict(code, {"loss": falling(300) + [value] * 200})
    assert not one.findings
    assert one.outcome == "not finite"


@pytest.mark.some(31)
@pytest.mark.parametrize(
    ("code", "name", "good", "bad"),
    [
        ("BKS101", "reach", FADES, FADES * NAN),
        ("BKS105", "reach", REACHES, FADES * NAN),
        ("BKS401", "reach", REACHES, FADES * NAN),
        ("BKS103", "hidden_norm", LEVELS, LEVELS * NAN),
        ("BKS104", "saturation", 0.1, NAN),
        ("BKS402", "update_ratio", 1e-3, NAN),
        ("BKS407", "input_spread", 1.0, NAN),
        ("BKS408", "last_column", 0.0, NAN),
        ("BKS414", "one_step_read", 0.0, NAN),
        ("BKS415", "padding_read", 0.0, NAN),
        ("BKS416", "padding_packed", 0.0, NAN),
        ("BKS417", "rows_out_of_order", 0.0, NAN),
        ("BKS419", "state_drawn", 0.0, NAN),
        ("BKS421", "clip_misplaced", 0.0, NAN),
        ("BKS422", "eval_mode", 0.0, NAN),
        ("BKS424", "state_lost", 0.0, NAN),
        ("BKS423", "group_lr", 1.0, NAN),
        ("BKS425", "weights_replaced", 0.0, NAN),
        ("BKS426", "graphs_kept", 0.0, NAN),
        ("BKS429", "loss_unbounded", 0.0, NAN),
        ("BKS427", "decay_ratio", 0.0, NAN),
        ("BKS432", "single_step", 0.0, NAN),
        ("BKS433", "input_scale", 1.0, NAN),
        ("BKS436", "units_alike", 0.0, NAN),
        ("BKS437", "one_unit_read", 0.0, NAN),
        ("BKS202", "loss", 1.0, NAN),
    ],
)
@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_layer_that_is_not_finite_is_not_hidden_by_one_that_is(
    code: str, name: str, good: Any, bad: Any, order: str
) -> None:
    series: dict[str, Any] = {
        f"{name}/{member}": every(10, [good if member == "a" else bad] * 60) for member in order
    }
    if name != "loss":
        series["loss"] = falling(600)
    assert verdict(code, series).outcome == "not finite"


@pytest.mark.some(40)
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_few_values_that_are_not_finite_are_left_out(case: Case) -> None:
    """NaN strewn among healthy numbers is nobody's alarm but BKS201's (and BKS406's, of input)."""
    holes = {3, 17, 50, 51, 80}

    def holed(name: str, values: Any) -> dict[int, Any]:
        kept = dict(items(values))
        for place, iteration in enumerate(sorted(kept)):
            if place in holes:
                kept[iteration] = np.asarray(kept[iteration], float) * NAN
        return kept

    series = {n: holed(n, v) for n, v in case.healthy.items() if n != "context_length"}
    series |= {n: v for n, v in case.healthy.items() if n == "context_length"}
    codes = {f.code for f in judged(series, None, case.facts).findings}
    if case.code not in ("BKS201", "BKS406"):
        assert case.code not in codes


def test_samples_that_are_not_finite_are_not_counted_as_sightings() -> None:
    finding = the(verdict("BKS104", {"saturation/rnn": every(10, [0.9] * 5 + [NAN] * 5)}))
    assert (finding.iteration, finding.count, finding.last) == (20, 3, 40)


def test_patience_does_not_pass_in_values_that_are_not_finite() -> None:
    """Eleven losses that are too high, and then NaN: that is BKS201 and no divergence."""
    codes = {f.code for f in judged({"loss": stepped((60, 2.0), (11, 3.0)) + [NAN] * 100}).findings}
    assert "BKS201" in codes
    assert "BKS203" not in codes


def test_states_that_are_not_finite_do_not_end_a_drift() -> None:
    rows = [GROWS] * 20 + [GROWS * NAN, GROWS]
    finding = the(verdict("BKS103", {"hidden_norm/rnn": every(10, rows)}))
    assert (finding.iteration, finding.count, finding.resolved_at) == (190, 2, None)


def test_states_as_large_as_float32_goes_warn_nobody() -> None:
    """Their sum overflows in float32; the warning would stand on the user's terminal."""
    judge = Judge()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in range(3):
            judge.update(i, {"hidden_norm/rnn": np.full(16, 3e38, np.float32)})
    assert not judge.failed


def test_a_state_that_learns_not_to_grow_and_a_random_walk_are_no_drift() -> None:
    """Identity matrices begin so; what is added up without a bias grows like √t."""
    begins = every(10, [GROWS] * 19 + [LEVELS] * 20)
    assert verdict("BKS103", {"hidden_norm/rnn": begins}).outcome == "healthy"
    walks = every(10, [np.sqrt(np.arange(1.0, 65))] * 40)
    assert verdict("BKS103", {"hidden_norm/rnn": walks}).outcome == "healthy"


def test_a_bounded_state_that_fills_up_is_no_drift() -> None:
    """Where saturation is measured, the range has an end; gates alone say nothing of the state."""
    rows = every(10, [GROWS] * 25)
    few = every(10, [0.0] * 25)
    assert not verdict("BKS103", {"hidden_norm/rnn": rows, "saturation/rnn": few}).findings
    assert verdict("BKS103", {"hidden_norm/rnn": rows, "saturation/rnn.update": few}).findings


@pytest.mark.parametrize(
    ("end", "row", "severity"),
    [
        (0.5, GROWS, "info"),
        (0.8, GROWS, "warning"),
        # Quarters of 1, 2 and 5.1: the second growth is 3.1 times the first.
        (0.5, np.repeat([0.5, 1.0, 2.0, 5.1], 4), "warning"),
    ],
)
def test_a_network_that_is_meant_to_sum_is_a_note(end: float, row: Any, severity: str) -> None:
    """Its loss falls while its state grows in proportion to time; one that multiplies is not."""
    series = {"hidden_norm/rnn": every(10, [row] * 25), "loss": falling(250, 1.0, end, 20.0)}
    assert the(verdict("BKS103", series)).severity == severity


def test_three_first_losses_that_are_low_by_chance_are_no_divergence() -> None:
    """After them the loss is what it was from the fourth on; where it stays up, that is told."""
    low = [0.2, 0.2, 0.2]
    up = [*low, *wavy(17, 1.0, 0.3)]
    assert not verdict("BKS203", {"loss": [*up, *wavy(60, 0.5), *wavy(60, 0.3)]}).findings
    assert the(verdict("BKS203", {"loss": [*up, *wavy(200, 0.5)]})).iteration == 138
    ruined = the(verdict("BKS203", {"loss": [0.09, 0.09, 0.09, *wavy(117, 1.0)]}))
    assert ruined.iteration == 58  # ten times as high: 20 levels from the 40th loss on


def test_a_loss_near_zero_swings_by_more_than_its_level() -> None:
    """What counts is the swing beside what has been learned, too."""

    def swinging(size: float) -> list[float]:
        wave = 0.001 + size * np.sin(2 * np.pi * np.arange(300) / 16)
        return [*wavy(20, 1.0), *falling(100, 1.0, 0.1, 20.0), *map(float, wave)]

    assert not verdict("BKS205", {"loss": swinging(0.027)}).findings
    assert verdict("BKS205", {"loss": swinging(0.03)}).findings


def test_tasks_in_turn_of_which_another_becomes_the_hardest_are_no_swing() -> None:
    """Its phase turns a little against that of the loop; that of a swing of its own goes on."""
    first, last = (0.1, 0.4, 0.6, 1.0), (0.1, 0.5, 1.0, 0.3)
    tasks = []
    for n, noise in enumerate(wavy(500, 1.0, 0.1)):
        share = min(max((n - 100) / 200, 0.0), 1.0)
        tasks.append(3 * noise * ((1 - share) * first[n % 4] + share * last[n % 4]))
    assert not verdict("BKS205", {"loss": tasks}).findings
    own = [1 + 0.3 * math.sin(2 * math.pi * n / 3.95) for n in range(500)]
    assert the(verdict("BKS205", {"loss": own})).resolved_at is None


@pytest.mark.parametrize(("steps", "severity"), [(1.0, "info"), (2.0, "warning")])
def test_a_swing_of_single_steps_may_be_that_of_a_series(steps: float, severity: str) -> None:
    values = swinging(0.1)
    (found,) = verdict("BKS205", {"loss": values, "seq_len": [steps] * len(values)}).findings
    assert found.severity == severity


def test_an_input_that_is_not_finite_does_not_end_a_constant_one() -> None:
    finding = the(verdict("BKS407", {"input_spread/rnn": every(10, [0, 0, 0, NAN])}))
    assert (finding.count, finding.resolved_at) == (1, None)


def test_an_update_that_is_not_finite_is_no_movement() -> None:
    moves, still = every(10, [1e-3] * 6), every(10, [NAN, 0, 0, 0, 0, 0])
    finding = the(verdict("BKS402", {"update_ratio/a": moves, "update_ratio/b": still}))
    assert finding.module == "b"


# -- too little of the other kind ---------------------------------------------------------------


@pytest.mark.parametrize("code", ["BKS101", "BKS102", "BKS105", "BKS401"])
def test_a_reach_of_zeros_is_not_enough_data(code: str) -> None:
    """No gradient arrived: neither healthy nor not finite."""
    series = {"reach/rnn": every(10, [np.zeros(20)] * 60), "loss": falling(600)}
    assert verdict(code, series).outcome == NOTHING


def test_clipping_without_the_norm_before_is_not_enough_data() -> None:
    assert verdict("BKS403", {"grad_norm_applied": [1.0] * 200}).outcome == NOTHING


@pytest.mark.parametrize("code", ["BKS404", "BKS405"])
def test_updates_of_biases_alone_are_not_enough_data(code: str) -> None:
    series = {"loss": wavy(300), "update_ratio/bias": every(10, [1e-3] * 30)}
    assert verdict(code, series).outcome == NOTHING


def test_a_reach_below_one_per_cent_throughout_does_not_break_anything() -> None:
    for row in ([1e-300] * 20, [0.0, 1e-5, 1e-6], [0.001, 0.0005, 0.0]):
        found = judged({"reach/rnn": every(10, [row] * 10), "loss": wavy(100)})
        assert {f.code for f in found.findings} <= {"BKS105", "BKS401"}


@pytest.mark.parametrize("width", [1, 2, 3])
def test_windows_of_a_step_or_two_break_nothing(width: int) -> None:
    row = [1.0, 0.1, 0.0][:width]
    for name in PROFILES - {"context_loss"}:
        judged({f"{name}/rnn": every(1, [row] * 30), "loss": falling(30)})
    judged({"reach/rnn": every(1, [[]] * 30), "hidden_norm/rnn": every(1, [[]] * 30)})
    judged({"context_loss": {0: row}, "context_length": {0: [1, 2, 4][:width]}})


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_a_number_of_the_users_own_with_a_profiles_name_breaks_nothing(name: str) -> None:
    """``monitor.log(hidden_norm=h.norm())``: it is theirs, and no row."""
    found = judged({name: [3.0] * 50, "context_length": [1.0] * 50, "loss": falling(50)})
    assert not found.findings


# -- each rule: its own edges -------------------------------------------------------------------


def test_vanishing_is_over_when_the_loss_comes_down() -> None:
    loss = stepped((300, 1.0), (200, 0.5))
    one = verdict("BKS101", {"loss": loss, "reach/rnn": every(10, [FADES] * 50)}, facts=LAG)
    # Of the last 20 losses the 11th low one is at 310.
    assert one.outcome == "healthy"
    assert (the(one).iteration, the(one).count, the(one).resolved_at) == (100, 21, 310)


def test_vanishing_waits_while_the_loss_still_comes_down() -> None:
    loss = [max(3 * 0.99**i, 0.96) for i in range(300)]  # flat from 114 on
    one = verdict("BKS101", {"loss": loss, "reach/rnn": every(10, [FADES] * 30)}, facts=LAG)
    assert 110 < the(one).iteration <= 150
    assert the(one).resolved_at is None


def test_vanishing_is_not_claimed_without_a_known_lag() -> None:
    """Nobody said that anything is needed: BKS302 names the horizon instead."""
    series = {"loss": wavy(900), "reach/rnn": every(10, [FADES] * 90)}
    assert verdict("BKS101", series).outcome == NOTHING
    finding = the(verdict("BKS302", series))
    assert finding.evidence["horizon rnn"] == 7
    assert "the gradient of rnn is below half from lag 2 on, below 1 % from lag 8 on" in (
        finding.message
    )
    assert "reach/rnn" in finding.signals


def test_decay_alone_is_no_fault() -> None:
    """A short-memory task: the loss comes down and nothing reaches far."""
    series = {"loss": falling(1000), "reach/rnn": every(10, [0.2 ** np.arange(200)] * 100)}
    findings = judged(series).findings
    assert {f.code for f in findings} <= {"BKS105", "BKS301"}
    assert {f.severity for f in findings} <= {"info"}


def test_a_lag_within_reach_is_not_vanishing() -> None:
    series = {"loss": wavy(600), "reach/rnn": every(10, [FADES] * 60)}
    assert not verdict("BKS101", series, facts=Facts(lag=20, baseline=1.0)).findings
    assert verdict("BKS101", series, facts=Facts(lag=21, baseline=1.0)).findings


@pytest.mark.parametrize("name", ["cell", "decoder.cell"])
def test_a_module_that_is_called_cell_is_no_gate(name: str) -> None:
    """Of a gate 90 % may be at an end; of a layer's units not."""
    finding = the(verdict("BKS104", {f"saturation/{name}": every(10, [0.9] * 5)}))
    assert finding.message == f"90 % of the units of {name} are saturated"
    gates = {f"saturation/rnn.{gate}": every(10, [0.9] * 5) for gate in ("cell", "forget")}
    assert not verdict("BKS104", gates).findings


CUT = [1, 0.5, 0.25, 0, 0]
"""Of four earlier steps the last two have no gradient."""


def test_the_graph_tells_a_detached_state_from_units_that_pass_nothing() -> None:
    def with_end(end: float) -> Verdict:
        series = {"reach/rnn": every(10, [CUT] * 5), "graph_end/rnn": every(10, [end] * 5)}
        return verdict("BKS401", series)

    assert the(with_end(2)).message == (
        "the gradient of rnn is exactly zero from lag 3 on, of 4 earlier steps: the state is "
        "detached there"
    )
    assert with_end(4).outcome == "healthy"  # dead or saturated units: the graph goes on
    assert with_end(3).outcome == "healthy"  # they stop it before the graph ends
    assert with_end(-1).outcome == NOTHING  # an embedded input: nobody knows


def test_where_the_graph_ends_may_change_from_sample_to_sample() -> None:
    """The place is no evidence where the graph is."""
    rows = [[1.0] * (n + 1) + [0.0] * (9 - n) for n in (2, 5, 3, 7)]
    series = {"reach/rnn": every(10, rows), "graph_end/rnn": every(10, [2, 5, 3, 7])}
    assert verdict("BKS401", series).findings
    assert not verdict("BKS401", {"reach/rnn": every(10, rows)}).findings


UNIFORM = np.array([1.0, *[1 / 129] * 128])
"""Attention to every step alike, beside a skip path that makes lag 0 large."""


def test_a_skip_path_does_not_make_the_gradient_vanish() -> None:
    """Relative to lag 0 every earlier step is below 1 %: none is beyond reach for that."""
    series = {"loss": wavy(900), "reach/rnn": every(10, [UNIFORM] * 90)}
    facts = Facts(lag=128, baseline=1.0)
    found = judged(series, facts=facts)
    assert {f.code for f in found.findings} == {"BKS302"}
    assert "the gradient" not in the(verdict("BKS302", series, facts=facts)).message
    assert "the gradient" not in the(verdict("BKS302", series)).message


def test_a_known_lag_is_asked_for_at_that_lag() -> None:
    """One far step is all there is: a task that needs it is taught, another one is not."""
    far = np.array([1.0, *[1e-9] * 98, 0.5, 1e-9])
    series = {"loss": wavy(900), "reach/rnn": every(10, [far] * 90)}
    assert not verdict("BKS101", series, facts=Facts(lag=99, baseline=1.0)).findings
    finding = the(verdict("BKS101", series, facts=Facts(lag=50, baseline=1.0)))
    assert finding.message == (
        "at lag 50, the gradient of rnn is 2e-09 of that at the strongest earlier step (below 1 % "
        "from lag 100 on); the task needs inputs from 50 steps back, and the loss stays at 0.99"
    )


def test_a_lag_of_ragged_sequences_is_asked_of_those_that_have_it() -> None:
    """The mean over all hides that nothing arrives in the long ones; and the other way round."""
    mean, alone = np.full(61, 1e-3), np.full(61, 1e-9)
    mean[1] = alone[1] = 1.0
    for reach, share, found in ((mean, alone, True), (alone, mean, False)):
        series = {
            "loss": wavy(900), "reach/rnn": every(10, [reach] * 90),
            "reach_share/rnn": every(10, [share] * 90),
        }  # fmt: skip
        assert bool(verdict("BKS101", series, facts=LAG).findings) is found


def test_no_gradient_back_is_said_so_and_not_measured() -> None:
    series = {"loss": wavy(900), "reach/rnn": every(10, [[1, *[1e-8] * 60]] * 90)}
    finding = the(verdict("BKS101", series, facts=LAG))
    assert finding.evidence["share at the needed lag"] == 0
    assert "no gradient of rnn goes back in time; the task needs inputs from 50" in finding.message


def test_a_window_shorter_than_the_lag_is_asked_for_its_oldest_step() -> None:
    short = {"loss": wavy(900), "reach/rnn": every(10, [0.5 ** np.arange(21)] * 90)}
    assert not verdict("BKS101", short, facts=LAG).findings  # 0.5^19 = 1.9e-6
    short["reach/rnn"] = every(10, [0.5 ** np.arange(22)] * 90)
    assert verdict("BKS101", short, facts=LAG).findings  # 0.5^20 = 9.5e-7


def test_a_loss_at_the_last_step_wastes_no_window() -> None:
    """What it needs may lie at the other end: the window must not be cut for it."""
    reach = every(10, [FADES] * 7)
    last, first = every(10, [3 * FADES[::-1]] * 7), every(10, [3 * FADES] * 7)
    assert not verdict("BKS105", {"reach/rnn": reach, "grad_time/rnn": last}).findings
    assert not verdict("BKS105", {"reach/rnn": reach, "grad_time/rnn": first}).findings  # reverse
    level = every(10, [np.ones(101)] * 7)
    assert verdict("BKS105", {"reach/rnn": reach, "grad_time/rnn": level}).findings
    ragged = {"reach_share/rnn": reach, "grad_time/rnn": level}  # each ends at a step of its own
    assert not verdict("BKS105", {"reach/rnn": reach, **ragged}).findings


def test_words_and_rule_count_the_same_steps() -> None:
    """Of 100 earlier steps 93 are beyond the horizon of 7; lag 0 is none of them."""
    assert "93 of the 100 earlier steps" in reach_words(FADES)
    finding = the(verdict("BKS105", {"reach/rnn": every(10, [FADES] * 7)}))
    assert finding.message == (
        "93 % of the 100 earlier steps get less than 1 % of the gradient of rnn that the "
        "strongest of them gets"
    )


@pytest.mark.parametrize("scale", [1.0, 1e-9])
def test_explosion_counts_from_the_first_lag_with_a_gradient(scale: float) -> None:
    """A loss on ``c_n``: nothing at lag 0, and R is relative to the strongest lag."""
    rows = every(10, [[0, scale, 20 * scale, 200 * scale]] * 3)
    assert the(verdict("BKS102", {"reach/rnn": rows})).evidence["largest R"] == pytest.approx(200)


def test_a_window_that_grows_does_not_make_the_gradient_vanish() -> None:
    """Every row reaches its whole window: what short ones could not show is not missing."""
    rows = [np.ones(11)] * 52 + [np.ones(101)] * 2
    series = {"loss": wavy(540), "reach/rnn": every(10, rows)}
    assert not verdict("BKS101", series).findings
    assert not verdict("BKS101", series, facts=LAG).findings
    assert not verdict("BKS105", series).findings


def test_explosion_is_over_when_it_is_and_needs_three_in_a_row() -> None:
    grows, calm = [1, 50, 900], [1, 2, 3]
    one = verdict("BKS102", {"reach/rnn": every(10, [grows] * 4 + [calm] * 2)})
    assert one.outcome == "healthy"
    assert (the(one).iteration, the(one).count, the(one).resolved_at) == (20, 2, 40)
    assert not verdict("BKS102", {"reach/rnn": every(10, [grows, grows, calm] * 5)}).findings


def test_a_reach_that_overflows_is_an_explosion() -> None:
    finding = the(verdict("BKS102", {"reach/rnn": every(10, [[1, 1e200, INF, NAN]] * 3)}))
    assert finding.evidence["largest R"] == 1e200
    assert "not finite" in finding.message


@pytest.mark.parametrize(
    ("where", "share", "fires"),
    [("rnn.l0", 0.86, True), ("rnn.l0.forget", 0.98, False), ("rnn.l0.forget", 0.995, True),
     ("gru.update", 0.95, False), ("inputs", 0.86, True)],
)  # fmt: skip
def test_gates_may_be_open_or_shut(where: str, share: float, fires: bool) -> None:
    found = verdict("BKS104", {f"saturation/{where}": every(10, [share] * 4)}).findings
    assert bool(found) == fires


def test_less_saturation_has_to_last() -> None:
    """Medians of three begin with the third sample; 25 of them end with the 27th."""
    lasts = {"saturation/rnn": every(10, [0.7] * 28)}
    finding = the(verdict("BKS104", lasts))
    assert (finding.iteration, finding.count, finding.evidence["limit"]) == (260, 2, 0.6)
    early = {"saturation/rnn": every(10, [0.7] * 25 + [0.1] * 5 + [0.7] * 25)}
    assert verdict("BKS104", early).outcome == "healthy"
    gate = {"saturation/rnn.l0.forget": every(10, [0.96] * 12)}
    finding = the(verdict("BKS104", gate))
    assert (finding.iteration, finding.count, finding.evidence["limit"]) == (110, 1, 0.95)
    early = {"saturation/rnn.l0.forget": every(10, [0.96] * 9 + [0.1] * 5)}
    assert verdict("BKS104", early).outcome == "healthy"


def test_a_shut_gate_is_a_note_while_the_loss_is_far_below_the_best_guess() -> None:
    loss = falling(200, tau=10.0)  # to 1
    gate, units = ({f"saturation/rnn.l0{end}": every(10, [1.0] * 20)} for end in (".update", ""))
    for series, guess, severity in (
        (gate, 5.0, "info"), (gate, 3.0, "warning"), (gate, -5.0, "warning"),
        (units, 5.0, "warning"),
    ):  # fmt: skip
        one = the(verdict("BKS104", {**series, "loss": loss, "guess_loss": {10: guess}}))
        assert one.severity == severity
    lost = {**gate, "loss": [*loss[:150], *([4.0] * 50)], "guess_loss": {10: 5.0}}
    assert the(verdict("BKS104", lost)).severity == "warning"


def test_saturation_is_a_median_and_passes() -> None:
    shares = [0.9, 0.1, 0.9, 0.9, 0.1, 0.1]  # medians of three: 0.9, 0.9, 0.9, 0.1
    one = verdict("BKS104", {"saturation/rnn": every(10, shares)})
    assert one.outcome == "healthy"
    assert (the(one).iteration, the(one).count, the(one).resolved_at) == (20, 3, 50)


@pytest.mark.parametrize(
    ("series", "first"),
    [
        ({"input_spread/a": [1.0, NAN], "loss": [1.0, NAN]}, "the input"),
        ({"hidden_norm_max/a": [1.0, INF], "loss": [1.0, NAN]}, "the hidden states"),
        ({"hidden_norm/a": {0: [1, 2], 1: [1, INF]}, "grad_norm": [1.0, NAN]}, "the hidden states"),
        ({"loss": [1.0, NAN], "grad_norm": [1.0, NAN], "weight_norm/w": [1.0, NAN]}, "the loss"),
        ({"loss": [1.0, 1.0], "grad_norm": [1.0, INF], "grad_norm_applied": [1.0, INF]},
         "the gradient"),
        ({"grad_time/a": {0: [1.0], 1: [NAN]}}, "the gradient through time"),
        ({"loss": [1.0, 1.0], "weight_norm/w": [1.0, NAN]}, "the weights"),
    ],
)  # fmt: skip
def test_what_came_first(series: Series, first: str) -> None:
    finding = the(verdict("BKS201", series))
    assert (finding.iteration, finding.evidence["came first"]) == (1, first)


def test_an_overflow_of_a_lower_layer_is_not_an_input_that_is_not_finite() -> None:
    """Layer b is fed with the states of a: its input is infinite because a's states are."""
    series = {
        "input_spread/a": {0: 1.0, 10: 1.0}, "input_spread/b": {0: 1.0, 10: INF},
        "hidden_norm_max/a": [1.0] * 10 + [INF], "hidden_norm_max/b": [1.0] * 10 + [NAN],
        "loss": [1.0] * 10 + [NAN], "grad_norm": [1.0] * 10 + [NAN],
    }  # fmt: skip
    found = judged(series)
    assert {f.code for f in found.findings} == {"BKS201"}
    assert found.findings[0].evidence["came first"] == "the hidden states"


def test_a_scaler_that_looks_for_its_scale_is_no_finding() -> None:
    def run(skipped: int) -> Series:
        applied = {i: 1.0 for i in range(100) if not 10 <= i < 10 + skipped}
        norms = [INF if 10 <= i < 10 + skipped else 1.0 for i in range(100)]
        return {"loss": [1.0] * 100, "grad_norm": norms, "grad_norm_applied": applied}

    assert verdict("BKS201", run(19)).outcome == "healthy"
    assert the(verdict("BKS201", run(20))).iteration == 29


def test_from_the_first_iteration_on() -> None:
    assert the(verdict("BKS201", {"loss": [NAN, 1.0, 1.0]})).iteration == 0
    spiked = the(verdict("BKS202", {"loss": [*wavy(5, 4.0), 20.0, *wavy(50, 4.0)]}))
    assert (spiked.iteration, spiked.count) == (5, 1)
    assert spiked.outcome == {"recovered": "after 5 iterations"}
    assert spiked.resolved_at == 10


def test_a_first_loss_that_is_wild_alarms_nobody() -> None:
    """It says nothing about what is usual."""
    for wild in (1e6, 0.0, -50.0, NAN, INF):
        codes = {f.code for f in judged({"loss": [wild, *falling(500)]}).findings}
        assert codes <= {"BKS201"}


def test_a_loss_that_is_infinite_is_no_spike() -> None:
    """It is left out: BKS201 tells of it."""
    codes = {f.code for f in judged({"loss": [*wavy(100, 4.0), INF, *wavy(50, 4.0)]}).findings}
    assert codes == {"BKS201"}


def test_a_guess_from_samples_in_step_with_the_loop_makes_no_plateau() -> None:
    """Sampled every 20 iterations, a loop of 20 steps shows the targets of one of them alone."""
    loss = falling(1600, start=0.35, end=0.0017, tau=40.0)
    for guess in (1e-17, 0.0005):
        assert verdict("BKS302", {"loss": loss, "guess_loss": {40: guess}}).outcome == "healthy"
    stays = [0.35, *wavy(1599, 0.34)]
    assert verdict("BKS302", {"loss": stays, "guess_loss": {40: 1e-17}}).findings
    at_the_mean = falling(1600, start=0.35, end=0.05, tau=40.0)
    assert verdict("BKS302", {"loss": at_the_mean, "guess_loss": {40: 0.05}}).findings


def rare_class(seed: int, count: int = 1200, harmed: range = range(0)) -> list[float]:
    """Of batches of 16, 1 in 33 of which is of the other class; one bias learns its frequency, and
    goes up with each of it. While it is harmed, all answers are wrong more often."""
    random, logit, losses = np.random.default_rng(seed), -3.0, []
    for iteration in range(count):
        share = random.binomial(16, 0.03) / 16
        said = 1 / (1 + np.exp(-(logit + 6 * (iteration in harmed))))
        losses.append(float(-share * np.log(said) - (1 - share) * np.log(1 - said)))
        logit -= 4 * (1 / (1 + np.exp(-logit)) - share)
    return [0.5] * 5 + losses  # so that the median of the rest is no twentieth of it


@pytest.mark.parametrize("seed", range(6))
def test_batches_with_a_rare_class_are_no_spikes_that_cost_anything(seed: int) -> None:
    for finding in verdict("BKS202", {"loss": rare_class(seed)}).findings:
        assert finding.severity == "info", finding.message


def test_a_spike_among_batches_with_a_rare_class_is_found() -> None:
    finding = the(verdict("BKS202", {"loss": rare_class(0, harmed=range(700, 740))}))
    assert finding.severity == "warning"
    assert "at iteration 70" in finding.message


def test_a_spike_that_stays_says_so() -> None:
    finding = the(verdict("BKS202", {"loss": [*wavy(100, 1.0), *wavy(150, 9.0)]}))
    assert (finding.iteration, finding.count, finding.resolved_at) == (100, 1, None)
    assert finding.outcome == {"recovered": "not within 100 iterations"}
    finding = the(verdict("BKS202", {"loss": [*wavy(100, 1.0), *wavy(50, 9.0)]}))
    assert finding.outcome == {"recovered": "not yet"}


@pytest.mark.parametrize(
    ("high", "severity"),
    # The median of five is back once three of them are: 8 + 3 - 1 = 10 iterations after the first.
    [(8, "info"), (9, "warning")],
)
def test_a_spike_that_heals_within_ten_iterations_is_a_note(high: int, severity: str) -> None:
    finding = the(verdict("BKS202", {"loss": [*wavy(100, 1.0), *[9.0] * high, *wavy(60, 1.0)]}))
    assert (finding.severity, finding.resolved_at) == (severity, 100 + high + 2)


def test_a_spike_that_is_not_over_is_as_grave_as_what_it_leaves() -> None:
    """Above where the loss began (4), that is an error; below, something was kept."""
    for level, severity in ((9.0, "error"), (2.9, "warning")):
        loss = [*wavy(60, 4.0), *wavy(100, 1.0), *wavy(150, level)]
        assert the(verdict("BKS202", {"loss": loss})).severity == severity
    begun = [*wavy(100, 1.0), *wavy(3, 9.0)]  # the run ends before anybody knows
    assert the(verdict("BKS202", {"loss": begun})).severity == "warning"


def test_a_spike_at_the_very_end_says_whether_it_is_over() -> None:
    """Fewer than five losses follow it; nobody will see a fifth."""
    usual = wavy(100, 1.0)
    for rest, said in (
        ([], "not yet"), (wavy(2, 1.0), "after 2 iterations"), ([1.0, 9.0], "not yet"),
        ([1.0, 1.0, NAN], "not yet"),
    ):  # fmt: skip
        finding = the(verdict("BKS202", {"loss": [*usual, 9.0, *rest]}))
        assert finding.outcome == {"recovered": said}
        assert (finding.severity, finding.resolved_at) == (
            ("warning", None) if said == "not yet" else ("info", 102)
        )


def test_a_loss_that_has_exploded_is_an_error_before_all_patience_has_passed() -> None:
    for row, severity in ((11, "error"), (10, "warning")):
        loss = [*wavy(60, 4.0), *wavy(100, 1.0), *wavy(row, 1e6)]
        finding = the(verdict("BKS202", {"loss": loss}))
        assert (finding.severity, finding.outcome["recovered"]) == (severity, "not yet")
        assert "more than 1,000 robust" in finding.message


EARLY = [0.2, 0.22, 0.21]
LATER = [2.0, 3.0, 1.5, 4.0, 2.5, 1.0, 3.5, 2.0, 5.0]


@pytest.mark.parametrize("count", [12, 400])
def test_three_losses_that_are_low_by_chance_make_no_spike_of_what_follows(count: int) -> None:
    """A tenth of all losses are as low as they; where none is, the run has left them behind."""
    low, high = [*LATER, 0.21] * 40, [*LATER, 1.2] * 40
    noisy = the(verdict("BKS202", {"loss": [*EARLY, *low[:count]]}))
    assert (noisy.iteration, noisy.severity) == (3, "info")
    assert noisy.resolved_at is not None
    assert noisy.outcome == {"recovered": "many of its losses are as high"}
    risen = the(verdict("BKS202", {"loss": [*EARLY, *high[:count]]}))
    assert (risen.iteration, risen.severity) == (3, "error")


@pytest.mark.parametrize(
    ("usual", "after", "severity"),
    [(0.01, 0.08, "info"), (0.01, 0.11, "warning"), (0.5, 0.55, "warning")],
)
def test_a_spike_of_a_loss_that_could_not_fall_lower(
    usual: float, after: float, severity: str
) -> None:
    """It took 32 iterations to heal; all that was learned, from 4 on, is there again."""
    loss = [*wavy(60, 4.0), *wavy(100, usual), *[3.0] * 30, *wavy(60, after)]
    assert the(verdict("BKS202", {"loss": loss})).severity == severity


@pytest.mark.parametrize(("after", "severity"), [(0.1, "info"), (0.15, "warning")])
def test_a_spike_of_a_loss_that_could_not_fall_lower_and_fell_at_once(
    after: float, severity: str
) -> None:
    """It began at 4, and was down to 0.05 within the first 20 losses, whose median is 0.6."""
    fell = [4.0, 4.1, 4.0, 4.1, 4.0, 3.0, 2.0, 1.0, 0.8, 0.6, 0.6, 0.5, 0.4, 0.3, *[0.1] * 6]
    loss = [*fell, *wavy(100, 0.05), *[3.0] * 30, *wavy(60, after)]
    assert the(verdict("BKS202", {"loss": loss})).severity == severity


def test_large_updates_are_a_note_while_the_loss_comes_down() -> None:
    """A small model that learns fast; where it stops, they are too large."""
    loss = [*(4.0 - 0.05 * i for i in range(60)), *wavy(100, 1.0)]
    series = {**ratios(0.2, count=6), "loss": loss[:60]}
    assert the(verdict("BKS404", series)).severity == "info"
    told = told_live({**ratios(0.2, count=16), "loss": loss}, "BKS404")
    assert told == [(40, "info"), (120, "warning")]


def test_of_several_spikes_the_gravest_is_told() -> None:
    """The first one healed at once."""
    usual = wavy(80, 1.0)
    finding = the(verdict("BKS202", {"loss": [*usual, 5.0, *usual, *[30.0] * 20, *usual]}))
    assert (finding.iteration, finding.count, finding.severity) == (80, 2, "warning")
    assert "to 30 at iteration 161" in finding.message
    assert finding.evidence["loss"] == 30.0
    assert finding.outcome == {"recovered": "after 22 iterations"}


@pytest.mark.parametrize(("after", "severity"), [(1.04, "info"), (1.06, "warning")])
def test_a_spike_that_left_no_trace_in_validation_is_a_note(after: float, severity: str) -> None:
    """It took 31 iterations to heal; validation allows for 5 %."""
    loss = [*wavy(100, 1.0), *[9.0] * 30, *wavy(120, 1.0)]
    validation = {50: 2.0, 99: 1.0, 110: 8.0, 199: after, 249: 3.0}
    finding = the(verdict("BKS202", {"loss": loss, "val_loss": validation}))
    assert (finding.iteration, finding.severity) == (100, severity)


def hurt(high: int, after: float, rest: int = 200) -> list[float]:
    """A loss that falls to 1, is at 9 for a while, and goes on from there."""
    return [*wavy(60, 4.0), *wavy(100, 1.0), *[9.0] * high, *wavy(30, 1.0), *wavy(rest, after)]


@pytest.mark.parametrize(("after", "severity"), [(0.94, "info"), (0.98, "warning")])
def test_a_spike_after_which_the_loss_falls_lower_is_a_note(after: float, severity: str) -> None:
    """It took 32 iterations to heal. By 5 % is lower."""
    finding = the(verdict("BKS202", {"loss": hurt(30, after)}))
    assert (finding.severity, finding.outcome["recovered"]) == (severity, "after 32 iterations")
    late = [*hurt(30, 1.0, 90), *wavy(100, 0.5)]  # another 100 iterations after it was over
    assert the(verdict("BKS202", {"loss": late})).severity == "warning"


def told_live(signals: Series, code: str = "BKS202") -> list[tuple[int, str]]:
    """When a judge tells of it, and how grave it is then."""
    judge = Judge()
    told: list[tuple[int, str]] = []
    rare = {name: values for name, values in signals.items() if isinstance(values, dict)}
    for at, loss in enumerate(signals["loss"]):
        values = {"loss": loss, **{name: known[at] for name, known in rare.items() if at in known}}
        told += [(at, f.severity) for f in judge.update(at, values) if f.code == code]
    return told


def test_a_spike_is_a_note_until_it_is_known_what_it_cost() -> None:
    first = (160, "info")
    assert told_live({"loss": hurt(5, 1.0)}) == [first]  # it healed
    assert told_live({"loss": hurt(30, 0.9)}) == [first]  # it went on
    # It was over at 192, and did not go on within 100 iterations.
    assert told_live({"loss": hurt(30, 1.0)}) == [first, (292, "warning")]
    assert told_live({"loss": hurt(150, 1.0)}) == [first, (260, "error")]  # 100 after its first
    validated = {"loss": hurt(30, 1.0), "val_loss": {100: 1.0, 300: 1.0}}
    assert told_live(validated) == [first]
    validated = {"loss": hurt(30, 1.0), "val_loss": {100: 1.0, 300: 1.2}}
    assert told_live(validated) == [first, (300, "warning")]


def test_single_losses_that_were_high_before_are_the_tail_of_the_run() -> None:
    """Two that healed: a third is no news, unless it is more than twice as high, or stays."""
    usual = wavy(80, 1.0)
    twice = [9.0, *usual, 9.0, *usual]
    assert the(verdict("BKS202", {"loss": [*usual, *twice, 15.0, *usual]})).count == 2
    assert the(verdict("BKS202", {"loss": [*usual, *twice, 20.0, *usual]})).count == 3
    stays = the(verdict("BKS202", {"loss": [*usual, *twice, *[9.0] * 40, *usual]}))
    assert (stays.count, stays.severity) == (3, "warning")


def test_a_loss_with_a_long_upper_tail_is_no_spike_where_tails_usually_end() -> None:
    """Every eighth batch is a bad one: the spread of most does not know it, the tail does."""
    losses = [4.0 if i % 8 == 7 else x for i, x in enumerate(wavy(160, 1.0))]
    assert not verdict("BKS202", {"loss": [9.0, *losses, 6.0, *losses]}).findings
    assert verdict("BKS202", {"loss": [9.0, *wavy(160, 1.0), 6.0, *losses]}).findings


def test_three_in_a_row_are_held_against_what_was_before_them() -> None:
    """Their own height is nothing usual: with it the last 20 are half as wide again."""
    usual = [2.4, 2.5, 2.6, 2.7, 2.8] * 40  # a spread of 0.148
    assert not verdict("BKS202", {"loss": [*usual, 3.9, 3.9, *usual]}).findings
    spiked = the(verdict("BKS202", {"loss": [*usual, 3.9, 3.9, 3.5, *usual]}))
    assert spiked.iteration == 202


def test_two_spikes_are_one_finding_seen_twice() -> None:
    loss = [*wavy(100, 4.0), 12.0, *wavy(99, 4.0), 20.0, *wavy(60, 4.0)]
    finding = the(verdict("BKS202", {"loss": loss}))
    assert (finding.iteration, finding.last, finding.count) == (100, 200, 2)
    assert finding.evidence["loss"] == 12.0


@pytest.mark.parametrize("rest", [0.0, 1e-300])
def test_a_loss_of_exactly_zero_and_then_not(rest: float) -> None:
    """A hinge, a batch learned by heart: nothing varies, and nothing may be divided by that."""
    finding = the(verdict("BKS202", {"loss": falling(100) + [rest] * 60 + [5.0] + [rest] * 30}))
    assert finding.iteration == 160


def test_all_zero_losses_are_fine() -> None:
    found = judged({"loss": [0.0] * 1000, "grad_norm": [0.0] * 1000})
    assert {f.code for f in found.findings} <= {"BKS302"}
    judged({"loss": [0.0] * 100 + [1e-300] + [0.0] * 100})


@pytest.mark.long
@pytest.mark.parametrize("exponent", [-900, -20, 20, 900])
def test_the_unit_of_the_loss_does_not_matter(exponent: int) -> None:
    """A power of two is exact: every rule says the same of every loss, in any unit."""
    losses = [case.sick["loss"] for case in CASES if isinstance(case.sick.get("loss"), list)]
    for loss in (*losses, falling(900), [*wavy(5, 4.0), 20.0, *wavy(50, 4.0)]):
        plain = judged({"loss": loss}).findings
        scaled = judged({"loss": [x * 2.0**exponent for x in loss]}).findings
        assert [(f.code, f.iteration, f.count, f.resolved_at) for f in plain] == [
            (f.code, f.iteration, f.count, f.resolved_at) for f in scaled
        ]


def test_a_loss_may_be_negative() -> None:
    """A log density: from -1 down to -4."""
    down = [x - 5 for x in falling(1000)]
    assert {f.code for f in judged({"loss": down}).findings} <= {"BKS303"}
    spiked = [*down[:700], 3.0, *down[700:]]
    assert the(verdict("BKS202", {"loss": spiked})).iteration == 700
    lost = [*down[:700], *wavy(200, -1.0)]
    assert the(verdict("BKS204", {"loss": lost})).evidence["since"] == 710
    assert verdict("BKS302", {"loss": wavy(900, -2.0)}).findings


def test_a_negative_baseline_is_one_too() -> None:
    facts = Facts(baseline=-2.0)
    assert verdict("BKS302", {"loss": wavy(900, -2.0, 0.001)}, facts=facts).findings
    assert not verdict("BKS302", {"loss": wavy(900, -3.0, 0.001)}, facts=facts).findings
    series = {"loss": wavy(200, -2.0, 0.001), "reach/rnn": every(10, [FADES] * 20)}
    assert verdict("BKS101", series, facts=Facts(lag=50, baseline=-2.0)).findings


def test_divergence_passes() -> None:
    one = verdict("BKS203", {"loss": stepped((60, 2.0), (40, 3.0), (60, 2.0))})
    # High from 70; of the last 20 the median is low again once 10 are: 109 (between: the mean).
    assert one.outcome == "healthy"
    assert the(one).iteration == 89
    assert the(one).resolved_at in (109, 110)


def test_a_collapse_that_comes_back_is_over() -> None:
    one = verdict("BKS204", {"loss": stepped((40, 4.0), (60, 1.0), (80, 3.9), (60, 1.0))})
    assert one.outcome == "healthy"
    assert the(one).resolved_at in (189, 190)


def test_since_is_when_it_was_so_also_where_the_loss_is_seldom_recorded() -> None:
    loss = every(10, stepped((60, 2.0), (60, 3.0)))
    assert the(verdict("BKS203", {"loss": loss})).evidence["since"] == 700


def test_a_plateau_counts_what_was_recorded_where_the_loss_is_seldom() -> None:
    """60 losses, one every 20 iterations: the best is 45 losses old, of 60."""
    loss = every(20, [*wavy(20, 4.0), *([1.0] * 20), *wavy(20, 1.2)])
    assert not verdict("BKS303", {"loss": loss}).findings


def test_a_loss_that_is_noisy_may_learn_too() -> None:
    """Batches of one: a loss that varies by 40 % around a mean that falls from 4 to 0.4."""
    rng = np.random.default_rng(0)
    loss = (0.4 + 3.6 * np.exp(-np.arange(2000) / 100)) * rng.gamma(6, 1 / 6, 2000)
    series = {
        "loss": loss, "reach/rnn": every(10, [FADES] * 200),
        "update_ratio/w": every(10, [1e-5] * 200),
    }  # fmt: skip
    assert not {f.code for f in judged(series).findings} & {"BKS101", "BKS302", "BKS405"}


def test_a_loss_that_falls_within_twenty_iterations_has_learned() -> None:
    """From 4 to 1 in ten iterations: where it began is 4, whatever the median of 20 says."""
    loss = [1 + 3 * math.exp(-i / 2) + x for i, x in enumerate(wavy(1200, 0.1, 0.2))]
    assert not {f.code for f in judged({"loss": loss}).findings} & {"BKS302"}


def test_no_learning_is_over_once_it_learns() -> None:
    one = verdict("BKS302", {"loss": stepped((900, 1.0), (200, 0.5))})
    assert one.outcome == "healthy"
    # The median of the last 100, which noise does not move, is down once 50 of them are.
    assert (the(one).iteration, the(one).count) == (799, 150)
    assert the(one).resolved_at in (949, 950)


def test_a_known_baseline_is_what_is_held_against() -> None:
    """It fell from 4 to 2, which is what guessing gives."""
    loss = stepped((30, 4.0), (900, 2.0))
    assert not verdict("BKS302", {"loss": loss}).findings
    finding = the(verdict("BKS302", {"loss": loss}, facts=Facts(baseline=2.0)))
    assert finding.iteration == 799
    assert finding.evidence["memoryless baseline"] == 2.0
    assert not verdict("BKS302", {"loss": loss}, facts=Facts(baseline=2.1)).findings


@pytest.mark.some(2)
@pytest.mark.parametrize("baseline", [None, 1.0])
@pytest.mark.parametrize("noise", [0.03, 0.1, 0.3])
def test_no_learning_is_seen_through_noise(noise: float, baseline: float | None) -> None:
    """A mean that never moves in 5,000 iterations, however the batches vary."""
    loss = 1 + np.random.default_rng(1).normal(0, noise, 5000)
    assert verdict("BKS302", {"loss": loss}, facts=Facts(baseline=baseline)).findings


def test_precursor_tells_its_lead() -> None:
    series = dict(chain(1.5, 8.0, after=10))
    series["loss"] = [*wavy(180), *[50.0] * 20]
    finding = the(verdict("BKS206", {n: v[:200] for n, v in series.items()}))
    # The third of the five newest norms is high at 162.
    assert finding.iteration == 162
    assert finding.outcome == {"lead": 180 - 162}


@pytest.mark.parametrize(
    ("high", "loss", "severity"),
    [
        *((10, [], "info"), (80, [], "warning")),
        *((10, [50.0] * 2, "info"), (10, [50.0] * 40, "warning"), (10, [NAN] * 2, "warning")),
    ],
)
def test_a_precursor_that_nothing_has_come_of_is_a_note(
    high: int, loss: list[float], severity: str
) -> None:
    norms = [0.5 * (40.0 if 150 <= i < 150 + high else 1.0) for i in range(300)]
    losses = [*wavy(156), *loss, *wavy(144 - len(loss))]
    one = the(verdict("BKS206", {"loss": losses, "grad_norm": norms}))
    assert (one.severity, one.resolved_at is not None) == (severity, True)


def test_precursor_needs_both_near_each_other() -> None:
    assert not verdict("BKS206", chain(1.0, 8.0)).findings
    assert not verdict("BKS206", chain(1.5, 1.0)).findings
    assert not verdict("BKS206", chain(1.1, 8.0)).findings


def test_precursor_without_states_needs_a_larger_gradient() -> None:
    for times, fires in ((20.0, False), (40.0, True)):
        norms = [0.5 * (times if i >= 150 else 1.0) for i in range(200)]
        found = verdict("BKS206", {"loss": wavy(200), "grad_norm": norms}).findings
        assert bool(found) == fires


def test_more_context_than_one_step_is_no_pattern_above_the_guess() -> None:
    """Where the loss with the whole context is that of guessing, nothing was learned."""
    series = asked([3.0, 2.0, 1.0, 1.0, 1.0], [1, 2, 4, 8, 64])
    for guess, fires in ((1.2, True), (0.99, False)):
        told = verdict("BKS301", series, facts=Facts(lag=50, baseline=guess))
        assert bool(told.findings) == fires


def test_precursor_is_silent_while_the_loss_falls() -> None:
    """Where learning takes off states and gradients grow, too."""
    series = chain(1.5, 8.0, count=200)
    falls = [x - 0.01 * max(0, i - 140) for i, x in enumerate(series["loss"])]
    assert not verdict("BKS206", {**series, "loss": falls}).findings


@pytest.mark.parametrize(("drop", "fires"), [(0.3, False), (0.015, True)])
def test_precursor_is_silent_where_the_loss_has_just_begun_to_fall(
    drop: float, fires: bool
) -> None:
    """Four of the last five are lower, but the median of twenty is not; less is noise."""
    series = {name: values[:163] for name, values in chain(1.5, 8.0, after=10).items()}
    series["loss"] = [x - drop * (i >= 159) for i, x in enumerate(series["loss"])]
    assert bool(verdict("BKS206", series).findings) == fires


def test_precursor_is_silent_once_the_loss_has_gone() -> None:
    series = dict(chain(1.5, 8.0, after=0))
    series["loss"] = [*wavy(148), *[50.0] * 152]
    assert not verdict("BKS206", series).findings


def test_steps_that_only_become_smaller_do_not_grow_however_large() -> None:
    falls = every(10, [0.5 * 0.9**i for i in range(40)])
    assert verdict("BKS207", {"update_ratio/w": falls}).outcome == "healthy"


@pytest.mark.parametrize(("highest", "fires"), [(0.01, False), (0.05, True)])
def test_a_warm_up_is_no_runaway_until_its_steps_are_large(highest: float, fires: bool) -> None:
    rises = every(10, [highest * i / 30 for i in range(40)])
    assert bool(verdict("BKS207", {"update_ratio/w": rises}).findings) == fires


def test_a_warm_up_that_ends_is_no_runaway_and_a_rate_that_grows_by_a_fraction_is() -> None:
    """Steps as large as the rate makes them: up to 130 in a straight line, and by 2 % each time."""
    straight = [min(1.0, (i + 1) / 130) for i in range(400)]
    steeper = [0.002 * 1.02**i for i in range(400)]
    for rates, size, fires in (
        (straight, 0.06, False), (straight, 0.25, False), (steeper, 0.05, True),
    ):  # fmt: skip
        steps = every(10, [size * rate for rate in rates[::10]])
        series = {"update_ratio/w": steps, "loss": wavy(400), "lr": rates}
        assert bool(verdict("BKS207", series).findings) == fires, size
    run_away = [r * (1.0 if i < 130 else 4.0) for i, r in enumerate(straight)]  # and no other rate
    steps = every(10, [0.02 * step for step in run_away[::10]])
    series = {"update_ratio/w": steps, "loss": wavy(400), "lr": straight}
    assert verdict("BKS207", series).findings


@pytest.mark.parametrize("known", [True, False])
def test_a_rise_of_a_schedule_that_ends_is_no_runaway(known: bool) -> None:
    """Half a cosine, up to 25 times what it begins with, of a schedule three times as long."""
    rates = [0.04 + 0.48 * (1 - math.cos(math.pi * min(i, 130) / 130)) for i in range(200)]
    series = {"update_ratio/w": every(10, [0.05 * r for r in rates[::10]]), "loss": wavy(200)}
    share = {"schedule_share": every(10, [i / 390 for i in range(0, 200, 10)])} if known else {}
    assert bool(verdict("BKS207", series | share | {"lr": rates}).findings) != known


@pytest.mark.parametrize(("again", "fires"), [(1.0, False), (4.0, True)])
def test_a_rate_that_is_back_where_it_was_is_no_runaway(again: float, fires: bool) -> None:
    """A warm restart, after which the rate has what it had before, or four times as much."""
    rates = [0.5 + 0.49 * math.cos(math.pi * (i % 100) / 100) for i in range(300)]
    rates = [rate * (again if i >= 200 else 1.0) for i, rate in enumerate(rates)]
    series = {"update_ratio/w": every(10, [0.06 * r for r in rates[::10]]), "loss": wavy(300)}
    assert bool(verdict("BKS207", series | {"lr": rates}).findings) == fires


@pytest.mark.parametrize(
    ("falls", "fires"),
    [
        (lambda i: -0.01 * i**1.5, True),
        (lambda i: -0.01 * min(i, 128) ** 1.5 - max(0, i - 128) * 0.15, True),  # then evenly
        (lambda i: -20 * math.log(1 + i), False),  # a density that becomes narrower
        (lambda i: 30 - 0.001 * i**1.5, False),
        (lambda i: -0.01 * i**1.5 if i < 150 else -18.0, False),
    ],
)
def test_a_loss_that_falls_ever_faster_is_a_note(
    falls: Callable[[int], float], fires: bool
) -> None:
    looks = (*range(6), *(2**k for k in range(3, 9)))
    series = {"loss": [falls(i) for i in range(300)], "loss_unbounded": dict.fromkeys(looks, 0.0)}
    lasts = [one for one in verdict("BKS429", series).findings if one.resolved_at is None]
    assert [(one.severity, "falls without slowing down" in one.message) for one in lasts] == (
        [("info", True)] * fires
    )


@pytest.mark.parametrize(("left", "fires"), [(0.08, True), (0.15, False)])
def test_decay_that_leaves_next_to_nothing_is_told_although_the_loss_has_fallen(
    left: float, fires: bool
) -> None:
    series = {
        "decay_ratio": every(10, [20.0] * 12),
        "decayed_norm": every(10, [7 * left ** min(1.0, i / 8) for i in range(12)]),
        "loss": falling(120),
    }
    found = verdict("BKS427", series).findings
    assert ["has fallen from 7 to 0.56" in one.message for one in found] == [True] * fires


@pytest.mark.parametrize(("falls", "fires"), [(0.005, True), (0.05, False)])
def test_large_steps_that_pay_are_no_runaway(falls: float, fires: bool) -> None:
    """Learning that takes off: steps and gradients grow, and the loss falls."""
    loss = [4 * (1 + falls) - 4 * falls * max(0, i - 60) / 25 for i in range(200)]
    assert bool(verdict("BKS207", {"loss": loss, **growing(0.04)}).findings) == fires


@pytest.mark.parametrize(("after", "severity"), [(150, "info"), (195, "warning")])
def test_large_steps_after_which_learning_takes_off_are_a_note(after: int, severity: str) -> None:
    loss = [4 - 2 * min(max(0, i - after) / 20, 1) for i in range(220)]  # down to 2
    steps = every(10, [0.05] * 3 + [0.005] * 8 + [0.04] * 11)
    one = the(verdict("BKS207", {"loss": loss, "update_ratio/w": steps}))
    assert (one.iteration, one.severity) == (140, severity)
    again = [*loss, *[2.0] * 200]
    longer = {**steps, **{10 * i: 0.04 for i in range(22, 42)}}
    assert the(verdict("BKS207", {"loss": again, "update_ratio/w": longer})).severity == "warning"


def test_weights_that_rested_say_nothing_of_steps() -> None:
    rested = every(10, [0.0] * 8 + [0.05] * 20)
    assert verdict("BKS207", {"update_ratio/w": rested}).outcome == "healthy"


def test_one_large_step_is_no_growth_and_growth_may_be_over() -> None:
    large = {**growing(0.005)["update_ratio/w"], 140: 0.9, 150: 0.9}
    assert not verdict("BKS207", {"update_ratio/w": large}).findings
    steps = every(10, [0.005] * 8 + [0.05] * 6 + [0.005] * 6)
    one = verdict("BKS207", {"update_ratio/w": steps})
    assert one.outcome == "healthy"
    assert (the(one).iteration, the(one).resolved_at) == (110, 150)
    noise = [0.0118, 0.0073, 0.006, 0.0068, 0.0162, 0.0166, 0.0095, 0.026, 0.0238, 0.0066]
    noise += [0.01, 0.0283, 0.0067, 0.022, 0.01, 0.0083, 0.0096, 0.01]
    assert not verdict("BKS207", {"update_ratio/w": every(10, noise)}).findings


@pytest.mark.parametrize(
    ("series", "named"),
    [
        (ran_ahead(8.0), "rnn.l0.forget"),
        (ran_ahead(20.0, other=9.0), ""),  # twice as fast, but not twice as far
        (ran_ahead(20.0, other=9.0, moved=0.9), "rnn.l0.forget"),
        (ran_ahead(16.0, other=9.0, moved=0.9), ""),
        (ran_ahead(8.0, moved=0.02), ""),
        (ran_ahead(NAN), ""),
    ],
)
def test_who_grew_first_is_named_only_where_it_is_ahead_in_both(series: Series, named: str) -> None:
    found = verdict("BKS208", series).findings
    assert [f.module for f in found] == ([named] if named else [])


def test_of_gates_that_grew_alike_in_one_layer_the_layer_is_named() -> None:
    series = {name.replace("l1", "l0"): s for name, s in ran_ahead(8.0, other=9.0).items()}
    finding = the(verdict("BKS208", series))
    assert finding.module == "rnn.l0"
    assert finding.message.startswith("the weights of rnn.l0 grew first")


@pytest.mark.parametrize(("before", "named"), [(5.5, "rnn.l0.forget"), (9.0, "rnn.l1.input")])
def test_a_gate_that_rests_again_is_passed_over_for_one_that_grew_far_more(
    before: float, named: str
) -> None:
    """That of ``rnn.l1`` at 80, then that of ``rnn.l0`` at 100, with 12 times the usual."""
    series: dict[str, Any] = dict(ran_ahead(12.0))
    series["gate_growth/rnn.l1.input"] = series["gate_growth/rnn.l1.input"] | {80: before}
    series["gate_moved/rnn.l1.input"] = series["gate_moved/rnn.l1.input"] | {80: 0.2}
    assert the(verdict("BKS208", series)).module == named


def ran_ahead_at(at: int, norms: list[float]) -> dict[str, Any]:
    """The same, where the gate is seen at another iteration."""
    moved = {
        name: {i: v for i, v in values.items() if i < 100} | {at: values[100], at + 1: 0.0}
        for name, values in ran_ahead(8.0).items()
        if isinstance(values, dict)
    }
    return {**moved, "grad_norm": norms}


def test_what_grew_long_before_or_after_the_explosion_is_not_its_origin() -> None:
    late = {**ran_ahead(8.0), "grad_norm": [1.0] * 50 + [12.0] * 55}  # nothing had grown then
    assert not verdict("BKS208", late).findings
    for after, named in ((60, True), (80, False)):
        early = ran_ahead_at(100, [1.0] * (100 + after) + [12.0] * 5)
        early["gate_growth/rnn.l1.input"] |= {100 + after: 1.0}
        assert bool(verdict("BKS208", early).findings) is named


@pytest.mark.parametrize("code", ["BKS201", "BKS203"])
def test_an_explosion_names_what_grew_first_before_it(code: str) -> None:
    """The gate at 97, the explosion from 100 on."""
    after = [NAN] * 5 if code == "BKS201" else [50.0] * 60
    series = ran_ahead_at(97, [1.0] * 98 + [12.0] * (2 + len(after)))
    series["loss"] = [*wavy(100), *after]
    told, plain = the(verdict(code, series)), {n: s for n, s in series.items() if "gate" not in n}
    assert told.evidence["grew first"] == "rnn.l0.forget"
    before = int(told.evidence.get("since", told.iteration)) - 97
    added = f"; the weights of rnn.l0.forget grew first, {before} iterations before (BKS208)"
    assert told.message == the(verdict(code, plain)).message + added


def test_short_term_where_no_lag_is_known_asks_how_far_the_gradient_reaches() -> None:
    """Usable: 4 of 256, below 5 %. A gradient that reaches 80 steps is no reason for that."""
    losses, lengths = [3.0, 2.0, 1.0, 1.0, 1.0], [1, 2, 4, 64, 256]
    series = asked(losses, lengths)
    near = np.where(np.arange(101) <= 3, 1.0, 1e-6)
    far = np.where(np.arange(101) <= 80, 1.0, 1e-6)
    assert verdict("BKS301", series).findings
    assert verdict("BKS301", {**series, "reach/rnn": {50: near}}).findings
    assert not verdict("BKS301", {**series, "reach/rnn": {50: far}}).findings


MEMORY_LAGS = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 100.0]


def held(memory: Sequence[float], layer: str = "rnn") -> Series:
    """What the state of a layer holds, every 20 iterations."""
    return {
        f"memory/{layer}": every(20, [memory] * 15),
        f"memory_lag/{layer}": every(20, [MEMORY_LAGS] * 15),
    }


FORGETS = [0.6, 0.4, 0.2, 0.05, 0.01, 0.0, 0.0, 0.0]
HOLDS = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.0]


LEARNED = falling(300, tau=10.0)
"""From 4 to 1, where it is from iteration 60 on."""


def test_a_short_memory_by_itself_is_a_note() -> None:
    """A task may need no more, and nobody knows: from iteration 100 on, which is a sample."""
    series = {"loss": LEARNED, "reach/rnn": {50: FADES}, **held(FORGETS)}
    one = the(verdict("BKS301", series))
    assert (one.iteration, one.module, one.severity, one.count) == (100, "rnn", "info", 10)
    assert one.message == (
        "the state of rnn holds the last 8 of 100 steps, no layer holds more, and no gradient "
        "reaches back more than 7; whether the task needs more is not known"
    )
    assert (one.evidence["memory length"], one.evidence["horizon"]) == (8.0, 7.0)
    untaught = the(verdict("BKS301", {**series, **held(HOLDS)}))
    assert untaught.severity == "info"
    assert untaught.message == (
        "no gradient reaches back more than 7 steps, although the state of rnn holds more than 64 "
        "of 100 steps; whether the task needs more is not known"
    )


def test_a_short_memory_is_a_warning_where_the_loss_stays_at_the_best_guess() -> None:
    """After 800 losses: it was a note before. Of a loss that is better, it stays one."""
    series = {
        "loss": falling(1200, tau=10.0), "guess_loss": {50: 1.02}, "reach/rnn": {50: FADES},
        "memory/rnn": every(100, [FORGETS] * 12), "memory_lag/rnn": every(100, [MEMORY_LAGS] * 12),
    }  # fmt: skip
    one = the(verdict("BKS301", series))
    assert (one.iteration, one.severity) == (100, "warning")
    assert one.message.endswith(
        "the loss stays at 1.02, and 1.02 is that of the best constant answer"
    )
    early = {**series, "loss": falling(1200, tau=10.0)[:790]}
    early["memory/rnn"] = every(100, [FORGETS] * 7)
    early["memory_lag/rnn"] = every(100, [MEMORY_LAGS] * 7)
    assert the(verdict("BKS301", early)).severity == "info"
    assert the(verdict("BKS301", {**series, "guess_loss": {50: 1.1}})).severity == "info"
    later = {**series, "memory/rnn": every(100, [FORGETS] * 11 + [HOLDS]),
             "reach/rnn": {50: FADES, 1100: REACHES}}  # fmt: skip
    assert verdict("BKS301", later).outcome == "healthy"


def test_a_short_memory_is_noted_of_a_loss_that_has_never_left_the_best_guess() -> None:
    series = {"loss": wavy(500), "reach/rnn": {50: FADES},
              "memory/rnn": every(50, [FORGETS] * 10),
              "memory_lag/rnn": every(50, [MEMORY_LAGS] * 10)}  # fmt: skip
    level = float(np.mean(wavy(500)))
    one = the(verdict("BKS301", {**series, "guess_loss": {50: level}}))
    assert (one.iteration, one.severity) == (350, "info")
    for other in ({}, {"guess_loss": {50: 1.2 * level}}, {"guess_loss": {50: 0.8 * level}}):
        assert verdict("BKS301", {**series, **other}).outcome == "healthy"


@pytest.mark.parametrize(
    ("ratio", "guess", "losses", "severities"),
    [
        (6e-5, 0.2, 450, ["warning"]),
        (6e-5, 0.9, 450, ["info"]),
        (6e-5, 0.2, 390, []),
        (2e-4, 0.2, 450, []),
    ],
)
def test_steps_that_do_not_even_learn_a_constant_are_too_small(
    ratio: float, guess: float, losses: int, severities: list[str]
) -> None:
    steps = every(10, [ratio] * (losses // 10))
    series = {"loss": wavy(losses), "update_ratio/w": steps, "guess_loss": {0: guess}}
    assert [one.severity for one in verdict("BKS405", series).findings] == severities


@pytest.mark.parametrize(("level", "fires"), [(0.99, True), (0.9, False)])
def test_wide_weights_that_learn_a_constant_alone_are_found(level: float, fires: bool) -> None:
    series = {"loss": falling(400, 2.0, level, 20), "initial_gain/w": {0: 6.0},
              "update_ratio/w": every(10, [1e-3] * 40), "guess_loss": {0: 1.0}}  # fmt: skip
    found = verdict("BKS439", series).findings
    assert ["nothing but a constant" in one.message for one in found] == [True] * fires


def test_units_that_began_alike_and_part_are_a_note() -> None:
    parts = {"units_alike/rnn": {0: 24.0, 1: 24.0, 2: 0.0, 4: 0.0}}
    one = the(verdict("BKS436", parts))
    assert (one.severity, one.count) == ("info", 2)
    assert "began with the same weights" in one.message
    late = {"units_alike/rnn": {0: 24.0, 1: 24.0, 2: 24.0, 4: 0.0}}
    assert the(verdict("BKS436", late)).resolved_at == 4
    for healthy in ({0: 0.0, 1: 0.0, 2: 0.0}, {0: 0.0, 1: 24.0, 2: 0.0}):
        assert verdict("BKS436", {"units_alike/rnn": healthy}).outcome == "healthy"


def test_a_gradient_alone_is_noted_of_a_loss_that_has_never_left_the_best_guess() -> None:
    """Of a loop by hand, whose states nobody can run again."""
    loss, short = wavy(500), {"reach/loop:w": every(50, [FADES] * 10)}
    guess = {"guess_loss": {50: float(np.mean(loss))}}
    assert the(verdict("BKS301", {"loss": loss, **short, **guess})).iteration == 350
    for other in ({"guess_loss": {50: 2 * guess["guess_loss"][50]}}, {"loss": wavy(340)}):
        assert not verdict("BKS301", {"loss": loss, **short, **guess, **other}).findings


ALIKE = {"memory_alike/rnn": {0: 50.0}, "guess_loss": {0: float(np.mean(wavy(500)))}}
"""Sequences that end in a pause of 50 steps, and a loss at the best constant answer."""


@pytest.mark.parametrize(
    ("losses", "row", "severity"),
    [
        (400, FADES, "error"),
        (400, 0.85 ** np.arange(101), "info"),
        (900, 0.85 ** np.arange(101), "warning"),
    ],
)
def test_sequences_that_are_alike_in_their_last_steps_say_what_is_needed(
    losses: int, row: Any, severity: str
) -> None:
    series = {"loss": wavy(losses), "reach/rnn": every(50, [row] * (losses // 50)), **ALIKE}
    one = the(verdict("BKS101", series))
    assert (one.iteration, one.severity, one.evidence["needed lag"]) == (350, severity, 50.0)
    assert "alike in their last 50 steps" in one.message


def test_what_sequences_need_accuses_nothing_that_learns_or_reaches() -> None:
    """A loss that has left the guess, a gradient that arrives, in most samples or through another
    layer, sequences that differ at once or not at all, no guess, too few losses."""
    series = {"loss": wavy(400), "reach/rnn": every(50, [FADES] * 8), **ALIKE}
    above = {"loss": falling(400, 4.0, 1.0, 20)}
    assert verdict("BKS101", series).findings
    assert verdict("BKS101", {**series, **above}).findings
    for other in (
        {"loss": falling(400, 1.0, 0.1, 30)}, {"loss": wavy(340)}, {"guess_loss": {0: 9.0}},
        {"reach/rnn": every(50, [REACHES] * 8)}, {"reach/top": every(50, [REACHES] * 8)},
        {"reach/rnn": every(50, [FADES] * 4 + [REACHES] * 4)},
        {"memory_alike/rnn": {0: 0.0}}, {"memory_alike/rnn": {0: math.inf}},
    ):  # fmt: skip
        assert not verdict("BKS101", {**series, **other}).findings
    for missing in ALIKE:
        assert not verdict("BKS101", {k: v for k, v in series.items() if k != missing}).findings
    later = {**series, "loss": [*wavy(400), *falling(300, 1.0, 0.1, 30)]}
    later["reach/rnn"] = every(50, [FADES] * 14)
    assert verdict("BKS101", later).outcome == "healthy"


def test_a_short_memory_is_not_noted_where_anything_else_may_hold_more() -> None:
    """Another layer, a layer whose memory is not known, a gradient, a loss that falls or never has,
    a window of 19 steps."""
    series = {"loss": LEARNED, "reach/rnn": {50: FADES}, **held(FORGETS)}
    top = {**held(HOLDS, "top"), "reach/top": {50: REACHES}}
    for other in (top, {"reach/top": {50: REACHES}}, {"reach/rnn": {50: REACHES}}):
        assert verdict("BKS301", {**series, **other}).outcome == "healthy"
    for loss in (falling(300, tau=300.0), wavy(300)):
        assert verdict("BKS301", {**series, "loss": loss}).outcome == "healthy"
    lags = [*MEMORY_LAGS[:4], 19.0]
    near = {"memory/rnn": every(20, [[0.01, 0.0, 0.0, 0.0, 0.0]] * 15),
            "memory_lag/rnn": every(20, [lags] * 15)}  # fmt: skip
    few = {"loss": LEARNED, "reach/rnn": {50: 0.1 ** np.arange(19)}}
    assert verdict("BKS301", {**few, **near}).outcome == "healthy"
    longer = {**near, "memory_lag/rnn": every(20, [[*lags[:4], 20.0]] * 15)}
    assert verdict("BKS301", {**few, **longer}).findings
    unread = {name: of for name, of in series.items() if name != "reach/rnn"}
    assert verdict("BKS301", unread).outcome == "healthy"


def test_a_short_memory_is_not_noted_where_nothing_is_left_to_be_learned() -> None:
    """Below a hundredth of what the best constant answer loses."""
    series = {"loss": LEARNED, "reach/rnn": {50: FADES}, **held(FORGETS)}
    assert verdict("BKS301", {**series, "guess_loss": {50: 99.0}}).findings
    assert verdict("BKS301", {**series, "guess_loss": {50: 110.0}}).outcome == "healthy"
    assert verdict("BKS301", {**series, "guess_loss": {50: -1.0}}).findings


def test_a_short_memory_of_one_call_is_noted_of_all_that_the_gradient_is_followed_through() -> None:
    """Calls of 8 steps that hand their state on without its graph, 60 in a batch."""
    lags = MEMORY_LAGS[:4]
    series = {
        "loss": LEARNED, "reach/rnn": {50: np.where(np.arange(60) < 8, 1.0, 0.0)},
        "memory/rnn": every(20, [[0.9, 0.9, 0.8, 0.7]] * 15),
        "memory_lag/rnn": every(20, [lags] * 15),
    }  # fmt: skip
    one = the(verdict("BKS301", series))
    assert one.message == (
        "no gradient reaches back more than 7 of 60 steps; whether the task needs more is not known"
    )
    assert (one.severity, one.evidence["window"]) == ("info", 60.0)
    near = {"reach/rnn": {50: np.ones(8)}}
    assert verdict("BKS301", {**series, **near}).outcome == "healthy"


def test_where_no_state_can_be_run_again_the_gradient_alone_makes_a_note() -> None:
    """Never a warning; none of a graph that ends, a reach that is long, a loss that falls, or one
    that is next to nothing. Where a memory was measured before, its turn is awaited."""
    series = {"loss": LEARNED, "reach/loop:w": every(50, [FADES] * 6)}
    one = the(verdict("BKS301", series))
    assert (one.module, one.severity) == ("loop:w", "info")
    assert one.message == (
        "no gradient reaches back more than 7 of 101 steps of loop:w; what the state holds was not "
        "measured, and whether the task needs more is not known"
    )
    stuck = {**series, "loss": falling(1200, tau=10.0), "guess_loss": {50: 1.02},
             "reach/loop:w": every(100, [FADES] * 12)}  # fmt: skip
    assert the(verdict("BKS301", stuck)).severity == "info"
    for other in (
        {"graph_end/loop:w": {50: 30.0}}, {"guess_loss": {50: 110.0}},
        {"loss": falling(300, tau=300.0)}, {"reach/top": every(50, [REACHES] * 6)},
        {"reach/loop:w": every(50, [FADES[:19]] * 6)},
    ):  # fmt: skip
        assert not verdict("BKS301", {**series, **other}).findings
    for end in (-1.0, 100.0):
        assert verdict("BKS301", {**series, "graph_end/loop:w": {50: end}}).findings
    early = {"memory/top": {0: HOLDS}, "memory_lag/top": {0: MEMORY_LAGS}}
    assert not verdict("BKS301", {**series, **early}).findings


def test_a_short_memory_is_short_term_where_the_task_needs_more() -> None:
    """After 100 losses, for the third time: at iterations 100, 120 and 140."""
    series = {"loss": LEARNED, "reach/rnn": {50: FADES}, **held(FORGETS)}
    one = the(verdict("BKS301", series, facts=Facts(lag=50, baseline=1.0)))
    assert (one.iteration, one.module, one.severity) == (140, "rnn", "warning")
    assert "holds the last 8 of 100 steps" in one.message
    assert "the task needs 50, and the loss stays at " in one.message
    assert (one.evidence["memory length"], one.evidence["memory at the needed lag"]) == (8.0, 0.0)
    assert one.signals == ("memory/rnn", "loss")


def test_a_short_memory_is_short_term_where_the_loss_is_that_without_memory() -> None:
    """5 % of a window of 100 steps, of which the state holds nothing."""
    forgets = [0.05, 0.02, 0.005, *[0.0] * 5]
    series = {"loss": LEARNED, "reach/rnn": {50: 0.1 ** np.arange(101)}, **held(forgets)}
    assert verdict("BKS301", series, facts=Facts(baseline=1.0)).findings
    assert not verdict("BKS301", series, facts=Facts(baseline=1.2)).findings
    longer = {**series, **held(FORGETS)}
    assert not verdict("BKS301", longer, facts=Facts(baseline=1.0)).findings


def test_a_memory_is_not_short_term_where_anything_reaches_further() -> None:
    """The state of another layer, a readout that looks back, a bit that is held, a loss that falls,
    or never has, a task that is solved, a lag within the memory, a memory that is not finite."""
    facts = Facts(lag=50, baseline=1.0)
    series = {"loss": LEARNED, "reach/rnn": {50: FADES}, **held(FORGETS)}
    bit = [0.6, 0.4, 0.2, 0.08, 0.05, 0.05, 0.05, 0.0]
    for other in (held(HOLDS, "top"), {"reach/rnn": {50: REACHES}}, held(bit)):
        assert verdict("BKS301", {**series, **other}, facts=facts).outcome == "healthy"
    for loss in (falling(300, end=0.5, tau=10.0), falling(300, tau=300.0), wavy(300)):
        assert not verdict("BKS301", {**series, "loss": loss}, facts=facts).findings
    assert not verdict("BKS301", series, facts=Facts(lag=8, baseline=1.0)).findings
    broken = {**series, **held([*FORGETS[:-1], NAN])}
    assert verdict("BKS301", broken, facts=facts).outcome == "not finite"


def test_a_memory_that_grows_later_resolves_it() -> None:
    series = {"loss": LEARNED, "reach/rnn": {50: FADES}, **held(FORGETS)}
    series["memory/rnn"] = every(20, [FORGETS] * 12 + [HOLDS] * 3)
    one = verdict("BKS301", series, facts=Facts(lag=50, baseline=1.0))
    assert one.outcome == "healthy"
    assert (the(one).iteration, the(one).resolved_at) == (140, 240)


def test_short_contexts_are_learned_first_and_twice_is_not_short_term() -> None:
    lengths = [1, 2, 4, 8, 64]
    early, later = [3.0, 2.0, 1.0, 1.0, 1.0], [3.0, 2.0, 1.0, 0.8, 0.1]
    between = [3.0, 3.0, 3.0, 3.0, 3.0]
    for rows in ([early, early, later, early], [early, early, between, early]):
        series = {
            "context_loss": every(50, rows), "context_length": every(50, [lengths] * len(rows))
        }  # fmt: skip
        assert not verdict("BKS301", series, facts=Facts(lag=50)).findings


def test_a_model_that_learned_nothing_is_not_short_term() -> None:
    lengths = [1, 2, 4, 8, 64]
    series = {"context_loss": {9: [3.0] * 5}, "context_length": {9: lengths}}
    assert verdict("BKS301", series, facts=Facts(lag=50)).outcome == "healthy"
    series["context_loss"] = {9: [3.0, 2.0, NAN, 1.0, 1.0]}
    assert verdict("BKS301", series, facts=Facts(lag=50)).outcome == "not finite"


def test_a_cut_may_be_a_silent_batch_once() -> None:
    cut, whole = [1, 0.5, 0, 0], [1, 0.5, 0.2, 0.1]
    assert not verdict("BKS401", {"reach/rnn": every(10, [cut, whole] * 5)}).findings
    one = verdict("BKS401", {"reach/rnn": every(10, [cut, cut, cut, cut, whole])})
    assert (the(one).iteration, the(one).count, the(one).resolved_at) == (20, 2, 40)
    assert one.outcome == "healthy"


def test_a_cut_stays_at_its_place() -> None:
    """ReLUs that fall silent stop the gradient too, each time elsewhere."""

    def rows(*places: tuple[int, int]) -> Series:
        return {"reach/rnn": every(10, [[1.0] * (c + 1) + [0.0] * (n - c - 1) for c, n in places])}

    assert not verdict("BKS401", rows((5, 20), (9, 20), (9, 20), (7, 20), (5, 20))).findings
    assert verdict("BKS401", rows((5, 20), (9, 20), (9, 20), (9, 20))).findings
    # Windows of other lengths: cut at a lag, or at a step from the beginning.
    assert verdict("BKS401", rows((5, 20), (5, 30), (5, 25))).findings
    assert verdict("BKS401", rows((5, 20), (15, 30), (10, 25))).findings


def test_frozen_waits_for_a_learning_rate_and_for_company() -> None:
    still, moves = every(10, [0.0] * 6), every(10, [0.0, 0.0, 0.0, 1e-3, 1e-3, 1e-3])
    rates = every(10, [0.0, 0.0, 0.0, 0.1, 0.1, 0.1])
    series = {"update_ratio/a": still, "update_ratio/b": moves, "lr": rates}
    finding = the(verdict("BKS402", series))
    assert (finding.module, finding.iteration) == ("a", 50)
    assert not verdict("BKS402", {"update_ratio/a": still, "update_ratio/b": still}).findings


@pytest.mark.parametrize(
    ("still", "moves", "severity"),
    [
        ("rnn.weight_hh_l0", "head.weight", "error"),  # carries the state
        ("cell.inner.weight", "head.weight", "error"),
        ("head.weight", "head.bias", "error"),  # a matrix whose bias moves
        ("group0.4", "head.weight", "error"),  # of no module
        ("head.bias", "head.weight", "info"),  # cancels in a distance
        ("rnn.bias_hh_l0", "rnn.weight_hh_l0", "info"),
        ("embedding.weight", "head.weight", "info"),  # frozen
        ("other.bias", "head.bias", "info"),  # the head of another task
        ("frozen.weight_hh_l0", "head.weight", "error"),
    ],
)
def test_a_parameter_that_may_be_meant_to_rest_is_a_note(
    still: str, moves: str, severity: str
) -> None:
    series = {
        f"update_ratio/{still}": every(10, [0.0] * 5),
        f"update_ratio/{moves}": every(10, [1e-3] * 5),
        "hidden_norm/rnn.l0": every(10, [LEVELS] * 5), "hidden_norm/cell": every(10, [LEVELS] * 5),
    }  # fmt: skip
    assert the(verdict("BKS402", series)).severity == severity


def test_a_recurrent_layer_that_never_ran_with_gradients_is_frozen_on_purpose() -> None:
    """Its states are not observed where no gradient is wanted."""
    series = {
        "update_ratio/rnn.weight_hh_l0": every(10, [0.0] * 5),
        "update_ratio/head.weight": every(10, [1e-3] * 5),
    }
    assert the(verdict("BKS402", series)).severity == "info"


@pytest.mark.parametrize(
    ("norms", "said"),
    [
        ({"a": 0.0, "b": 1.0}, "steps; its gradient is exactly zero"),
        ({"b": 1.0}, "steps; it gets no gradient"),
        ({}, "steps"),
        ({"a": 0.5, "b": 1.0}, "steps"),
    ],
)
def test_a_parameter_that_never_moves_tells_of_its_gradient(
    norms: dict[str, float], said: str
) -> None:
    series = {"update_ratio/a": every(10, [0.0] * 5), "update_ratio/b": every(10, [1e-3] * 5)}
    series |= {f"grad_norm/{name}": every(10, [norm] * 5) for name, norm in norms.items()}
    assert the(verdict("BKS402", series)).message.endswith(said)


@pytest.mark.parametrize(
    ("norm", "moves", "severity"),
    [
        (None, ["heads.0.key.weight", "heads.1.write.weight"], "info"),
        (0.0, ["heads.0.key.weight", "heads.1.write.weight"], "error"),  # it is used
        (None, ["heads.0.key.weight", "heads.1.key.weight"], "error"),  # by none of them
        (None, ["heads.1.key.weight", "heads.1.write.weight"], "error"),  # all of it is idle
        (None, ["heads.0.write.bias", "heads.1.write.weight"], "error"),
    ],
)
def test_a_part_that_others_of_its_kind_use_may_be_spare(
    norm: float | None, moves: list[str], severity: str
) -> None:
    """What a head of a memory would write, of a head that reads."""
    still = "heads.0.write.weight"
    series = {f"update_ratio/{still}": every(10, [0.0] * 5)}
    for name in moves:
        series[f"update_ratio/{name}"] = every(10, [1e-3] * 5)
        series[f"grad_norm/{name}"] = every(10, [0.3] * 5)
    if norm is not None:
        series[f"grad_norm/{still}"] = every(10, [norm] * 5)
    series |= {f"hidden_norm/heads.{i}": every(10, [LEVELS] * 5) for i in (0, 1)}
    assert the(verdict("BKS402", series)).severity == severity


@pytest.mark.parametrize(
    ("gradient", "samples", "fires"),
    [(1e-12, 11, False), (1e-12, 12, True), (1e-3, 3, True), (0.0, 3, True)],
)
def test_a_gradient_that_is_lost_in_rounding_may_grow(
    gradient: float, samples: int, fires: bool
) -> None:
    """What reads a memory that is the same everywhere, until something is written to it."""
    series = {
        "update_ratio/head.weight": every(10, [0.0] * samples),
        "update_ratio/out.weight": every(10, [1e-3] * samples),
        "grad_norm/head.weight": every(10, [gradient] * samples),
        "grad_norm/out.weight": every(10, [0.3] * samples),
    }
    assert bool(verdict("BKS402", series).findings) == fires


@pytest.mark.parametrize(
    ("rate", "gradient", "samples", "fires"),
    [(0.0, 0.1, 6, False), (0.0, 0.1, 14, True), (0.0, 0.0, 6, True), (0.01, 0.1, 6, True)],
)
def test_a_group_may_be_thawed(rate: float, gradient: float, samples: int, fires: bool) -> None:
    """It begins at a learning rate of 0, and has a gradient."""
    series = {
        "update_ratio/rnn.weight_hh_l0": every(10, [0.0] * samples),
        "update_ratio/out.weight": every(10, [1e-3] * samples),
        "grad_norm/rnn.weight_hh_l0": every(10, [gradient] * samples),
        "grad_norm/out.weight": every(10, [0.3] * samples),
        "group_lr/group0": every(10, [0.01] * samples),
        "group_lr/group1": every(10, [rate] * samples),
    }
    assert bool(verdict("BKS402", series).findings) == fires


@pytest.mark.parametrize(
    ("gradient", "severity"), [(3e-7, "info"), (1e-3, "error"), (0.0, "error")]
)
def test_a_number_that_cancels_but_for_rounding_is_no_fault(gradient: float, severity: str) -> None:
    """Scale and offset of likenesses that a softmax compares: the offset is the same for all."""
    series = {
        "update_ratio/loss.offset": every(10, [0.0] * 12),
        "update_ratio/loss.scale": every(10, [1e-3] * 12),
        "grad_norm/loss.offset": every(10, [gradient] * 12),
        "grad_norm/loss.scale": every(10, [0.3] * 12),
    }
    assert the(verdict("BKS402", series)).severity == severity


@pytest.mark.parametrize(
    ("still", "spread", "taught", "severity"),
    [
        ("weight_ih_l0", 0.0, "dec", "info"),
        ("weight_ih", 0.0, "dec", "info"),  # a cell
        ("weight_ih_l1", 0.0, "dec", "error"),  # given the states of another
        ("weight_hh_l0", 0.0, "dec", "error"),
        ("weight_ih_l0", 1.0, "dec", "error"),
        ("weight_ih_l0", 0.0, "other", "error"),  # an encoder that is given no data
    ],
)
def test_a_decoder_that_is_fed_zeros_learns_nothing_of_its_input(
    still: str, spread: float, taught: str, severity: str
) -> None:
    other = still.replace("ih", "xx").replace("hh", "ih").replace("xx", "hh")
    series = {
        f"update_ratio/dec.{still}": every(10, [0.0] * 5),
        f"update_ratio/dec.{other}": every(10, [1e-3] * 5),
        f"grad_norm/dec.{still}": every(10, [0.0] * 5),
        f"grad_norm/dec.{other}": every(10, [0.3] * 5),
        "hidden_norm/dec.l0": every(10, [LEVELS] * 5),
        "input_spread/dec": every(10, [spread] * 5),
        f"state_taught/{taught}": every(10, [1.0] * 5),
    }
    finding = the(verdict("BKS402", series))
    assert finding.severity == severity
    assert ("nothing but zeros" in finding.message) == (severity == "info")


def test_a_group_whose_rate_is_zero_beside_one_that_moves_is_frozen() -> None:
    """``lr`` is the rate of the first group."""
    series = {
        "update_ratio/a": every(10, [0.0] * 5), "update_ratio/b": every(10, [1e-3] * 5),
        "lr": every(10, [0.0] * 5),
    }  # fmt: skip
    assert the(verdict("BKS402", series)).module == "a"


def test_looks_at_the_first_steps_of_epochs_alone_do_not_end_gradients_that_are_kept() -> None:
    """Zeroed once an epoch: all looks from the 32nd iteration on may fall on such a step."""
    series = {"gradient_left": every(10, [0.0] + [1.0] * 4 + [0.0] * 5)}
    assert the(verdict("BKS410", series)).resolved_at is None
    series = {"gradient_left": every(10, [0.0] + [1.0] * 4 + [0.0] * 12)}
    assert the(verdict("BKS410", series)).resolved_at == 120


@pytest.mark.parametrize(("share", "over"), [(0.07, False), (0.2, True)])
def test_steps_that_stay_too_small_are_over_once_much_is_learned(share: float, over: bool) -> None:
    """The frequencies of the answers alone are worth a twentieth."""
    loss = wavy(200) + [one * (1 - share) for one in wavy(300)]
    series = {"loss": loss, "update_ratio/w": every(10, [1e-6] * 50)}
    assert (the(verdict("BKS405", series)).resolved_at is not None) is over


def test_a_parameter_that_is_thawed_is_over() -> None:
    series = {
        "update_ratio/a": every(10, [1e-3] * 8),
        "update_ratio/b": every(10, [0.0] * 5 + [1e-3] * 3),
    }
    one = verdict("BKS402", series)
    assert one.outcome == "healthy"
    assert the(one).resolved_at == 50


def test_a_note_tells_what_is_known_before_no_learning_can_be_judged() -> None:
    """FADES reaches 7 of its 100 steps."""
    series = {"loss": wavy(400), "reach/rnn": every(10, [FADES] * 40)}
    one = verdict("BKS302", series)
    assert one.outcome == NOTHING
    assert one.reason.startswith("it needs 800 losses")
    note = the(one)
    assert (note.severity, note.iteration, note.last, note.count) == ("info", 399, 399, 1)
    assert note.message == (
        "no progress in 400 iterations; the gradient through time of rnn stays within 7 of 100 "
        "steps"
    )
    found = judged(series)
    assert [f.message for f in found.lasting if f.code == "BKS302"] == [note.message]
    assert not found.has_errors
    later = the(verdict("BKS302", {"loss": wavy(450)}))
    assert (later.iteration, later.last, later.count) == (399, 449, 51)
    assert later.message == "no progress in 450 iterations"
    assert not verdict("BKS302", {"loss": wavy(399)}).findings
    assert not verdict("BKS302", {"loss": [*wavy(450), *wavy(150, 0.5)]}).findings
    assert the(verdict("BKS302", {"loss": wavy(800)})).severity == "error"


def test_matrices_that_rest_tell_nothing_of_the_size_of_the_steps() -> None:
    """Two of three are frozen: steps of 0.2 are too large, and none is too small."""
    rest = {f"update_ratio/{name}": every(10, [0.0] * 15) for name in "ab"}
    series = {"loss": wavy(150), "update_ratio/c": every(10, [0.2] * 15), **rest}
    assert {f.code for f in judged(series).findings} & {"BKS404", "BKS405"} == {"BKS404"}
    usual = {"loss": wavy(150), "update_ratio/c": every(10, [1e-3] * 15), **rest}
    assert not {f.code for f in judged(usual).findings} & {"BKS404", "BKS405"}


def test_weights_that_rest_do_not_move_by_less_than_nothing() -> None:
    still = {"loss": wavy(150), **ratios(0.0, 15)}
    said = the(verdict("BKS405", still)).message
    assert said.startswith("a step does not move half of the weight matrices, and the loss has")


@pytest.mark.parametrize(("free", "fires"), [(4, True), (5, True), (6, False)])
def test_clipping_of_at_least_95_in_100(free: int, fires: bool) -> None:
    assert bool(verdict("BKS403", clipped(0.01, 100, free)).findings) == fires


@pytest.mark.parametrize(("clipped_of_ten", "fires"), [(0, False), (8, False), (9, True)])
def test_a_loss_scale_that_is_undone_is_no_clipping(clipped_of_ten: int, fires: bool) -> None:
    """Norms around 1 are divided by 1,024 and, of so many in ten, clipped at 0.5 then."""
    norms = [1.0 + i % 10 / 10 for i in range(120)]
    after = [0.5 if i % 10 < clipped_of_ten else x for i, x in enumerate(norms)]
    series = {"grad_norm": [1024 * x for x in norms], "grad_norm_applied": after}
    assert bool(verdict("BKS403", series).findings) == fires


def test_clipping_that_is_loosened_is_over() -> None:
    before, after = clipped(0.01, 150), clipped(1.0, 150)
    one = verdict("BKS403", {n: before[n] + after[n] for n in before})
    assert one.outcome == "healthy"
    assert the(one).resolved_at is not None


@pytest.mark.parametrize(
    ("floors", "severity"),
    [((1e-6,), "info"), ((1e-3,), "warning"), ((0.0,), "warning"), ((1e-6, 0.0), "warning")],
    ids=["Adam", "down to its ε", "SGD", "Adam and SGD"],
)
def test_clipping_that_the_optimizer_undoes_is_a_note(
    floors: tuple[float, ...], severity: str
) -> None:
    """What clipping leaves has the norm 0.01: with Adam, steps are as long as without it."""
    names = ("grad_norm_floor", "grad_norm_floor/2")
    known = {name: every(10, [floor] * 15) for name, floor in zip(names, floors, strict=False)}
    assert the(verdict("BKS403", {**clipped(0.01, 150), **known})).severity == severity


@pytest.mark.parametrize(
    ("start", "end", "severity"),
    [(10, 0.5, "info"), (10, 3.0, "warning"), (10, -20.0, "info"), (-20, -24.0, "warning")],
)
def test_clipping_of_a_loss_that_falls_to_a_tenth_is_a_note(
    start: float, end: float, severity: str
) -> None:
    """Below 0, too, where a density's loss may begin."""
    losses = [max(start - 10 * (1 - 0.9**n) - n * (end < 0), end) for n in range(150)]
    series = {**clipped(0.01, 150), "loss": losses}
    assert the(verdict("BKS403", series)).severity == severity


@pytest.mark.parametrize(
    ("row", "fires"),
    [
        ([0.0, 0.004, 0.3, 0.6, 0.8, 0.9, 1.0, 0.9, 0.8], False),  # what was written last
        ([0.0, 0.004, 0.012, 0.04, 0.1, 0.3, 1.0, 3.0, 9.0], True),
        ([1.0, 0.03, 0.03, 0.1, 0.7, 5.0, 30.0, 90.0, 200.0], True),
        ([1.0, 15.0, 225.0, 225.0, 225.0], False),
    ],
)
def test_a_gradient_that_is_even_but_for_the_newest_steps_does_not_grow(
    row: list[float], fires: bool
) -> None:
    assert bool(verdict("BKS102", {"reach/head": every(10, [row] * 5)}).findings) == fires


@pytest.mark.parametrize(
    ("row", "fires"),
    [
        ([1.0, 0.9, 1.2, 29.0, 28.0, 36.0, 94.0, 117.0, 171.0, 215.0, 69.0, 9.0], False),
        ([1.0, 1.0, 0.9, 300.0, 1.0, 1.0], False),
        ([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0], True),
        ([1.0, 11.0, 120.0, 1300.0], True),
        ([1.0, 2.0, INF, 4.0], None),
        ([1.0, 0.5, 0.3, 0.1], None),
    ],
)
def test_an_attention_that_picks_steps_is_no_explosion(
    row: list[float], fires: bool | None
) -> None:
    """At an embedded input; the states of a layer go through its matrix at each step."""
    rows = every(10, [row] * 5)
    found = verdict("BKS102", {"reach/input:embed": rows}).findings
    assert bool(found) == bool(fires)
    assert bool(verdict("BKS102", {"reach/rnn": rows}).findings) == (fires is not None)


def test_a_gradient_of_zero_is_not_clipped() -> None:
    series = {"grad_norm": [0.0] * 200, "grad_norm_applied": [0.0] * 200}
    assert not verdict("BKS403", series).findings


def test_updates_are_those_of_matrices() -> None:
    """A bias that begins at zero takes large steps, and is no sign of anything."""
    big, small = every(10, [5.0] * 20), every(10, [1e-3] * 20)
    series = {"update_ratio/w": small, "update_ratio/l.bias_hh_l0": big, "update_ratio/bias": big}
    assert not verdict("BKS404", series).findings


def test_a_warm_up_is_not_too_small() -> None:
    values = [1e-7 * 10 ** (i / 5) for i in range(30)]
    series = {"loss": falling(300, tau=150), "update_ratio/w": every(10, values)}
    assert not verdict("BKS405", series).findings


def test_input_that_is_not_finite_after_the_gradient_is_no_bad_data() -> None:
    series = {"grad_norm": [1.0] * 9 + [NAN] * 2, "input_spread/rnn": {0: 1.0, 10: NAN}}
    assert not verdict("BKS406", series).findings


def test_nor_is_it_healthy() -> None:
    series = {"grad_norm": [1.0] * 9 + [NAN] * 2, "input_spread/rnn": {0: 1.0, 10: NAN}}
    assert verdict("BKS406", series).outcome == "not finite"


def test_one_constant_input_beside_one_that_varies_is_no_constant_data() -> None:
    """A decoder that is fed zeros and lives on the state that the encoder hands it."""
    series = {
        "input_spread/encoder": every(10, [2.0] * 9), "input_spread/decoder": every(10, [0.0] * 9)
    }  # fmt: skip
    assert not [f for f in judged(series).findings if f.severity == "error"]


# -- thresholds are arguments -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("BKS101", Vanishing(share=0.99)), ("BKS102", Exploding(times=99.0)),
        ("BKS103", HiddenDrift(times=1.7)), ("BKS104", SaturatedUnits(nearly=0.84)),
        ("BKS105", WastedWindow(share=0.49)), ("BKS202", LossSpike(share=0.05, sigmas=3.0)),
        ("BKS203", Divergence(rise=0.1)), ("BKS204", Collapse(share=0.6)),
        ("BKS205", Oscillation(amplitude=0.04)), ("BKS206", Precursor(gradient=2.5)),
        ("BKS207", GrowingUpdates(ratio=0.019)), ("BKS208", GrewFirst(times=4.9)),
        ("BKS301", ShortTerm(share=1.5)), ("BKS302", NoLearning(share=0.1)),
        ("BKS303", Plateau(patience=400)), ("BKS304", PreviousValue(samples=1)),
        ("BKS403", Clipping(factor=0.04)),
        ("BKS404", LargeUpdates(ratio=0.09)), ("BKS405", SmallUpdates(ratio=4e-5)),
        ("BKS401", DetachedState(samples=1)), ("BKS402", Frozen(samples=2)),
        ("BKS407", ConstantInput(samples=2)), ("BKS408", LastColumn(samples=2)),
        ("BKS413", MixedSequences(samples=2)), ("BKS414", OneStepRead(samples=2)),
        ("BKS415", PaddingRead(share=0.08)), ("BKS416", PaddingPacked(share=0.08)),
        ("BKS417", RowsOutOfOrder(samples=2)), ("BKS418", StateCarried(samples=2)),
        ("BKS419", StateDrawn(samples=2)), ("BKS420", PaddingInLoss(samples=2)),
        ("BKS421", ClipMisplaced(samples=2)),
        ("BKS422", WrongMode(samples=2)),
        ("BKS424", StateLost(samples=2)),
        ("BKS423", RateCourse(stuck=50)),
        ("BKS425", Reinitialised(times=1)),
        ("BKS426", GraphsKeptAlive(kept=4)),
        ("BKS429", WrongSign(samples=2)),
        ("BKS427", StrongDecay(fall=0.01)),
        ("BKS428", FragileParameters(samples=2)),
        ("BKS431", TargetIsInput(samples=2)), ("BKS432", OneStepWindow(samples=2)),
        ("BKS433", NotNormalised(share=0.45)), ("BKS434", SameBatch(samples=5)),
        ("BKS435", OneClass(targets=400)),
        ("BKS436", SameWeights(samples=2)), ("BKS437", OneColumnRead(samples=2)),
        ("BKS438", LostInHalf(share=0.8)),
        ("BKS439", WideWeights(gain=4)),
    ],
)  # fmt: skip
def test_a_near_miss_is_hit_with_a_stricter_threshold(code: str, rule: Rule) -> None:
    case = next(c for c in CASES if c.code == code)
    near = case.near
    if code == "BKS401":
        near = {"reach/rnn": every(10, [[1, 0.5, 0, 0], [1, 0.5, 0.2, 0.1]])}
    finding = the(verdict(code, near, [rule], case.facts))
    assert finding.threshold == rule.thresholds
    name, value = next(
        (n, v) for n, v in rule.thresholds.items() if v != type(rule)().thresholds[n]
    )
    assert finding.threshold[name] == value


def test_rules_without_thresholds_have_none() -> None:
    assert BadInput().thresholds == {}
    assert NonFinite().thresholds == {"skipped": 20}


def test_a_rule_of_the_users_own_is_judged_like_ours() -> None:
    class Mine(Rule):
        code, title, severity = "ME001", "too high", "error"
        reads, meaning, decided, source = ("loss",), "m", "d", "s"
        causes, remedies = ("c",), ("r",)

        def _update(self, now: Sample) -> None:
            self.ready = True
            if now.numbers("loss")[""] > 3:
                self.found("", now.iteration, "it is", {"loss": now.numbers("loss")[""]})

    found = judged({"loss": [1.0, 2.0, 4.0]}, [Mine()])
    assert found.verdicts[0].outcome == "finding"
    assert [f.code for f in found.lasting] == ["ME001"]
    assert found.has_errors


# -- false alarms -------------------------------------------------------------------------------

LENGTH = 10_000
NOISES: dict[str, Callable[[np.random.Generator, int], Any]] = {
    "gauss": lambda rng, n: rng.normal(0, 0.03, n),
    "lognormal": lambda rng, n: rng.lognormal(0, 0.15, n) - 1,
    "small batches": lambda rng, n: rng.gamma(8, 1 / 8, n) - 1,
    "heavy": lambda rng, n: np.clip(0.04 * rng.standard_t(4, n), -0.5, 0.6),
    "periodic": lambda rng, n: (
        0.03 * np.sin(2 * np.pi * np.arange(n) / rng.integers(20, 300))
        + np.resize(rng.normal(0, 0.06, int(rng.integers(40, 400))), n)
        + rng.normal(0, 0.02, n)
    ),
}


def healthy_run(kind: str, seed: int, length: int = LENGTH) -> Series:
    """A training that goes well: what is recorded of it, with noise as batches make it."""
    rng = np.random.default_rng([seed, *kind.encode()])
    t = np.arange(length)
    start = rng.uniform(2, 6)
    end = start * rng.uniform(0.1, 0.6)
    fall = np.exp(-((t / rng.uniform(100, 2000)) ** rng.uniform(0.5, 1.0)))
    wait = int(rng.choice([0, 0, 300]))  # a warm-up in which little happens
    fall = np.concatenate([np.ones(wait), fall])[:length]
    noise = NOISES[kind](rng, length)
    loss = (end + (start - end) * fall) * (1 + noise)
    rate = np.minimum(1, (t + 1) / max(wait, 1)) * 0.5 * (1 + np.cos(np.pi * t / length))
    spread = rng.uniform(0.1, 0.4)
    grads = rng.lognormal(0, spread, length) * (1 + 2 * np.maximum(noise, 0))
    grads *= 0.3 * (1 + rng.uniform(0, 2) * t / length + 3 * np.exp(-t / 50))
    states = 3 * (1 + rng.uniform(0, 1.5) * (1 - np.exp(-t / 800)))
    sampled = t[::50]
    decay = rng.uniform(0.8, 0.999)
    lags, steps = np.arange(rng.integers(20, 200)), np.arange(rng.integers(16, 100))
    ratio = 2e-3 * np.maximum(rate[sampled], 1e-3)
    return {
        "loss": loss,
        "grad_norm": grads,
        "grad_norm_applied": np.minimum(grads, rng.uniform(0.2, 2)),
        "hidden_norm_mean/rnn.l0": states * rng.lognormal(0, 0.03, length),
        "reach/rnn.l0": {
            int(i): np.exp(np.cumsum(np.log(decay) + 0.1 * rng.normal(size=len(lags))))
            / decay for i in sampled
        },
        "hidden_norm/rnn.l0": {
            int(i): 3 * (1 - 0.7 * np.exp(-steps / 4)) * rng.lognormal(0, 0.05, len(steps))
            for i in sampled
        },
        "saturation/rnn.l0": dict(
            zip(sampled.tolist(), rng.beta(2, 20, len(sampled)), strict=True)
        ),
        "saturation/rnn.l0.forget": dict(
            zip(sampled.tolist(), rng.beta(2, 3, len(sampled)), strict=True)
        ),
        **{
            f"update_ratio/{name}": dict(
                zip(sampled.tolist(), ratio * rng.lognormal(0, 0.3, len(sampled)), strict=True)
            )
            for name in ("rnn.weight_ih_l0", "rnn.weight_hh_l0", "head.weight")
        },
        "lr": {int(i): rate[i] for i in sampled},
        "input_spread/rnn.l0": dict(
            zip(sampled.tolist(), rng.uniform(0.5, 5, len(sampled)), strict=True)
        ),
    }  # fmt: skip


def alarms(kind: str, seeds: Sequence[int], length: int = LENGTH) -> list[str]:
    return [
        f.code
        for seed in seeds
        for f in judged(healthy_run(kind, seed, length)).findings
        if f.severity != "info"
    ]


@pytest.mark.long
@pytest.mark.parametrize(
    "kind",
    [
        # The others are tamer.
        pytest.param(kind, marks=() if kind == "heavy" else pytest.mark.long)
        for kind in NOISES
    ],
)
def test_healthy_noise_alarms_once_in_ten_thousand_iterations_at_most(kind: str) -> None:
    seeds = range(3)
    found = alarms(kind, seeds)
    assert len(found) <= len(seeds), found


# -- robust statistics --------------------------------------------------------------------------

FLOATS = st.floats(-1e6, 1e6, allow_subnormal=False) | st.sampled_from([NAN, INF, -INF, 0.0, -0.0])


@given(st.lists(FLOATS, max_size=60), st.integers(1, 12))
@settings(deadline=None, max_examples=150)
def test_recent_is_what_numpy_says_of_the_last_finite_values(
    values: list[float], size: int
) -> None:
    recent = Recent(size)
    for value in values:
        recent.add(value)
    kept = np.array([v for v in values if math.isfinite(v)][-size:])
    assert len(recent) == len(kept)
    assert recent.full == (len(kept) == size)
    assert recent.oldest_first == kept.tolist()
    assert recent.last(3) == kept[-3:].tolist()
    if not len(kept):
        assert math.isnan(recent.median)
        assert math.isnan(recent.spread)
        assert math.isnan(recent.quantile(0.5))
        return
    middle = np.median(kept)
    assert recent.median == pytest.approx(middle, abs=1e-9)
    spread = 1.4826 * np.median(np.abs(kept - middle))
    assert recent.spread == pytest.approx(spread, rel=1e-9, abs=1e-6)
    for share in (0.0, 0.5, 0.95, 1.0):
        below = np.sort(kept)[min(int(share * len(kept)), len(kept) - 1)]
        assert recent.quantile(share) == below


def test_a_median_of_huge_numbers_does_not_overflow() -> None:
    recent = Recent(4)
    for value in (1.7e308, 1.7e308, 1.6e308, 1.6e308):
        recent.add(value)
    assert recent.median == pytest.approx(1.65e308)
    assert math.isfinite(recent.spread)


@given(st.lists(FLOATS, max_size=150))
@settings(deadline=None, max_examples=100)
def test_a_course_is_what_a_second_look_at_all_of_it_says(values: list[float]) -> None:
    course = LossHistory()
    for i, value in enumerate(values):
        course.add(i, value)
    finite = [(i, v) for i, v in enumerate(values) if math.isfinite(v)]
    numbers = [v for _, v in finite]
    assert course.count == len(finite)
    assert course.broken == len(values) - len(finite)
    assert course.settled == (len(finite) >= 40)
    if not finite:
        assert math.isnan(course.level)
        return
    assert course.level == pytest.approx(statistics.median(numbers[-20:]), abs=1e-9)
    assert course.start == pytest.approx(statistics.median(numbers[:20]), abs=1e-9)
    levels = [
        (statistics.median(numbers[n - 19 : n + 1]), finite[n][0]) for n in range(19, len(finite))
    ]
    if levels:
        best = min(level for level, _ in levels)
        assert course.best == pytest.approx(best, abs=1e-9)
        assert course.best_at == next(i for level, i in levels if level == best)
    # What is usual does not hold the newest value, if that is finite.
    before = numbers[:-1] if math.isfinite(values[-1]) else numbers
    assert course.usual.oldest_first == before[-50:]


@pytest.mark.parametrize(("gap", "found"), [(128, [256]), (90, [])])
def test_what_stands_still_between_two_distant_looks_is_found_by_one(
    gap: int, found: list[int]
) -> None:
    """As a head that was replaced for another part of the training, which is looked at rarely."""
    series = {"unowned": {0: 0.0, 8: 0.0, 256 - gap: 0.0, 256: 2.0}}
    assert [one.iteration for one in verdict("BKS409", series).findings] == found
