"""What a sampled iteration records beyond the scalars of every one."""

import math
import time
import weakref
from collections.abc import Collection, Iterator, Mapping

from torch import nn
from torch.optim import Optimizer

from backsight.layers import adapter_of
from backsight.monitor._outbox import Outbox
from backsight.probes import WIDEST, GradientProfile, Updates, spectrum

__all__ = ["Parameters", "Spectra", "record_profiles"]


def record_profiles(
    profiles: Mapping[str, GradientProfile],
    iteration: int,
    outbox: Outbox,
    shown: Collection[str] = (),
) -> None:
    """Profiles and what follows from them, by layer; nothing where no gradient arrived.

    Args:
        profiles: by layer name.
        iteration: the sampled one.
        outbox: where to.
        shown: layers whose hidden norms are recorded from their whole output.
    """
    numbers: dict[str, float] = {}
    for path, profile in profiles.items():
        name = path or "model"  # which is itself the cell
        if profile.outcome == "not enough data":
            continue
        outbox.profile(f"grad_time/{name}", iteration, profile.grad_time)
        if profile.reach.size:
            outbox.profile(f"reach/{name}", iteration, profile.reach)
        if name not in shown and profile.hidden_norm.size:
            outbox.profile(f"hidden_norm/{name}", iteration, profile.hidden_norm)
        if profile.grad_time_cell is not None:
            outbox.profile(f"grad_time_cell/{name}", iteration, profile.grad_time_cell)
        half, far = profile.half_life, profile.horizon
        numbers[f"half_life/{name}"] = math.nan if half is None else half.steps
        numbers[f"horizon/{name}"] = math.nan if far is None else far.steps
        numbers[f"growth_rate/{name}"] = profile.growth_rate
        for gate, share in profile.saturation.items():
            numbers[f"saturation/{name}{'.' * bool(gate)}{gate}"] = share
    if numbers:
        outbox.here(iteration, numbers)


class Parameters:
    """The parameters of some optimizers, by name; neither is kept alive.

    A group may be added later. A parameter that no observed module holds
    is called after its place: ``group0.3``.
    """

    def __init__(self) -> None:
        self._optimizers: list[tuple[weakref.ref[Optimizer], int]] = []
        self._names: dict[int, str] = {}
        self._updates: dict[int, Updates] = {}
        self._known: tuple[tuple[int, int], ...] = ()
        self._found: dict[int, dict[str, nn.Parameter]] = {}

    def name(self, prefix: str, model: nn.Module) -> None:
        """Learn the names of a model's parameters."""
        for path, parameter in model.named_parameters():
            self._names.setdefault(id(parameter), ".".join(filter(None, (prefix, path))))
        self._found = {}

    def add(self, optimizer: Optimizer) -> None:
        """The parameters of one more optimizer; it is not kept alive."""
        shared = [number for other, number in self._live() if self._share(other, optimizer)]
        numbers = [number for _, number in self._optimizers]
        number = shared[0] if shared else max(numbers, default=-1) + 1
        self._optimizers.append((weakref.ref(optimizer), number))

    def number(self, optimizer: Optimizer) -> int:
        """Tells optimizers of different parameters apart; -1 for a stranger."""
        return next((number for other, number in self._live() if other is optimizer), -1)

    def optimizers(self) -> list[Optimizer]:
        """Those that are still there."""
        return [optimizer for optimizer, _ in self._live()]

    def _live(self) -> Iterator[tuple[Optimizer, int]]:
        for reference, number in self._optimizers:
            optimizer = reference()
            if optimizer is not None:
                yield optimizer, number

    @staticmethod
    def _share(one: Optimizer, other: Optimizer) -> bool:
        mine = {id(p) for group in one.param_groups for p in group["params"]}
        return any(id(p) in mine for group in other.param_groups for p in group["params"])

    def of(self, only: Optimizer | None = None) -> dict[str, nn.Parameter]:
        """Every parameter that one, or any, of the optimizers moves."""
        lists = tuple(
            (id(group["params"]), len(group["params"]))
            for optimizer, _ in self._live()
            for group in optimizer.param_groups
        )
        if lists != self._known:
            self._known, self._found = lists, {}
        key = 0 if only is None else id(only)
        if key not in self._found:
            self._found[key] = self._look(only)
        return self._found[key]

    def _look(self, only: Optimizer | None) -> dict[str, nn.Parameter]:
        found = {}
        for optimizer, number in self._live():
            if only is not None and optimizer is not only:
                continue
            stem = f"optimizer{number + 1}." if number else ""
            for which, group in enumerate(optimizer.param_groups):
                for place, parameter in enumerate(group["params"]):
                    unnamed = f"{stem}group{which}.{place}"
                    found[self._names.get(id(parameter), unnamed)] = parameter
        return found

    def about_to_step(self, optimizer: Optimizer) -> None:
        """Remember where the parameters are."""
        moving = {n: p for n, p in self.of(optimizer).items() if p.numel()}
        self._updates[id(optimizer)] = Updates(moving)

    def stepped(self, optimizer: Optimizer, iteration: int, outbox: Outbox) -> None:
        """Record where they went."""
        updates = self._updates.pop(id(optimizer), None)
        if updates is not None and updates.names:
            norms, ratios = updates.measure()
            outbox.scalars([f"weight_norm/{n}" for n in updates.names], iteration, norms)
            outbox.scalars([f"update_ratio/{n}" for n in updates.names], iteration, ratios)

    def forget(self) -> None:
        """Let the copies go."""
        self._updates = {}


class Spectra:
    """Spectral radius and largest singular value of recurrent matrices, on a slow schedule.

    The first sample measures them, and then every one from which on their cost, a cube of the
    width, has stayed within a share of the time.
    """

    SHARE = 0.0025

    def __init__(self) -> None:
        self._next = 0.0

    def record(
        self,
        layers: Mapping[str, nn.Module],
        iteration: int,
        outbox: Outbox,
    ) -> None:
        """Measure all, if it is time."""
        began = time.perf_counter()
        if began < self._next:
            return
        numbers = {}
        for path, module in layers.items():
            adapter = adapter_of(module)
            for block in () if adapter is None else adapter.recurrent_matrices(module):
                name = ".".join(filter(None, (path, block.suffix))) or "model"
                matrix = block.weights
                radius, sigma = spectrum(matrix)
                square = matrix.shape[0] == matrix.shape[1] <= WIDEST
                if square:
                    numbers[f"spectral_radius/{name}"] = radius
                numbers[f"sigma_max/{name}"] = sigma
        ended = time.perf_counter()
        self._next = ended + (ended - began) / self.SHARE
        if numbers:
            outbox.here(iteration, numbers)
