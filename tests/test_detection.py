"""The proof of the diagnosis: labels that do not ask our rules, other tools' rules, and scores."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import backsight
from backsight.diagnosis import RULES
from benchmarks._shared.tasks import Chaos, Majority
from benchmarks.diagnosis import _peers as peers
from benchmarks.diagnosis._cases import CASES, SEEDS, Case
from benchmarks.diagnosis._collection import Labelled, make
from benchmarks.diagnosis._outcomes import KINDS, facts, label, levels, when_lost
from benchmarks.diagnosis._scores import (
    Said,
    by_kind,
    by_question,
    false_alarms,
    leads,
    macro,
    wrong_alarms,
)
from benchmarks.diagnosis._training import train
from benchmarks.diagnosis.detection import judge

N = 200


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def case(start: str) -> Case:
    (found,) = [c for c in CASES if c.key.startswith(start)]
    return found


def numbers(**given: Any) -> dict[str, Any]:
    """A run of 200 iterations in which nothing is wrong, with what is given instead."""
    rows: dict[str, Any] = {
        "loss": np.linspace(2.0, 0.5, N),
        "accuracy": np.linspace(0.2, 1.0, N),
        "lr": np.full(N, 1e-2),
        "grad_mean": np.full((N, 3), 1e-3),
        "grad_norms": np.full((N, 3), 0.1),
        "grad_norm": np.full(N, 0.17),
        "grad_norm_applied": np.full(N, 0.17),
        "states_finite": np.full(N, True),
        "states_extreme": np.zeros(N),
        "states_flat": np.zeros(N),
        "state_middle": np.ones(N),
        "state_end": np.ones(N),
        "weight_norms": np.ones((N, 3)),
        "update_norms": np.full((N, 3), 1e-3),
        "weights_finite": np.full(N, True),
        "names": np.array(["layer.weight_ih", "layer.bias", "head.weight"]),
        "start": np.array(2.0),
    }
    return rows | given


def changed(name: str, at: int, value: float) -> dict[str, Any]:
    """From ``at`` on something else."""
    values = numbers()[name].astype(float)
    values[at:] = value
    return numbers(**{name: values})


# -- the collection ----------------------------------------------------------------------------


SINCE = {"unoptimised": 8}
"""Kinds that earlier draws did not have."""


def test_every_draw_holds_every_kind_and_shares_no_setting_with_another() -> None:
    assert {c.draw for c in CASES} == set(SEEDS)
    assert len({c.key for c in CASES}) == len(CASES)
    seeds = [seed for draw in SEEDS.values() for seed in draw]
    assert len(set(seeds)) == len(seeds)
    plans: list[str] = []
    for draw in SEEDS:
        kinds = {kind for kind in KINDS if draw >= SINCE.get(kind, 0)}
        assert {c.made_for for c in CASES if c.draw == draw} == kinds
        mine = {repr(c.of(5)) for c in CASES if c.draw == draw}
        assert not mine & set(plans)
        plans += mine
        assert len(SEEDS[draw]) >= 3


def test_the_last_draw_alone_is_held_out() -> None:
    for c in CASES:
        assert c.half == ("held-out" if c.draw == max(SEEDS) else "fit")


def test_every_code_that_is_expected_is_a_rules() -> None:
    codes = {rule.code for rule in RULES}
    for kind in KINDS.values():
        assert kind.told_by | kind.also <= codes
    for claim in peers.CLAIMS.values():
        assert claim.codes <= codes
        assert claim.of | claim.also <= set(KINDS)


@pytest.mark.long
def test_the_same_seed_makes_the_same_run(tmp_path: Path) -> None:
    chosen = case("2-spike-one-huge-step")
    plan = replace(chosen.of(3), iterations=25)
    first, again, other = (
        train(plan, seed, tmp_path / name) for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    for name, values in first.items():
        np.testing.assert_array_equal(values, again[name], err_msg=name)
    assert (first["loss"] != other["loss"]).any()
    runs = [backsight.Run(tmp_path / name / "run") for name in "ab"]
    assert runs[0].names == runs[1].names
    for name in runs[0].names:
        # A clock decides of its values.
        if name != "tokens_per_second":
            np.testing.assert_array_equal(runs[0][name], runs[1][name], err_msg=name)


def test_what_is_kept_beside_the_run_agrees_with_it(tmp_path: Path) -> None:
    plan = replace(case("1-clip-too-tight-waves").of(0), iterations=20)
    kept = train(plan, 0, tmp_path / "a")
    run = backsight.Run(tmp_path / "a" / "run")
    for name in ("loss", "grad_norm", "grad_norm_applied"):
        np.testing.assert_allclose(kept[name], run[name], rtol=1e-4)


@pytest.mark.long
@pytest.mark.parametrize(
    ("start", "seed", "kind"),
    [
        ("2-exploding-gain-6", 201, "exploding"),
        ("1-data-not-finite-waves", 1, "data not finite"),
    ],
)
def test_cheap_runs_come_out_as_they_were_made(
    start: str, seed: int, kind: str, tmp_path: Path
) -> None:
    run = make(case(start), seed, tmp_path / "run")
    assert (run.kind, run.why) == (kind, "")
    assert (tmp_path / "run" / "label.json").is_file()
    assert make(case(start), seed, tmp_path / "run") == run  # not made again


# -- outcomes ----------------------------------------------------------------------------------


def test_outcomes_of_hand_written_runs() -> None:
    assert label("healthy", numbers()) == ("healthy", "")
    assert when_lost(numbers()) is None
    gone = changed("loss", 150, math.nan)
    assert when_lost(gone) == 150
    assert label("exploding", gone)[0] == "exploding"
    assert label("healthy", gone)[0] == "collapse"
    worse = numbers(loss=np.linspace(2.0, 9.0, N))
    assert label("healthy", worse)[0] == "exploding"
    assert label("exploding", numbers()) == ("healthy", "it ended at 0.572, not lost")
    flat = numbers(loss=np.full(N, 2.0))
    assert label("healthy", flat)[0] is None
    assert label("updates too small", flat) == ("updates too small", "")
    assert label("no learning", flat | {"baseline": np.array(2.0)})[0] == "no learning"
    assert label("vanishing", flat | {"far": np.array(1e-9)})[0] == "vanishing"
    assert label("vanishing", flat | {"far": np.array(0.5)})[0] is None
    assert label("vanishing", numbers(far=np.array(1e-9)))[0] == "healthy"
    # Made to fail, and something did for a while: neither lost nor healthy.
    assert label("exploding", changed("states_flat", 100, 0.9))[0] is None


def test_a_collapse_is_dated_by_its_level() -> None:
    loss = np.concatenate([np.linspace(2.0, 0.2, 100), np.full(100, 2.1)])
    assert when_lost(numbers(loss=loss)) in range(109, 112)
    np.testing.assert_allclose(levels(numbers(loss=loss))[-1], 2.1)


def test_a_spike_that_came_back_is_no_collapse() -> None:
    loss = np.linspace(2.0, 0.5, N)
    loss[120:123] = 3.0
    spiky = numbers(loss=loss)
    assert when_lost(spiky) is None
    assert label("healthy", spiky)[0] is None
    assert "rose" in label("healthy", spiky)[1]
    assert label("spike", spiky | {"trouble_at": np.array(120)}) == ("spike", "")
    assert "BKS202" in facts(spiky)
    loss[121:123] = loss[120] = 0.8  # one slightly worse batch
    assert label("healthy", numbers(loss=loss)) == ("healthy", "")


def test_facts_beside_a_failure() -> None:
    assert facts(numbers()) == frozenset()
    assert facts(changed("states_flat", 100, 0.9)) == {"BKS104"}
    assert facts(changed("state_end", 100, 2.0)) == {"BKS103"}
    assert facts(changed("grad_norm_applied", 100, 1e-3)) == {"BKS403"}
    assert "BKS201" in facts(changed("loss", 100, math.inf))
    loss = np.maximum(np.linspace(2.0, -1.0, N), 0.5)
    loss[110:170] = 1.9
    assert {"BKS203", "BKS204"} <= facts(numbers(loss=loss))
    loss[120:170] = 0.6
    assert not {"BKS203", "BKS204"} & facts(numbers(loss=loss))
    flat = numbers(loss=np.full(N, 2.0), baseline=np.array(2.0))
    assert facts(flat | {"far": np.array(1e-9)}) == {"BKS101"}
    assert facts(flat | {"far": np.array(math.nan)}) == frozenset()
    steps = np.full((N, 3), 1e-3)
    steps[100:] = 0.05
    assert facts(numbers(update_norms=steps)) == {"BKS207"}
    steps[:100] = 0.02  # large from the beginning, and not three times that afterwards
    assert facts(numbers(update_norms=steps)) == frozenset()


# -- where batches come from -------------------------------------------------------------------


@pytest.mark.parametrize("steps", [20, 21])
def test_a_majority_is_what_a_count_says(steps: int) -> None:
    x, y = Majority(steps).batch(64, np.random.default_rng(0))
    assert x.shape == (64, 21, 1)  # an even number might end in a draw
    assert set(np.unique(x)) == {-1.0, 1.0}
    counts = [sum(1 if value > 0 else -1 for value in row[:, 0]) for row in x]
    assert y.tolist() == [int(count > 0) for count in counts]


def test_chaos_follows_its_map() -> None:
    x, y = Chaos(30, 3.8).batch(8, np.random.default_rng(0))
    assert x.shape == y.shape == (8, 30, 1)
    u = (x.astype(float) + 1) / 2
    np.testing.assert_allclose(y, 2 * 3.8 * u * (1 - u) - 1, atol=1e-6)
    np.testing.assert_array_equal(x[:, 1:], y[:, :-1])
    noisy, _ = Chaos(30, 3.8, 0.1).batch(8, np.random.default_rng(0))
    assert 0.05 < float((noisy - x).std()) < 0.2


# -- the rules of others -----------------------------------------------------------------------


@pytest.mark.parametrize("peer", peers.PEERS, ids=lambda p: f"{p.tool}, {p.claim}")
def test_no_rule_of_others_speaks_of_a_run_without_fault(peer: peers.Peer) -> None:
    assert peer.alarm(numbers()) is None


@pytest.mark.parametrize(
    ("rule", "given", "at"),
    [
        (peers.vanishing_gradient, changed("grad_mean", 30, 1e-8), 30),
        (peers.exploding_tensor, changed("loss", 31, math.inf), 31),
        (peers.exploding_tensor, numbers(states_finite=np.arange(N) < 32), 32),
        (peers.weight_update_ratio, changed("update_norms", 33, 11.0), 33),
        (peers.weight_update_ratio, changed("update_norms", 34, 1e-9), 34),
        (peers.loss_not_decreasing, changed("loss", 35, 3.0), 35),
        (peers.autotrainer_exploding, changed("grad_norms", 36, math.nan), 36),
        (peers.deep_saturation, changed("states_extreme", 37, 0.6), 37),
        (peers.deep_updates, changed("grad_norms", 38, 11.0), 38),
        (peers.deep_updates, changed("grad_norms", 39, 1e-4), 39),
        (peers.bttackler_vanishing, changed("grad_mean", 40, 1e-6), 40),
        (peers.bttackler_exploding, changed("grad_mean", 41, 1e5), 41),
        (peers.lightning_spike, changed("loss", 42, 9.0), 42),
        (peers.lightning_spike, changed("loss", 43, math.nan), 43),
        (peers.olmo_skip, changed("loss", 100, 9.0), 100),
        (peers.olmo_skip, changed("grad_norm", 101, math.nan), 101),
        (peers.zclip, changed("grad_norm", 44, 1.0), 44),
        (peers.trainpulse_loss, changed("loss", 60, 99.0), 60),
        (peers.trainpulse_large, changed("grad_norm", 46, 101.0), 46),
        (peers.trainpulse_small, changed("grad_norm", 47, 1e-8), 47),
        (peers.trainpulse_plateau, changed("loss", 50, 1.7), 149),
    ],
)
def test_each_rule_of_others_speaks_where_it_should(rule: Any, given: Any, at: int) -> None:
    assert rule(given) == at


def test_what_samples_is_late_or_blind() -> None:
    assert peers.vanishing_gradient(changed("grad_mean", 31, 1e-8), 10) == 40
    assert peers.vanishing_gradient(changed("grad_mean", 31, 1e-8), 500) is None
    assert peers.loss_not_decreasing(numbers(), 10) is None


def test_autotrainer_looks_only_where_accuracy_is_low() -> None:
    norms = np.full((N, 3), 0.1)
    norms[:, 0] = 1e-5
    assert peers.autotrainer_vanishing(numbers(grad_norms=norms)) == 49  # its first epoch
    fine = numbers(grad_norms=norms, accuracy=np.linspace(0.7, 1.0, N))
    assert peers.autotrainer_vanishing(fine) is None
    assert peers.autotrainer_exploding(numbers(accuracy=np.full(N, math.nan))) is None
    assert peers.autotrainer_exploding(numbers(grad_norms=norms[:, ::-1] * 1e3)) == 49


def test_the_blind_spots_that_they_are_known_for() -> None:
    assert peers.olmo_skip(changed("loss", 40, 9.0)) is None  # the first half of its window
    lone = numbers()["grad_norm"]
    lone[40], lone[60:] = math.nan, 1e6
    assert peers.zclip(numbers(grad_norm=lone)) is None  # one NaN, and it hears nothing more


# -- scores ------------------------------------------------------------------------------------


def said(kind: str, *alarms: tuple[str, int], **given: Any) -> Said:
    run = Labelled(
        Path(), "fit", kind, kind, 0, kind, "", 1000, 2.0, 1.0, given.get("lost"),
        given.get("builds_up", False), (),
    )  # fmt: skip
    return Said(run, alarms, notes=given.get("notes", frozenset()))


def test_scores_by_hand() -> None:
    runs = [
        said("spike", ("BKS202", 5)),
        said("spike"),
        said("exploding", ("BKS202", 3), ("BKS203", 50)),  # a consequence: not wrong
        said("healthy", ("BKS202", 7), ("BKS202", 9)),
        said("healthy"),
    ]
    scores = by_kind(runs)
    assert (scores["spike"].runs, scores["spike"].found, scores["spike"].wrong) == (2, 1, 1)
    assert (scores["spike"].recall, scores["spike"].precision) == (0.5, 0.5)
    assert scores["spike"].f1 == 0.5
    assert scores["exploding"].f1 == 1
    assert macro(scores.values())["F1"] == 0.75
    assert false_alarms(runs, wrong_alarms) == (2, 2000, 10.0)
    spikes = by_question(runs, "spike", lambda one: "BKS202" in one.codes)
    assert (spikes.runs, spikes.found, spikes.wrong) == (2, 1, 1)


def test_a_note_tells_a_spike_and_a_drift_and_nothing_else() -> None:
    kinds = {"spike": "BKS202", "drift": "BKS103", "frozen": "BKS402"}
    runs = [said(kind, notes=frozenset({code})) for kind, code in kinds.items()]
    scores = by_kind(runs)
    assert [scores[kind].found for kind in kinds] == [1, 1, 0]
    assert false_alarms([said("healthy", notes=frozenset({"BKS202"}))], wrong_alarms)[0] == 0


def test_lead_counts_true_findings_before_the_collapse() -> None:
    early = said("exploding", ("BKS206", 60), ("BKS203", 130), lost=100, builds_up=True)
    late = said("exploding", ("BKS203", 130), lost=100, builds_up=True)
    untrue = said("exploding", ("BKS407", 10), lost=100, builds_up=True)
    sudden = said("exploding", ("BKS206", 60), lost=100)
    assert leads([early, late, untrue, sudden]) == [40, 0, 0]


# -- and the verdicts --------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize(
    ("start", "seed"),
    [
        pytest.param("2-healthy-near-drift:-tanh", 103, marks=pytest.mark.long),
        pytest.param("2-healthy-near-exploding:-momentum", 103, marks=pytest.mark.long),
        pytest.param("2-vanishing-order-100,-LSTM", 103, marks=pytest.mark.long),
        pytest.param("2-saturation-input", 103, marks=pytest.mark.long),
        pytest.param("2-exploding-rate-2", 103, marks=pytest.mark.long),
        ("4-spike-a-batch", 103),
        pytest.param("2-detached-cells", 103, marks=pytest.mark.long),
        pytest.param("4-frozen-recurrent", 103, marks=pytest.mark.long),
        pytest.param("2-clip-too-tight-waves", 103, marks=pytest.mark.long),
        pytest.param("5-data-constant-threes", 103, marks=pytest.mark.long),
    ],
)
def test_held_out_runs_get_the_verdict_of_their_label(
    start: str, seed: int, tmp_path: Path
) -> None:
    chosen = case(start)
    run = make(chosen, seed, tmp_path / "run")
    assert (run.kind, run.why) == (chosen.made_for, "")
    told = judge(run)
    assert told.codes == set() if run.healthy else told.tells(KINDS[chosen.made_for])
