"""How fast the channels of gated linear recurrences forget."""

from backsight.monitor._iteration import Iteration
from backsight.monitor.measurements._measurement import SAMPLED, LayerFaults, Measurement
from backsight.probes import Readers
from backsight.signals import StateHalfLives

__all__ = ["HalfLives"]


class HalfLives(Measurement):
    """``state_half_life`` and what goes with it, from the gates of a forward that runs anyway.

    Example:
        >>> import torch
        >>> import backsight
        >>> from backsight.nn import build_cell
        >>> rnn = build_cell("lru", 3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     loss = rnn(torch.randn(2, 20, 3))[0][:, -1].square().mean()
        ...     loss.backward()
        ...     optimizer.step()
        >>> run = backsight.Run("runs/mine")
        >>> run.profile("state_half_life").widths.tolist()
        [21]
        >>> run.profile("state_beyond_steps").rows[-1].tolist()
        [64.0, 512.0, 20.0]
    """

    name = "state half-lives"
    signals = ("state_beyond", "state_beyond_steps", "state_half_life", "state_half_life_bound")
    schedule = SAMPLED

    def __init__(self) -> None:
        self._readers: Readers | None = None

    def on_iteration_begin(self, now: Iteration) -> None:
        """Who has been told what to leave alone."""
        self._readers = now.readers

    def on_iteration_end(self, now: Iteration) -> None:
        """Of each layer that has shown its gates."""

        def record(path: str, lives: StateHalfLives) -> None:
            name = path or "model"  # which is itself the layer
            kind = "state_half_life_bound" if lives.bound else "state_half_life"
            now.record_profile(f"{kind}/{name}", lives.quantiles)
            now.record_profile(f"state_beyond/{name}", lives.beyond)
            now.record_profile(f"state_beyond_steps/{name}", lives.far)

        reader = now.readers.decays
        self.each_layer(reader.half_lives(), record)
        if reader.errors:
            raise LayerFaults(reader.errors)

    def switched_off(self, layer: str | None) -> None:
        """The gates of that layer are not read any longer."""
        if self._readers is not None and layer is not None:
            self._readers.decays.ignore(layer)
