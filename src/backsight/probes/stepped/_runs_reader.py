"""What readers of modules that advance a state step by step have in common: runs made again."""

from collections.abc import Mapping

from backsight.probes._deep import LayerRun
from backsight.probes._profile import GradientProfile
from backsight.probes._reader import LayerReader, Memories, ReaderSettings
from backsight.probes.stepped._memory import StepRun

__all__ = ["RunsReader", "any_arrived"]


class RunsReader(LayerReader):
    """Keeps, of the pass that has just been measured, what it takes to run each module again.

    Example:
        >>> from backsight.probes import SteppedReader
        >>> from backsight.probes.stepped import RunsReader
        >>> issubclass(SteppedReader, RunsReader)
        True
    """

    def __init__(self, settings: ReaderSettings) -> None:
        super().__init__(settings)
        self._runs: dict[str, StepRun] = {}
        """By path, calls of the pass that was measured, to be made again."""

    def memories(self) -> Memories:
        """Of every module whose calls can be made again."""
        runs, self._runs = self._runs, {}
        found = Memories()
        for path, run in runs.items():
            try:
                profile = run.memory(self.readout)
            except Exception as error:  # noqa: BLE001 - costs that module alone
                found.errors[path] = error
            else:
                if profile is not None:
                    found.profiles[path] = profile
        return found

    def layer_runs(self, errors: dict[str, Exception]) -> dict[str, LayerRun]:
        """Of every module whose calls can be made again."""
        found = {}
        for path, run in self._runs.items():
            try:
                found[path] = run.in_double()
            except Exception as error:  # noqa: BLE001 - costs that module alone
                errors[path] = error
        return found

    def finish(self) -> None:
        """Of the rest of the iteration, nothing is kept."""
        kept = self._runs, self.readout
        self.begin(False)
        self._runs, self.readout = kept


def any_arrived(profiles: Mapping[str, GradientProfile]) -> bool:
    """Whether a gradient has reached any of the modules; otherwise it was another model's loss.

    Example:
        >>> import torch
        >>> from backsight import probe
        >>> from backsight.probes.stepped import any_arrived
        >>> rnn = torch.nn.RNN(3, 4)
        >>> any_arrived(probe(rnn, lambda: rnn(torch.randn(5, 2, 3))[0].sum())), any_arrived({})
        (True, False)
    """
    return any(profile.outcome != "not enough data" for profile in profiles.values())
