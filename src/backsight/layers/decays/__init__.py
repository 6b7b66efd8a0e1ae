"""Gated linear recurrences: how much of each channel's state is kept at each step, in closed form.

One family a file. A layer belongs to the first of :data:`DECAYS` that recognises it.
"""

import logging

from torch import nn

from backsight.layers.decays._decay import DecayAdapter, Decays
from backsight.layers.decays._delta_rule import GatedDeltaRule
from backsight.layers.decays._lru import LRU
from backsight.layers.decays._mamba import Mamba
from backsight.layers.decays._mamba2 import Mamba2
from backsight.layers.decays._mingru import MinGRU
from backsight.layers.decays._minlstm import MinLSTM
from backsight.layers.decays._rg_lru import RGLRU
from backsight.layers.decays._rwkv import RWKV
from backsight.layers.decays._rwkv6 import RWKV6
from backsight.layers.decays._rwkv7 import RWKV7
from backsight.layers.decays._s5 import S5
from backsight.layers.decays._scan import Scan

__all__ = ["DECAYS", "DecayAdapter", "Decays", "decay_adapter_of"]

DECAYS: tuple[type[DecayAdapter], ...] = (
    Scan,
    MinGRU,
    MinLSTM,
    RGLRU,
    Mamba,
    Mamba2,
    GatedDeltaRule,
    RWKV,
    RWKV6,
    RWKV7,
    S5,
    LRU,
)
"""The families that are known."""

_log = logging.getLogger("backsight")
_off: set[type[DecayAdapter]] = set()
"""Families that have failed to recognise a module."""


def decay_adapter_of(module: nn.Module) -> DecayAdapter | None:
    """The family that ``module`` belongs to; None where it is no gated linear recurrence.

    A family that fails in it is not asked again, and told: it is asked of every module.

    Example:
        >>> from torch import nn
        >>> from backsight.layers import decay_adapter_of
        >>> from backsight.nn import build_cell
        >>> (layer,) = build_cell("mingru", 3, 4).children()
        >>> decay_adapter_of(layer).kind
        'scan'
        >>> print(decay_adapter_of(nn.GRU(3, 4)))
        None
    """
    if not {"_parameters", "_buffers", "_modules"} <= vars(module).keys():
        return None  # its class never called super().__init__()
    for kind in DECAYS:
        if kind in _off:
            continue
        adapter = kind()
        try:
            if adapter.recognises(module):
                return adapter
        except Exception as error:  # noqa: BLE001 - must not reach the training
            _off.add(kind)
            _log.warning(
                "backsight: the family %s failed to recognise a %s and is switched off: %r",
                kind.kind, type(module).__name__, error,
            )  # fmt: skip
    return None
