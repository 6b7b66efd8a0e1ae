"""The guard's constraints: what each adds or holds, against slow references in float64."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from backsight.errors import SettingError
from backsight.guard import (
    ClipNorm,
    Guard,
    Omega,
    Orthogonality,
    Policy,
    Skip,
    SpectralCap,
    WeightLimit,
)
from tests.reference import unroll

EXACT = 1e-10
"""float64, two ways of adding up the same few hundred products."""


def rnn(seed: int = 0, kind: Any = nn.RNN, **options: Any) -> Any:
    torch.manual_seed(seed)
    module = kind(3, 5, **options).double()
    for name, weights in module.named_parameters():
        if "weight_hh" in name:
            weights.data.mul_(2.0)
    return module


def read_out(module: nn.RNNBase, output: Tensor) -> Tensor:
    """A loss on every step, each sequence and unit weighed differently."""
    weights = torch.linspace(-1.0, 2.0, output.numel(), dtype=output.dtype).view_as(output)
    return (output * weights).sum() + (output**2 * weights.flip(0)).sum()


def omega_slowly(
    module: nn.RNNBase, x: Tensor, loss_of: Any, variant: str, h0: Tensor | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Ω and its immediate gradient: autograd through ``diag(slope) W`` alone, all else a number.

    ``x`` is ``(B, T, I)``; ``loss_of`` takes the outputs of all sequences, ``(B, T, D·H)``.
    """
    runs = [unroll(module, x[b], None if h0 is None else h0[:, b], None) for b in range(len(x))]
    loss = loss_of(torch.stack([torch.stack(run.output) for run in runs]))
    states = [(key, hs) for run in runs for key, hs in run.h.items()]
    flat = [h for _, hs in states for h in hs]
    found = iter(torch.autograd.grad(loss, flat, allow_unused=True))
    terms: dict[str, list[Tensor]] = {key: [] for key in runs[0].h}
    for key, hs in states:
        w = getattr(module, f"weight_hh_{key}")
        for h in hs:
            g = next(found)
            if g is None or not bool((g != 0).any()):
                continue
            g, h = g.detach(), h.detach()
            slope = (h > 0).to(h.dtype) if module.mode == "RNN_RELU" else 1 - h**2
            r = (g @ torch.diag(slope) @ w).norm() / g.norm()
            terms[key].append((r - 1) ** 2 if variant == "paper" else (r**2 - 1) ** 2)
    total = torch.zeros((), dtype=x.dtype)
    for parts in terms.values():
        shares = len(x) if variant == "paper" else max(1, len(parts))
        total = total + torch.stack(parts).sum() / shares
    names = [f"weight_hh_{key}" for key in terms]
    grads = torch.autograd.grad(total, [getattr(module, name) for name in names])
    return total.detach(), dict(zip(names, grads, strict=True))


def gradients(model: nn.Module) -> dict[str, Tensor]:
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def guarded_gradients(
    model: nn.Module, policy: Policy, backward: Any, times: int = 1
) -> tuple[dict[str, Tensor], dict[str, Tensor], Guard]:
    """Before the step, and as the optimizer saw them."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    seen: dict[str, Tensor] = {}
    with Guard(model, optimizer, policy) as guard:
        optimizer.register_step_pre_hook(lambda *_: seen.update(gradients(model)))
        for _ in range(times):
            backward()
        before = gradients(model)
        guard.step()
    return before, seen, guard


OPTIONS: dict[str, dict[str, Any]] = {
    "tanh": {},
    "relu": {"nonlinearity": "relu"},
    "two layers": {"num_layers": 2},
    "batch first": {"batch_first": True},
    "both ways": {"bidirectional": True},
    "no bias": {"bias": False, "num_layers": 2, "batch_first": True},
}


@pytest.mark.parametrize("variant", ["code", "paper"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_omega_is_what_an_unrolled_loop_gives(options: dict[str, Any], variant: str) -> None:
    module = rnn(**options)
    x = torch.randn(4, 7, 3, dtype=torch.float64)
    value, expected = omega_slowly(module, x, lambda y: read_out(module, y), variant)

    def backward() -> None:
        output = module(x if module.batch_first else x.transpose(0, 1))[0]
        read_out(module, output if module.batch_first else output.transpose(0, 1)).backward()  # type: ignore[no-untyped-call]

    before, seen, guard = guarded_gradients(module, Omega(weight=3.0, variant=variant), backward)
    for name, gradient in seen.items():
        if name in expected:
            off = (gradient - before[name] - 3.0 * expected[name]).abs().max()
            assert off <= EXACT * (1 + expected[name].abs().max()), name
            assert expected[name].abs().max() > 1e-3
        else:
            assert torch.equal(gradient, before[name]), name
    (act,) = guard.interventions
    assert act.cause == f"Ω is {value:.3g}"
    recurrent = [name for name in seen if "weight_hh" in name]
    assert act.before == pytest.approx(float(torch.cat([before[n] for n in recurrent]).norm()))
    assert act.after == pytest.approx(float(torch.cat([seen[n] for n in recurrent]).norm()))


@pytest.mark.parametrize("variant", ["code", "paper"])
def test_omega_leaves_out_what_no_gradient_arrives_at(variant: str) -> None:
    """The loss is on step 3 of 7: later states have no gradient, and h_0 was given."""
    module = rnn()
    x, h0 = torch.randn(4, 7, 3, dtype=torch.float64), torch.randn(1, 4, 5, dtype=torch.float64)
    _, expected = omega_slowly(module, x, lambda y: y[:, 3].pow(2).sum(), variant, h0)

    def backward() -> None:
        module(x.transpose(0, 1), h0)[0][3].pow(2).sum().backward()

    before, seen, _ = guarded_gradients(module, Omega(weight=1.0, variant=variant), backward)
    added = seen["weight_hh_l0"] - before["weight_hh_l0"]
    assert (added - expected["weight_hh_l0"]).abs().max() <= EXACT


def test_omega_of_a_sequence_run_in_two_calls_is_that_of_one() -> None:
    module = rnn(num_layers=2)
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    _, expected = omega_slowly(module, x.transpose(0, 1), lambda y: y[:, -1].pow(2).sum(), "paper")

    def backward() -> None:
        _, state = module(x[:2])
        module(x[2:], state)[0][-1].pow(2).sum().backward()

    before, seen, _ = guarded_gradients(module, Omega(weight=1.0, variant="paper"), backward)
    for name, gradient in expected.items():
        assert (seen[name] - before[name] - gradient).abs().max() <= EXACT


def test_omega_of_packed_sequences_counts_no_padding() -> None:
    module = rnn()
    x, lengths = torch.randn(6, 2, 3, dtype=torch.float64), [6, 2]
    parts = [
        omega_slowly(module, x[: lengths[b], b][None], lambda y: y.pow(2).sum(), "paper")[1]
        for b in range(2)
    ]
    expected = (parts[0]["weight_hh_l0"] + parts[1]["weight_hh_l0"]) / 2

    def backward() -> None:
        module(pack_padded_sequence(x, torch.tensor(lengths)))[0].data.pow(2).sum().backward()

    before, seen, _ = guarded_gradients(module, Omega(weight=1.0, variant="paper"), backward)
    assert (seen["weight_hh_l0"] - before["weight_hh_l0"] - expected).abs().max() <= EXACT


def test_omega_follows_evenly_spaced_sequences() -> None:
    module = rnn()
    x = torch.randn(7, 6, 3, dtype=torch.float64)
    chosen = x[:, ::2]
    _, expected = omega_slowly(module, chosen.transpose(0, 1), lambda y: y.pow(2).sum(), "code")
    before, seen, _ = guarded_gradients(
        module, Omega(weight=1.0, sequences=3), lambda: module(x)[0].pow(2).sum().backward()
    )
    added = seen["weight_hh_l0"] - before["weight_hh_l0"]
    assert (added - expected["weight_hh_l0"]).abs().max() <= EXACT


def test_omega_of_accumulated_batches_is_their_mean() -> None:
    module = rnn()
    x = torch.randn(7, 4, 3, dtype=torch.float64)
    _, expected = omega_slowly(module, x.transpose(0, 1), lambda y: y.pow(2).sum(), "paper")
    halves = iter((x[:, :2], x[:, 2:]))
    before, seen, _ = guarded_gradients(
        module,
        Omega(weight=1.0, variant="paper"),
        lambda: module(next(halves))[0].pow(2).sum().backward(),
        times=2,
    )
    added = seen["weight_hh_l0"] - before["weight_hh_l0"]
    assert (added - expected["weight_hh_l0"]).abs().max() <= EXACT


def test_omega_of_faded_gradients_is_the_same_as_of_large_ones() -> None:
    """It asks for a ratio: 1e-30 in float32, whose square is zero, counts like 1."""

    def added(scale: float) -> Tensor:
        module = rnn().float()
        torch.manual_seed(1)
        x = torch.randn(7, 4, 3)
        before, seen, _ = guarded_gradients(
            module, Omega(), lambda: (module(x)[0] * scale).sum().backward()
        )
        return seen["weight_hh_l0"] - before["weight_hh_l0"]

    assert torch.allclose(added(1e-30), added(1.0), rtol=1e-4, atol=1e-5)


def test_omega_is_zero_where_a_step_keeps_every_norm() -> None:
    """The identity, with a slope of 1: nothing is added, and nothing is told."""
    module = rnn(nonlinearity="relu", bias=False)
    with torch.no_grad():
        module.weight_hh_l0.copy_(torch.eye(5))
        module.weight_ih_l0.abs_()
    x = torch.rand(7, 4, 3, dtype=torch.float64)
    before, seen, guard = guarded_gradients(
        module, Omega(variant="paper"), lambda: module(x)[0].sum().backward()
    )
    assert (seen["weight_hh_l0"] - before["weight_hh_l0"]).abs().max() <= EXACT
    assert all(act.before == pytest.approx(act.after) for act in guard.interventions)


def test_omega_leaves_everything_else_as_it_is() -> None:
    """Forward, other gradients and random numbers are bit-identical; no hook is left over."""

    def one(guard_it: bool) -> list[Tensor]:
        torch.manual_seed(0)
        model = nn.ModuleDict(
            {"rnn": nn.RNN(3, 5, 2, dropout=0.3), "gru": nn.GRU(5, 4), "out": nn.Linear(4, 2)}
        )
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()]
        guard = Guard(model, optimizer, Omega()) if guard_it else None
        loss = model["out"](model["gru"](model["rnn"](torch.randn(6, 8, 3))[0])[0]).pow(2).sum()
        loss.backward()
        own = [p.grad.clone() for p in model.parameters() if p.grad is not None]
        if guard:
            guard.step(loss)
            guard.close()
        else:
            optimizer.step()
        changed = [p for n, p in model.named_parameters() if not n.startswith("rnn.weight_hh")]
        left = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()]
        assert left == hooks
        return [loss.detach(), *own, *[p.detach() for p in changed], torch.get_rng_state()]

    for a, b in zip(one(False), one(True), strict=True):
        assert torch.equal(a, b)


def test_omega_says_what_it_needs() -> None:
    for module in (rnn(kind=nn.GRU), rnn(kind=nn.LSTM), nn.RNNCell(3, 5)):
        with pytest.raises(SettingError, match=r"omega needs an nn\.RNN"):
            Guard(module, torch.optim.SGD(module.parameters(), lr=0.1), Omega())
    frozen = rnn()
    others = [p for n, p in frozen.named_parameters() if n != "weight_hh_l0"]
    with pytest.raises(SettingError, match="W_hh is trained"):
        Guard(frozen, torch.optim.SGD(others, lr=0.1), Omega())
    assert not frozen._forward_hooks
    with pytest.raises(SettingError, match="guard policy omega: variant must be one of code"):
        Omega(variant="mine")


@pytest.mark.parametrize("policy", [Omega(), Orthogonality()], ids=lambda p: p.name)
def test_a_penalty_is_refused_where_gradients_are_made_in_the_step(policy: Policy) -> None:
    module = rnn()
    with pytest.raises(SettingError, match="LBFGS computes its gradients"):
        Guard(module, torch.optim.LBFGS(module.parameters()), policy)


# -- orthogonality ------------------------------------------------------------------------


BLOCKS = {
    "RNN": (lambda: rnn(num_layers=2), slice(None)),
    "GRU": (lambda: rnn(kind=nn.GRU), slice(10, 15)),
    "LSTM": (lambda: rnn(kind=nn.LSTM), slice(10, 15)),
    "LSTM with a projection": (lambda: rnn(kind=nn.LSTM, proj_size=4), slice(10, 15)),
    "GRUCell": (lambda: nn.GRUCell(3, 5).double(), slice(10, 15)),
}
"""What is trained, and which rows of its W_hh are the state's own."""


@pytest.mark.parametrize(("make", "rows"), BLOCKS.values(), ids=BLOCKS)
def test_orthogonality_is_what_autograd_gives(make: Any, rows: slice) -> None:
    module = make()
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    matrices = {n: p for n, p in module.named_parameters() if "weight_hh" in n}
    wanted = {n: p.detach().clone().requires_grad_() for n, p in matrices.items()}
    total = torch.zeros((), dtype=torch.float64)
    for w in wanted.values():
        block = w[rows]
        total = total + (block.T @ block - torch.eye(block.shape[1])).pow(2).sum()
    (0.3 * total).backward()  # type: ignore[no-untyped-call]
    before, seen, guard = guarded_gradients(module, Orthogonality(weight=0.3), lambda: None)
    for name, gradient in seen.items():
        added = gradient - before[name]
        expected = wanted[name].grad if name in wanted else torch.zeros_like(added)
        assert (added - expected).abs().max() <= EXACT
    assert guard.interventions[0].cause == f"‖WᵀW - I‖² is {total.item():.3g}"


def test_orthogonality_alone_makes_a_matrix_orthogonal() -> None:
    module = rnn()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    guard = Guard(module, optimizer, Orthogonality(weight=0.5))
    for _ in range(300):
        for parameter in module.parameters():
            parameter.grad = torch.zeros_like(parameter)
        guard.step()
    assert torch.allclose(torch.linalg.svdvals(module.weight_hh_l0), torch.ones(()).double())


# -- after the step -----------------------------------------------------------------------


@pytest.mark.parametrize("of", ["radius", "sigma"])
@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM", "GRUCell"])
def test_the_spectrum_is_brought_to_the_cap_and_nothing_else_changed(name: str, of: str) -> None:
    make, rows = BLOCKS[name]
    module = make()  # type: ignore[no-untyped-call]
    matrices = {n: p for n, p in module.named_parameters() if "weight_hh" in n}
    with torch.no_grad():
        for w in matrices.values():
            w[rows] *= 9.0
    before = {n: p.detach().clone() for n, p in module.named_parameters()}
    sizes = {n: size_of(before[n][rows], of) for n in matrices}
    cap = 1.5
    assert any(size > cap for size in sizes.values())
    _, _, guard = guarded_gradients(module, SpectralCap(radius=cap, of=of), lambda: None)
    for n, p in module.named_parameters():
        expected = before[n].clone()
        if sizes.get(n, 0) > cap:
            expected[rows] *= cap / sizes[n]
            assert size_of(p.detach()[rows], of) == pytest.approx(cap, abs=EXACT)
        assert torch.allclose(p.detach(), expected, rtol=0, atol=EXACT)
    (act,) = guard.interventions
    assert act.before == pytest.approx(max(sizes.values()))
    assert act.after == cap


def size_of(matrix: Tensor, of: str) -> float:
    if of == "sigma":
        return float(torch.linalg.svdvals(matrix)[0])
    return float(torch.linalg.eigvals(matrix).abs().max())


@pytest.mark.parametrize("share", [0.9, 0.99, 1.0])
def test_a_spectrum_within_the_cap_is_left_bit_identical(share: float) -> None:
    """The bound that is asked first may be above; the eigenvalues then tell."""
    module = rnn()
    before = module.weight_hh_l0.detach().clone()
    cap = size_of(before, "radius") / share
    _, _, guard = guarded_gradients(module, SpectralCap(radius=cap), lambda: None)
    assert torch.equal(module.weight_hh_l0.detach(), before)
    assert guard.interventions == []


@pytest.mark.parametrize(
    "matrix",
    [
        torch.zeros(5, 5),
        torch.triu(torch.full((5, 5), 100.0), 1),  # nilpotent: every eigenvalue is 0
        torch.tensor([[0.0, -0.9], [0.9, 0.0]]),
        torch.full((3, 3), float("nan")),
        1e30 * torch.triu(torch.ones(4, 4), 1),
    ],
    ids=["zero", "nilpotent", "turning", "NaN", "huge"],
)
def test_a_matrix_that_cannot_grow_is_left_alone(matrix: Tensor) -> None:
    module: Any = nn.RNN(2, len(matrix))
    module.weight_hh_l0.data.copy_(matrix)
    _, _, guard = guarded_gradients(module, SpectralCap(radius=1.0), lambda: None)
    assert torch.equal(module.weight_hh_l0.detach().nan_to_num(7), matrix.nan_to_num(7))
    assert guard.interventions == []


def test_the_cap_looks_every_so_often() -> None:
    module = rnn()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.0)
    guard = Guard(module, optimizer, SpectralCap(radius=0.5, every=3))
    for _ in range(7):
        with torch.no_grad():
            module.weight_hh_l0.mul_(4.0)
        guard.step()
    assert [act.iteration for act in guard.interventions] == [0, 3, 6]


def test_a_radius_is_refused_where_there_is_none() -> None:
    module = rnn(kind=nn.LSTM, proj_size=4)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with pytest.raises(SettingError, match=r"5 by 4: the matrix must be square.*of=sigma"):
        Guard(module, optimizer, SpectralCap())
    Guard(module, optimizer, SpectralCap(of="sigma")).close()
    line = nn.Linear(3, 3)
    with pytest.raises(SettingError, match="needs a recurrent layer whose W_hh is trained"):
        Guard(line, torch.optim.SGD(line.parameters(), lr=0.1), SpectralCap())
    with pytest.raises(SettingError, match="needs a recurrent layer whose W_hh is trained"):
        Guard(line, torch.optim.SGD(line.parameters(), lr=0.1), Orthogonality())


def test_no_unit_is_longer_than_the_limit() -> None:
    module = rnn()
    with torch.no_grad():
        module.weight_ih_l0[2] *= 50
        module.weight_hh_l0[4] *= 50
        module.bias_ih_l0.fill_(100.0)
    before = {n: p.detach().clone() for n, p in module.named_parameters()}
    longest = max(float(w.norm(dim=1).max()) for n, w in before.items() if "weight" in n)
    _, _, guard = guarded_gradients(module, WeightLimit(norm=4.0), lambda: None)
    for name, p in module.named_parameters():
        expected = before[name]
        if expected.dim() == 2:
            expected = torch.stack([row * min(1.0, 4.0 / float(row.norm())) for row in expected])
        assert torch.allclose(p.detach(), expected, rtol=0, atol=EXACT), name
    (act,) = guard.interventions
    assert act.before == pytest.approx(longest)
    assert act.after == 4.0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("policy", [WeightLimit(norm=1.0), SpectralCap(radius=0.5)])
def test_what_was_brought_within_is_not_scaled_again(policy: Policy, dtype: torch.dtype) -> None:
    """Rounding leaves it a little above: that is not worth an act at every step."""
    module = rnn().to(dtype)
    with torch.no_grad():
        module.weight_hh_l0.mul_(10)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.0)
    guard = Guard(module, optimizer, policy)
    for _ in range(5):
        guard.step()
    assert [act.iteration for act in guard.interventions] == [0]


def test_a_clip_counts_what_a_penalty_has_added() -> None:
    module = rnn()
    for parameter in module.parameters():
        parameter.grad = torch.full_like(parameter, 1e-6)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.0)
    seen: dict[str, Tensor] = {}
    with Guard(module, optimizer, Orthogonality(weight=100.0), ClipNorm(norm=1.0)) as guard:
        optimizer.register_step_pre_hook(lambda *_: seen.update(gradients(module)))
        guard.step()
    assert float(torch.cat([g.flatten() for g in seen.values()]).norm()) == pytest.approx(1.0)
    assert [act.policy for act in guard.interventions] == ["orthogonality", "clip"]


def test_a_penalty_adds_nothing_to_a_step_that_is_lost() -> None:
    """And the next one is as ever."""
    module = rnn()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.0)
    guard = Guard(module, optimizer, Omega(), Orthogonality(), Skip())
    x = torch.randn(4, 2, 3, dtype=torch.float64)
    (module(x)[0].sum() * float("nan")).backward()
    guard.step()
    optimizer.zero_grad()
    module(x)[0].sum().backward()
    guard.step()
    assert [(act.iteration, act.policy) for act in guard.interventions] == [
        (0, "skip"), (1, "omega"), (1, "orthogonality"),
    ]  # fmt: skip
