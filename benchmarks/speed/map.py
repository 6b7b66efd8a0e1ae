"""Many networks as one batch, beside a loop over them and ``torch.func.vmap``.

    python -m benchmarks.speed.map --threads 1 2
    python -m benchmarks.speed.map --threads 1 --cells mingru minlstm lru
    python -m benchmarks.speed.map --whole               # and a map of 64 by 64 for real

Where something else keeps the processor busy, measure one thread: two that share an operation of
a tenth of a millisecond wait for the one that is not running.
"""

import os
import statistics
import time
from collections.abc import Callable
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap
from torch.nn import functional

from backsight.nn import Cell, ManyModels, ManySGD, SequenceModel, clip_each, seeded
from backsight.tasks import Batches, TemporalOrder
from benchmarks._shared.harness import option_parser, publish, show

METHOD = (
    "One training step of K networks of a cell, of H units with a linear head, all on the same "
    "batch of 20 sequences of 50 steps of temporal order: forward, loss at the last step, "
    "backward, clip the norm at 1, SGD; float32, a learning rate for each network. 'loop': nn.RNN"
    " or the layer as the trainer calls it, clip_grad_norm_ and torch.optim.SGD (both at their "
    "default: no foreach on a CPU), one network after the other; 'foreach': the same with "
    "foreach=True in both, the faster one is the loop's ratio. Both of the first LOOPED networks,"
    " times K / LOOPED: no network makes another faster or slower. 'vmap': torch.func.vmap of "
    "grad_and_value of functional_call of a step by step loop over stacked parameters (nn.RNN has"
    " no rule for vmap), clip and SGD by batched operations; of tanh networks alone. 'ours': "
    "ManyModels, clip_each, ManySGD. The ways take turns, all K networks once a round; "
    "milliseconds are medians over rounds, ratios medians of the ratio within a round; 'fastest "
    "×' is the loop's fastest step by our fastest, which a busy machine disturbs least. 'apart': "
    "the largest difference between ours and the loop in any parameter, at the end. 'map min': "
    "'ours' times 500 steps times 4,096 / K batches, a map of 64 by 64 without what it measures "
    "besides; with --whole one of 4,096 networks for 500 steps is really trained, on batches "
    "drawn anew. load: of the machine, over the last minute, at the end."
)
STEPS, BATCH, LOOPED, CELLS, ITERATIONS = 50, 20, 32, 64 * 64, 500
TASK = TemporalOrder(STEPS)
Step = Callable[[Tensor, Tensor], None]


class Unrolled(nn.Module):
    """A step by step tanh RNN and a head, with the parameters of a SequenceModel."""

    def __init__(self, model: SequenceModel) -> None:
        super().__init__()
        self.rnn, self.head = model.rnn, model.head

    def forward(self, x: Tensor) -> Tensor:
        """``(B, T, I)`` to the answers at the last step ``(B, O)``."""
        w_ih, w_hh, b_ih, b_hh = (
            getattr(self.rnn, f"{name}_l0")
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        own = functional.linear(x, w_ih, b_ih + b_hh)
        h = own[:, 0].tanh()
        for step in range(1, x.shape[1]):
            h = torch.tanh(own[:, step] + h @ w_hh.T)
        answers: Tensor = self.head(h)
        return answers


def make(networks: int, hidden: int, cell: Cell = "rnn") -> list[SequenceModel]:
    """Each from its own seed."""

    def one() -> SequenceModel:
        return SequenceModel(TASK.inputs, TASK.outputs, cell=cell, hidden=hidden, every_step=False)

    return [seeded(k, one) for k in range(networks)]


def rates(networks: int) -> list[float]:
    """As a row of a map has them."""
    return [float(rate) for rate in torch.logspace(-3, -1, networks)]


def loop(models: list[SequenceModel], chosen: list[float], foreach: bool | None) -> Step:
    """One network after the other."""
    parameters = [list(model.parameters()) for model in models]
    optimizers = [
        torch.optim.SGD(p, lr=rate, foreach=foreach)
        for p, rate in zip(parameters, chosen, strict=True)
    ]

    def step(x: Tensor, y: Tensor) -> None:
        for model, own, optimizer in zip(models, parameters, optimizers, strict=True):
            optimizer.zero_grad()
            functional.cross_entropy(model(x)[0], y).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(own, 1.0, foreach=foreach)
            optimizer.step()

    return step


def by_vmap(models: list[SequenceModel], chosen: list[float]) -> Step:
    """All networks, by PyTorch's own means."""
    unrolled = [Unrolled(model) for model in models]
    parameters, buffers = stack_module_state(unrolled)
    weights = {name: p.detach() for name, p in parameters.items()}
    rate = torch.tensor(chosen)

    def loss(one: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return functional.cross_entropy(functional_call(unrolled[0], (one, buffers), (x,)), y)

    differentiate = vmap(grad_and_value(loss), in_dims=(0, None, None))

    def step(x: Tensor, y: Tensor) -> None:
        gradients, _ = differentiate(weights, x, y)
        squares = [g.flatten(1).square().sum(1) for g in gradients.values()]
        norms = torch.stack(squares).sum(0).sqrt()
        factor = (1 / (norms + 1e-6)).clamp(max=1) * rate
        for name, weight in weights.items():
            gradient = gradients[name]
            weight.sub_(gradient * factor.view(-1, *[1] * (gradient.dim() - 1)))

    return step


def batched(many: ManyModels, chosen: list[float]) -> Step:
    """All networks, by the scan."""
    optimizer = ManySGD(many.parameters, chosen)

    def step(x: Tensor, y: Tensor) -> None:
        many.backward(x, y, "classes")
        clip_each(many.gradient, 1.0)
        optimizer.step(many.gradient)

    return step


def draw(batches: Batches) -> tuple[Tensor, Tensor]:
    """A batch as tensors."""
    inputs, targets = batches.draw()
    return torch.from_numpy(inputs), torch.from_numpy(targets)


def measure(cell: Cell, networks: int, hidden: int, rounds: int, threads: int) -> dict[str, Any]:
    """One row."""
    torch.set_num_threads(threads)
    looped = min(LOOPED, networks)
    chosen = rates(networks)
    alone = make(looped, hidden, cell)
    many = ManyModels(make(networks, hidden, cell))
    steps: dict[str, tuple[Step, float]] = {
        "loop": (loop(alone, chosen[:looped], None), networks / looped),
        "foreach": (loop(make(looped, hidden, cell), chosen[:looped], True), networks / looped),
        "ours": (batched(many, chosen), 1.0),
    }
    if cell == "rnn":
        steps["vmap"] = by_vmap(make(networks, hidden), chosen), 1.0
    batches = Batches(TASK, BATCH, seed=0)
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds + 2):
        x, y = draw(batches)
        for name, (step, share) in steps.items():
            began = time.perf_counter()
            step(x, y)
            times[name].append((time.perf_counter() - began) * share)
    times = {name: taken[2:] for name, taken in times.items()}  # memory is there, kernels are found
    middle = {name: statistics.median(taken) for name, taken in times.items()}

    def ratio(name: str) -> float:
        pairs = zip(times[name], times["ours"], strict=True)
        return statistics.median(a / b for a, b in pairs)

    apart = max(
        float((row - nn.utils.parameters_to_vector(model.parameters()).detach()).abs().max())
        for row, model in zip(many.parameters, alone, strict=False)
    )
    return {
        "what": f"{cell}, K {networks}, H {hidden}, threads {threads}",
        "loop ms": middle["loop"] * 1e3,
        "foreach ms": middle["foreach"] * 1e3,
        "vmap ms": middle["vmap"] * 1e3 if "vmap" in middle else "–",
        "ours ms": middle["ours"] * 1e3,
        "loop ×": min(ratio("loop"), ratio("foreach")),
        "fastest ×": min(min(times["loop"]), min(times["foreach"])) / min(times["ours"]),
        "vmap ×": ratio("vmap") if "vmap" in times else "–",
        "apart": apart,
        "map min": middle["ours"] * ITERATIONS * CELLS / networks / 60,
        "load": os.getloadavg()[0],
    }


def whole(networks: int, hidden: int, threads: int) -> dict[str, Any]:
    """A map of 64 by 64 for real."""
    torch.set_num_threads(threads)
    chosen = rates(CELLS)
    began = time.perf_counter()
    for first in range(0, CELLS, networks):
        many = ManyModels(make(networks, hidden))
        step = batched(many, chosen[first : first + networks])
        batches = Batches(TASK, BATCH, seed=0)
        for _ in range(ITERATIONS):
            step(*draw(batches))
    taken = time.perf_counter() - began
    return {
        "what": f"{CELLS} networks, H {hidden}, {ITERATIONS} steps, threads {threads}",
        "map min": taken / 60,
        "load": os.getloadavg()[0],
    }


def main() -> None:
    """Measure and publish."""
    parser = option_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--networks", type=int, default=256)
    parser.add_argument("--cells", nargs="+", default=["rnn"])
    parser.add_argument("--hidden", type=int, nargs="+", default=[16, 32, 64])
    parser.add_argument("--threads", type=int, nargs="+", default=[torch.get_num_threads()])
    parser.add_argument("--whole", action="store_true", help="train a map of 64 by 64")
    options = parser.parse_args()
    rows = []
    for cell, threads, hidden in product(options.cells, options.threads, options.hidden):
        rows.append(measure(cell, options.networks, hidden, options.rounds, threads))
        show(rows[-1])
    if options.whole:
        publish("map-whole", METHOD, [whole(options.networks, 16, t) for t in options.threads])
    publish("map", METHOD, rows)


if __name__ == "__main__":
    main()
