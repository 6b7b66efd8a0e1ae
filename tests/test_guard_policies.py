"""Every policy in POLICIES: a sick run, a near miss and a healthy one; saved, refused, written."""

import io
import math
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import nn

import backsight.guard
from backsight.errors import SettingError
from backsight.guard import POLICIES, Guard, Policy, Skip, policies_from, safe
from tests.crossed import crossed
from tests.guarded import Data, drive, everything, nan_at, net, same, train

Kind = type[Policy]
KINDS = [pytest.param(kind, id=kind.name) for kind in POLICIES]
BY_NAME = {kind.name: kind for kind in POLICIES}


@dataclass
class Run:
    """What a run is driven with: losses, norms, and what is done to the weights before."""

    losses: list[float | None]
    norms: list[float] | None = None
    scale: float = 1.0
    """On every matrix."""


STEADY: list[float | None] = [1.0 + 0.01 * ((7 * i) % 5) for i in range(60)]
FALLING: list[float | None] = [3.0 * 0.97**i + 0.01 * ((7 * i) % 5) for i in range(120)]
NORMS = [1.0 + 0.1 * ((3 * i) % 7) for i in range(60)]
USUAL = 1.3
"""Their median."""


def ending(*last: float | None) -> list[float | None]:
    return [*STEADY[: 60 - len(last)], *last]


def last_norm(norm: float) -> list[float]:
    return [*NORMS[:-1], norm]


@torch.no_grad()
def unit_gradient(relative: float) -> float:
    """The total norm that makes one unit's gradient that share of its weights, in `_driven`.

    All elements are alike: the shortest row decides.
    """
    model = net()
    count = sum(p.numel() for p in model.parameters())
    rows = [
        (p.shape[1:].numel() if p.dim() > 1 else p.numel(),
         p.flatten(1).norm(dim=1) if p.dim() > 1 else p.norm()[None])
        for p in model.parameters()
    ]  # fmt: skip
    # ‖row of the gradient‖ = norm·√(n/count), against max(‖row of the weights‖, 1e-3)
    most = max(float((n**0.5 / size.clamp(min=1e-3)).max()) for n, size in rows)
    return float(relative * count**0.5 / most)


@torch.no_grad()
def largest_row(scale: float = 1.0) -> float:
    return scale * max(
        float(p.flatten(1).norm(dim=1).max()) for p in net().parameters() if p.dim() > 1
    )


@torch.no_grad()
def radius() -> float:
    return float(torch.linalg.eigvals(net().rnn.weight_hh_l0.double()).abs().max())


ELEMENTS = sum(p.numel() for p in net().parameters())

CASES: dict[str, tuple[Callable[[], Policy], Run, Run, Run]] = {
    "skip": (BY_NAME["skip"], Run(ending(math.nan)), Run(ending(10.9)), Run(STEADY)),
    "rollback": (
        BY_NAME["rollback"],
        Run(ending(math.nan, math.inf, math.nan)),
        Run(ending(math.nan, math.nan, 1.0)),
        Run(STEADY),
    ),
    "clip": (
        lambda: policies_from("clip=2")[0],
        Run(STEADY, last_norm(2.01)),
        Run(STEADY, last_norm(1.999)),
        Run(STEADY, NORMS),
    ),
    "value": (
        lambda: policies_from("value=0.5")[0],
        Run(STEADY, last_norm(0.51 * ELEMENTS**0.5)),
        Run(STEADY, last_norm(0.49 * ELEMENTS**0.5)),
        Run(STEADY, NORMS),
    ),
    "agc": (
        lambda: policies_from("agc=0.1")[0],
        Run(STEADY, [0.1 * unit_gradient(0.1)] * 59 + [unit_gradient(0.102)]),
        Run(STEADY, [0.1 * unit_gradient(0.1)] * 59 + [unit_gradient(0.098)]),
        Run(STEADY, [0.1 * unit_gradient(0.1)] * 60),
    ),
    "adagc": (
        lambda: policies_from("adagc=1.05:warmup=10")[0],
        Run(STEADY, [0.5] * 59 + [0.53]),
        Run(STEADY, [0.5] * 59 + [0.52]),
        Run(STEADY, [0.5] * 60),
    ),
    "spam": (
        lambda: policies_from("spam=5000:every=90")[0],
        Run(STEADY, [1.0] * 59 + [17.5]),  # v is 1 - 0.999^59 = 0.0573 of g²
        Run(STEADY, [1.0] * 59 + [16.5]),
        Run(STEADY, NORMS),
    ),
    "autoclip": (
        BY_NAME["autoclip"],
        Run(STEADY, [2.0 - 0.01 * i for i in range(59)] + [1.97]),
        Run(STEADY, [2.0 - 0.01 * i for i in range(59)] + [1.95]),
        Run(STEADY, [1.0] * 60),
    ),
    "zclip": (
        BY_NAME["zclip"],
        Run(STEADY, last_norm(2.5)),
        Run(STEADY, last_norm(1.7)),
        Run(STEADY, NORMS),
    ),
    "auto": (
        BY_NAME["auto"],
        Run(STEADY, last_norm(10.1 * USUAL)),
        Run(STEADY, last_norm(9.5 * USUAL)),
        Run(STEADY, NORMS),
    ),
    "backoff": (
        BY_NAME["backoff"],
        Run([*FALLING, 2.5]),
        Run([*FALLING, 0.4]),
        Run(FALLING),
    ),
    "momentum": (
        lambda: policies_from("momentum=0")[0],
        Run(ending(math.nan)),
        Run(ending(1.1)),
        Run(STEADY),
    ),
    "spectral": (
        lambda: policies_from(f"spectral={radius()}")[0],
        Run(STEADY, scale=1.02),
        Run(STEADY, scale=0.98),
        Run(STEADY, scale=0.5),
    ),
    "weights": (
        lambda: policies_from(f"weights={largest_row()}")[0],
        Run(STEADY, scale=1.02),
        Run(STEADY, scale=0.98),
        Run(STEADY, scale=0.5),
    ),
}
ALWAYS = {"omega", "orthogonality"}
"""They add to every gradient, as a matter of course: held to references in
``test_guard_constraints.py``."""


def optimizer_for(name: str, model: nn.Module, lr: float, momentum: float) -> torch.optim.Optimizer:
    """SGD, unless the policy needs second moments."""
    if name == "spam":
        return torch.optim.Adam(model.parameters(), lr)
    return torch.optim.SGD(model.parameters(), lr, momentum=momentum)


def _driven(policy: Policy, run: Run) -> Guard:
    model = net()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(run.scale)
    optimizer = optimizer_for(policy.name, model, 1e-9, 0.5)
    guard = Guard(model, optimizer, policy, *([] if policy.name == "skip" else [Skip()]))
    drive(guard, run.losses, run.norms)
    return guard


def test_every_policy_has_its_cases() -> None:
    assert set(CASES) | ALWAYS == set(BY_NAME)
    assert len(BY_NAME) == len(POLICIES)


def test_every_policy_has_its_row_in_the_docs() -> None:
    page = (Path(__file__).parent.parent / "docs/guard.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| .+ \| `(\w+)=(\S+)` \|$", page, re.MULTILINE)
    assert sorted(name for name, *_ in rows) == sorted(BY_NAME)
    for name, main, value in rows:
        assert main in {setting.name for setting in fields(BY_NAME[name])}, name
        assert policies_from(f"{name}:{main}={value}"), name


@pytest.mark.some(4)
@pytest.mark.parametrize("name", CASES)
def test_a_sick_run_is_acted_on_and_told(name: str) -> None:
    make, sick, _, _ = CASES[name]
    acts = [act for act in _driven(make(), sick).interventions if act.policy == name]
    assert acts
    for act in acts:
        assert act.before != act.after
        assert act.cause
        assert act.quantity == BY_NAME[name].quantity
        assert act.message.startswith(f"{name}: {act.quantity} ")


@pytest.mark.some(9)
@pytest.mark.parametrize("which", [0, 1], ids=["near miss", "healthy"])
@pytest.mark.parametrize("name", CASES)
def test_a_near_miss_and_a_healthy_run_are_left_alone(name: str, which: int) -> None:
    make, _, *left_alone = CASES[name]
    acts = [act for act in _driven(make(), left_alone[which]).interventions if act.policy == name]
    assert acts == []


# -- what all of them are -----------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_policy_says_what_it_is(kind: Kind) -> None:
    assert kind.name == kind.name.lower()
    assert kind.name.isidentifier()
    assert kind.quantity
    assert kind.__doc__
    assert "Source: " in kind.__doc__
    assert kind.main in {f.name for f in fields(kind) if f.init}
    assert getattr(backsight.guard, kind.__name__) is kind
    assert isinstance(policies_from(kind.name)[0], kind)


BAD: list[Any] = [-1, -0.5, math.nan, math.inf, -math.inf, True, None, "x", [1]]


@pytest.mark.parametrize("kind", KINDS)
def test_settings_out_of_range_are_refused_in_words(kind: Kind) -> None:
    for setting in (f for f in fields(kind) if f.init):
        for value in BAD:
            with pytest.raises(SettingError) as error:
                kind(**{setting.name: value})
            assert setting.name in str(error.value)
            assert kind.name in str(error.value)
            assert repr(value) in str(error.value)


def plain(content: Any) -> bool:
    if isinstance(content, dict):
        return all(isinstance(k, str) and plain(v) for k, v in content.items())
    if isinstance(content, (list, tuple)):
        return all(map(plain, content))
    return content is None or isinstance(content, (bool, int, float, str))


TROUBLE = nan_at(12, 31, 32, 33, 52)
STEPS = 80


def whole(name: str) -> tuple[nn.Module, Any, Data, Guard]:
    """A training in trouble, of this policy and what keeps it from breaking at once."""
    model = net()
    with torch.no_grad():
        model.get_parameter("rnn.weight_hh_l0").mul_(2.0)
    optimizer = optimizer_for(name, model, 0.02, 0.9)
    data = Data()
    policies = policies_from("safe" if name == "safe" else name)
    if not {"skip", "safe"} & {name}:
        policies.append(Skip())
    guard = Guard(model, optimizer, *policies, snapshot_every=10, extra_state={"data": data})
    return model, optimizer, data, guard


@pytest.mark.some(2)
@crossed("name,at", [*BY_NAME, "safe"], [32, 41], together=1)
def test_what_was_saved_goes_on_bit_identically(name: str, at: int) -> None:
    """In the middle of trouble: between two bad batches, and soon after a rollback."""
    model, optimizer, data, guard = whole(name)
    train(model, optimizer, guard, at, data=data, spoil=TROUBLE)
    assert plain([policy.state_dict() for policy in guard.policies])
    buffer = io.BytesIO()
    random = torch.get_rng_state()
    torch.save(
        [model.state_dict(), optimizer.state_dict(), data.state_dict(), guard.state_dict()],
        buffer,
    )
    acts = len(guard.interventions)
    used = train(model, optimizer, guard, STEPS - at, data=data, spoil=TROUBLE)
    end, later = everything(model, optimizer), guard.interventions[acts:]
    assert acts
    assert later

    model, optimizer, data, guard = whole(name)
    buffer.seek(0)
    weights, options, place, state = torch.load(buffer, weights_only=True)
    model.load_state_dict(weights)
    optimizer.load_state_dict(options)
    data.load_state_dict(place)
    guard.load_state_dict(state)
    torch.set_rng_state(random)
    assert train(model, optimizer, guard, STEPS - at, data=data, spoil=TROUBLE) == used
    assert same(everything(model, optimizer), end)
    assert guard.interventions == later


def test_a_state_of_other_policies_is_refused() -> None:
    model, optimizer, _, guard = whole("clip")
    state = guard.state_dict()
    guard.close()
    other = Guard(model, optimizer, *safe())
    with pytest.raises(SettingError, match="policies skip, clip, but it has rollback, skip, auto"):
        other.load_state_dict(state)


# -- by their names -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("clip=-1", "guard policy clip: norm must be a number above 0, not -1.0"),
        ("clip=nan", "guard policy clip: norm must be a number above 0, not nan"),
        ("clip=1e400", "must be a number above 0, not inf"),
        ("clip=one", "guard policy clip: norm must be a number, not 'one'"),
        ("clip=", "guard policy clip: norm must be a number, not ''"),
        ("clip:foo=1", "guard policy clip has no setting 'foo': its settings are norm"),
        ("clip:", "guard policy clip has no setting ''"),
        ("clip:_x=1", "has no setting '_x'"),
        ("clip=1:norm=2", "guard policy clip: norm is given twice"),
        ("autoclip:_norms=1", "has no setting '_norms'"),
        ("cilp", "unknown guard policy 'cilp': choose from safe, omega"),
        ("=3", "unknown guard policy ''"),
        ("safe=3", "the guard preset safe takes no settings: write safe"),
        ("safe:row=3", "the guard preset safe takes no settings: write safe"),
        ("skip=2.5", "guard policy skip: row must be a whole number, not '2.5'"),
        ("skip=0", "guard policy skip: row must be a whole number of at least 1, not 0"),
        ("agc:ratio=0", "guard policy agc: ratio must be a number above 0"),
        ("autoclip=1", "guard policy autoclip: share must lie between 0 and 1, not 1.0"),
        ("omega:variant=mine", "guard policy omega: variant must be one of code, paper"),
        ("spectral:of=", "guard policy spectral: of must be one of radius, sigma, not ''"),
        ("", "a guard needs at least one policy: choose from safe, omega"),
        (" , ,", "a guard needs at least one policy"),
    ],
)
def test_words_that_make_no_sense_are_met_with_a_sentence(words: str, message: str) -> None:
    with pytest.raises(SettingError, match=message) as error:
        policies_from(words)
    assert "\n" not in str(error.value)


def test_words_are_read_with_their_numbers() -> None:
    found = policies_from(" clip=0.5, skip:row=7 ,omega=2:variant=paper:sequences=3,safe")
    assert found[:3] == [
        BY_NAME["clip"](norm=0.5),  # type: ignore[call-arg]
        BY_NAME["skip"](row=7),  # type: ignore[call-arg]
        BY_NAME["omega"](weight=2.0, variant="paper", sequences=3),  # type: ignore[call-arg]
    ]
    assert [policy.name for policy in found[3:]] == [policy.name for policy in safe()]


def _texts() -> st.SearchStrategy[str]:
    names = st.sampled_from([*BY_NAME, "safe", "", "x"])
    keys = st.sampled_from(["", "x", *sorted({f.name for k in POLICIES for f in fields(k)})])
    numbers = st.one_of(
        st.floats().map(repr), st.integers().map(str), st.text(alphabet="01.e-+ :=,x", max_size=6)
    )
    settings_ = st.lists(st.tuples(keys, numbers).map("=".join), max_size=3)
    word = st.tuples(names, st.one_of(st.just(""), numbers.map("={}".format)), settings_).map(
        lambda t: ":".join([t[0] + t[1], *t[2]])
    )
    return st.one_of(st.lists(word, max_size=3).map(",".join), st.text(max_size=20))


@settings(max_examples=100, deadline=None)
@given(_texts())
def test_any_words_give_policies_or_a_sentence(words: str) -> None:
    try:
        found = policies_from(words)
    except SettingError:  # and no other
        return
    assert found
    assert all(isinstance(policy, POLICIES) for policy in found)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_what_is_written_out_is_read_back(data: st.DataObject) -> None:
    """A policy's settings, written as on the command line, make the same policy."""
    kind: Kind = data.draw(st.sampled_from(POLICIES))
    hints = typing.get_type_hints(kind)
    values: dict[str, Any] = {}
    for setting in (f for f in fields(kind) if f.init):
        kind_of = hints[setting.name]
        if kind_of is int:
            values[setting.name] = data.draw(st.integers(5, 10**6))
        elif kind_of is float:
            share = isinstance(setting.default, float) and setting.default < 1
            bounds = (1e-9, 0.999) if share else (1.001, 1e12)
            values[setting.name] = data.draw(st.floats(*bounds))
        else:
            values[setting.name] = setting.default
    words = ":".join([kind.name, *(f"{name}={value!r}" for name, value in values.items())])
    (found,) = policies_from(words.replace("'", ""))
    assert {name: getattr(found, name) for name in values} == values
    assert type(found) is kind
