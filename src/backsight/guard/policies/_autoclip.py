"""``autoclip``: at a quantile of the norms so far."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis import Recent
from backsight.guard._policy import GuardContext
from backsight.guard._step import Step
from backsight.guard.policies._clip import NormClip

__all__ = ["AutoClip"]


@dataclass
class AutoClip(NormClip):
    """Clip to the ``share`` quantile of the last ``window`` norms, this one included.

    It clips always, by construction: a share 1 - ``share`` of the steps. Until there are a few
    norms it hardly clips at all.

    Source: Seetharaman, Wichern, Pardo, Le Roux 2020.

    Example:
        >>> import torch
        >>> from backsight.guard import AutoClip, Guard
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
        >>> guard = Guard(model, optimizer, AutoClip(share=0.5))
        >>> for size in [1.0] * 20 + [50.0]:
        ...     optimizer.zero_grad()
        ...     model(torch.tensor([[size]])).sum().backward()
        ...     acts = guard.step()
        >>> [(act.before, round(act.after, 3)) for act in acts]
        [(50.0, 1.0)]
    """

    name: ClassVar[str] = "autoclip"
    main: ClassVar[str] = "share"

    share: float = 0.9
    window: int = 1000
    _norms: Recent = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._share("share")
        self._count(2, "window")
        self._norms = Recent(self.window)

    def limit(self, step: Step, guard: GuardContext) -> tuple[float, str]:
        """The quantile."""
        self._norms.add(step.norm)
        return self._norms.quantile(self.share), f"norm above the {self.share:g} quantile"
