"""What a sample, and a step without one, cost beside what others add for less.

python -m benchmarks.speed.samples            # three minutes on two idle cores
python -m benchmarks.speed.samples --quick    # the smallest fused layers, and no loops
python -m benchmarks.speed.samples --full     # two layers of every shape, 25 rounds: half an hour
"""

import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from backsight.monitor import Monitor, watch
from backsight.probes import FusedReader, by_probe_input, by_recurrence_seeds
from benchmarks._shared.harness import option_parser, publish, show

METHOD = (
    "One training step (forward, loss at every step, backward, Adam) of a layer with a linear "
    "head; every column is a model of its own, their steps taken in turn. Ratios to the bare "
    "step, medians over rounds of the ratio within a round. 'unsampled': a watched step without "
    "a sample; 'sample adds': a step with every=1 after the first ten, less the bare one, in bare "
    "steps, by direct recurrence and by probe input; 'first add': the same of the third to the "
    "sixth sample, in which every check runs; 'rules add': the time the judge takes for an "
    "iteration, in bare steps, within 'unsampled', and 'sampled' where every iteration is a "
    "sample. What the default settings add is in the benchmark overhead. wandb.watch: offline, "
    "its own defaults (a histogram of gradients every 1,000 steps), and log_freq=1. Lightning: "
    "utilities.grad_norm before every optimizer step, as its callback does. Unrolled: a loop "
    "over cells with retained gradients on every state."
)
LOOPS_METHOD = (
    "The same step of a loop over cells with 64 units, 100 steps and 32 sequences: of cells that "
    "are called once per step, and of a step that is a method, whose states are found in the graph."
)
LOOP = (100, 32, 64)
SHAPES = ((100, 32, 128), (100, 32, 512), (400, 64, 256))
KINDS: dict[str, Any] = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}
CELLS: dict[str, Any] = {"RNN": nn.RNNCell, "GRU": nn.GRUCell, "LSTM": nn.LSTMCell}
INPUTS = 64
WARM_UP = 2
"""Rounds that do not count."""
FIRST = 9
"""Rounds apart: every check runs in the first six samples, and in the ninth."""


class Fused(nn.Module):
    """A layer and a head."""

    def __init__(self, kind: str, hidden: int, layers: int) -> None:
        super().__init__()
        self.layer = KINDS[kind](INPUTS, hidden, layers)
        self.head = nn.Linear(hidden, INPUTS)

    def forward(self, x: Tensor) -> Tensor:
        """``(T, B, I)`` to the same."""
        result: Tensor = self.head(self.layer(x)[0])
        return result


class Unrolled(nn.Module):
    """The same by cells, with a gradient kept for every state: what is done without us."""

    def __init__(self, kind: str, hidden: int, layers: int) -> None:
        super().__init__()
        sizes = [INPUTS, *[hidden] * (layers - 1)]
        self.cells = nn.ModuleList(CELLS[kind](size, hidden) for size in sizes)
        self.head = nn.Linear(hidden, INPUTS)
        self.states: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        """``(T, B, I)`` to the same."""
        self.states = []
        states: list[Any] = [None] * len(self.cells)
        tops = []
        for step in x:
            below = step
            for number, cell in enumerate(self.cells):
                states[number] = cell(below, states[number])
                state = states[number]
                below = state[0] if isinstance(state, tuple) else state
                below.retain_grad()
                self.states.append(below)
            tops.append(below)
        result: Tensor = self.head(torch.stack(tops))
        return result


class Looped(nn.Module):
    """The same by cells, without anything else; or by a step that no module shows."""

    def __init__(self, kind: str, hidden: int, layers: int) -> None:
        super().__init__()
        sizes = [INPUTS, *[hidden] * (layers - 1)]
        self.cells = nn.ModuleList(
            CELLS[kind](size, hidden)
            if kind in CELLS
            else nn.ModuleList((nn.Linear(size, hidden), nn.Linear(hidden, hidden)))
            for size in sizes
        )
        self.hidden, self.by_method = hidden, kind not in CELLS
        self.head = nn.Linear(hidden, INPUTS)

    def step(self, number: int, below: Tensor, state: Any) -> Any:
        """The next state of a layer."""
        cell: Any = self.cells[number]
        if not self.by_method:
            return cell(below, state)
        into, again = cell
        state = below.new_zeros(len(below), self.hidden) if state is None else state
        return torch.tanh(into(below) + again(state))

    def forward(self, x: Tensor) -> Tensor:
        """``(T, B, I)`` to the same."""
        states: list[Any] = [None] * len(self.cells)
        tops = []
        for below in x:
            for number in range(len(self.cells)):
                state = states[number] = self.step(number, below, states[number])
                below = state[0] if isinstance(state, tuple) else state
            tops.append(below)
        result: Tensor = self.head(torch.stack(tops))
        return result


class Arm:
    """A model that is trained in its own way."""

    def __init__(self, model: nn.Module, device: torch.device) -> None:
        self.model = model.to(device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-4)
        self.before_step: Callable[[], None] = lambda: None
        self.monitor: Monitor | None = None
        self.pause = ExitStack()
        """Holds the monitor's clock while the other arms train."""
        self.times: list[float] = []
        self.sampled: list[bool] = []
        self.judging = 0.0
        """Seconds that the rules took, in all iterations judged."""

    def time_rules(self) -> None:
        """Count what the monitor's judge takes."""
        assert self.monitor
        judge = self.monitor._judging._judge
        see = judge.update

        def timed(*args: Any) -> Any:
            began = time.perf_counter()
            found = see(*args)
            self.judging += time.perf_counter() - began
            return found

        judge.update = timed  # type: ignore[method-assign,assignment]

    @property
    def rules(self) -> float:
        """Seconds an iteration."""
        assert self.monitor
        self.monitor.collect()
        return self.judging / max(self.monitor._judging._judge.iterations, 1)

    def step(self, x: Tensor) -> None:
        """One step, timed."""
        self.pause.close()
        finish(x.device)
        began = time.perf_counter()
        loss = (self.model(x) - x).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.before_step()
        self.optimizer.step()
        finish(x.device)
        self.times.append(time.perf_counter() - began)
        if self.monitor:
            self.sampled.append(self.monitor._observed.now.sampled)
            self.pause.enter_context(self.monitor.paused())


def finish(device: torch.device) -> None:
    """Wait for an accelerator."""
    if device.type == "cuda":
        torch.cuda.synchronize()


@contextmanager
def arms(kind: str, shape: tuple[int, int, int], layers: int, device: torch.device,
         folder: Path) -> Iterator[dict[str, Arm]]:  # fmt: skip
    """All ways to train that are compared."""
    hidden = shape[2]

    def fused() -> Arm:
        return Arm(Fused(kind, hidden, layers), device)

    found = {name: fused() for name in ("bare", "default", "recurrence", "probe input")}
    stem = f"{kind}-{shape}-{layers}"
    with ExitStack() as stack:
        for name, every in (("default", "auto"), ("recurrence", 1), ("probe input", 1)):
            arm = found[name]
            way = {"recurrence": by_recurrence_seeds, "probe input": by_probe_input}.get(name)
            monitor = watch(arm.model, arm.optimizer, folder / f"{stem}-{name}", every=every)  # type: ignore[arg-type]
            reader = monitor._observed.readers.by_reading["fused"]
            assert isinstance(reader, FusedReader)
            reader.arithmetic = way
            arm.monitor = stack.enter_context(monitor)
            stack.callback(arm.pause.close)
            arm.pause.enter_context(monitor.paused())
            arm.time_rules()
        with suppress(ImportError):
            found |= watch_with_wandb({"wandb": fused(), "wandb every": fused()}, folder, stack)
        try:
            from lightning.pytorch.utilities import grad_norm

            arm = found["lightning"] = fused()
            arm.before_step = lambda arm=arm: grad_norm(arm.model, 2)  # type: ignore[misc]
        except ImportError:
            pass
        found["unrolled"] = Arm(Unrolled(kind, hidden, layers), device)
        yield found


def watch_with_wandb(two: dict[str, Arm], folder: Path, stack: ExitStack) -> dict[str, Arm]:
    """``wandb.watch`` offline, at its defaults and every step; a row is logged each step."""
    os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", WANDB_DIR=str(folder))
    import wandb

    run = wandb.init(project="overhead", reinit="finish_previous")
    stack.callback(run.finish)
    run.watch(two["wandb"].model)
    run.watch(two["wandb every"].model, log_freq=1)
    for arm in two.values():
        arm.before_step = lambda: run.log({"step": 1})
        stack.callback(run.unwatch, arm.model)
    return two


def measure(kind: str, shape: tuple[int, int, int], layers: int, rounds: int, device: torch.device,
            folder: Path) -> dict[str, Any]:  # fmt: skip
    """One row."""
    steps, batch, hidden = shape
    torch.manual_seed(0)
    x = torch.randn(steps, batch, INPUTS, device=device)
    with arms(kind, shape, layers, device, folder) as found:
        first = go_round(found, x, rounds)
        bare = found["bare"].times

        def ratio(name: str, only: list[bool] | None = None) -> float:
            return ratio_of(found[name].times, bare, only) if name in found else float("nan")

        unsampled = ratio("default", [not sampled for sampled in found["default"].sampled])
        row: dict[str, Any] = {
            "what": f"{kind} {steps}, {batch}, {hidden} × {layers}",
            "bare ms": statistics.median(bare) * 1e3,
            "unsampled": unsampled,
            "sample adds": ratio("recurrence") - 1,
            "first add": ratio_of(first["recurrence"], first["bare"]) - 1,
            "rules add": found["default"].rules / statistics.median(bare),
            "sampled": found["recurrence"].rules / statistics.median(bare),
            "by probe input": ratio("probe input") - 1,
            **{name: ratio(name) for name in ("wandb", "wandb every", "lightning", "unrolled")},
        }
    return row


def go_round(found: dict[str, Arm], x: Tensor, rounds: int) -> dict[str, list[float]]:
    """Step them in turn; returns the times of the first samples, each of which runs every check."""
    first: dict[str, list[float]] = {}
    for number in range(WARM_UP + FIRST + rounds):
        for arm in found.values():
            arm.step(x)
        if number in (WARM_UP - 1, WARM_UP + FIRST - 1):
            # At first kernels are found and memory is had; ours has sampled its first.
            first = {name: arm.times[:4] for name, arm in found.items()}
            for arm in found.values():
                arm.times, arm.sampled = [], []
    return first


def ratio_of(times: list[float], bare: list[float], only: list[bool] | None = None) -> float:
    """The median over rounds of a step's time by the bare one's."""
    pairs = zip(times, bare, only or [True] * len(bare), strict=True)
    return statistics.median(a / b for a, b, use in pairs if use)


def measure_loop(
    kind: str, layers: int, rounds: int, device: torch.device, folder: Path
) -> dict[str, Any]:
    """One row of a loop over cells."""
    steps, batch, hidden = LOOP
    torch.manual_seed(0)
    x = torch.randn(steps, batch, INPUTS, device=device)
    found = {name: Arm(Looped(kind, hidden, layers), device) for name in ("bare", "auto", "every")}
    with ExitStack() as stack:
        for name in ("auto", "every"):
            arm, run = found[name], folder / f"loop-{kind}-{layers}-{name}"
            monitor = watch(arm.model, arm.optimizer, run, every="auto" if name == "auto" else 1)
            arm.monitor = stack.enter_context(monitor)
            stack.callback(arm.pause.close)
            arm.pause.enter_context(monitor.paused())
        first = go_round(found, x, rounds)
    bare, auto = found["bare"].times, found["auto"]
    what = f"loop over {kind}Cell" if kind in CELLS else "step that is a method"
    return {
        "what": f"{what} {steps}, {batch}, {hidden} × {layers}",
        "bare ms": statistics.median(bare) * 1e3,
        "unsampled": ratio_of(auto.times, bare, [not sampled for sampled in auto.sampled]),
        "sample adds": ratio_of(found["every"].times, bare) - 1,
        "first add": ratio_of(first["every"], first["bare"]) - 1,
    }


def main() -> None:
    """Measure and publish."""
    parser = option_parser(__doc__)
    parser.add_argument("--rounds", type=int, help="10 unless given, fewer of large shapes")
    parser.add_argument("--quick", action="store_true", help="the first shape, one layer, no loops")
    parser.add_argument("--full", action="store_true", help="two layers of every shape, 25 rounds")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    device = torch.device(options.device)
    logging.disable(logging.WARNING)
    rounds = options.rounds or (25 if options.full else 10)
    small, *large = [shape for shape in SHAPES if not options.quick or shape is SHAPES[0]]
    both = (1,) if options.quick else (1, 2)
    cases = [
        (kind, shape, layers, rounds if shape is small else max(4, rounds // 3))
        for kind in KINDS
        for shape in (small, *large)
        for layers in (both if options.full or shape is small else (1,))
    ]
    loops = [(kind, layers) for kind in (*CELLS, "") for layers in (1, 2)]
    loops = [] if options.quick else loops
    began = time.perf_counter()

    def tell(number: int, what: str) -> None:
        passed = time.perf_counter() - began
        print(f"{number + 1} of {len(cases) + len(loops)}, {passed:.0f} s: {what}", flush=True)

    rows, of_loops = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number, (kind, shape, layers, count) in enumerate(cases):
            tell(number, f"{kind}, {shape}, {layers} layers")
            rows.append(measure(kind, shape, layers, count, device, Path(folder)))
            show(rows[-1])
        for number, (kind, layers) in enumerate(loops, len(cases)):
            tell(number, f"a loop, {layers} layers")
            of_loops.append(measure_loop(kind, layers, rounds, device, Path(folder)))
            show(of_loops[-1])
    stem = "" if device.type == "cpu" else f"-{device.type}"
    publish(f"samples{stem}", METHOD, rows)
    if of_loops:
        publish(f"samples-loops{stem}", LOOPS_METHOD, of_loops)


if __name__ == "__main__":
    main()
