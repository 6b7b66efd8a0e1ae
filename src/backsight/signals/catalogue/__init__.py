"""What each signal is: the vocabulary that recorder, figures and docs share.

A *family* is defined once. A recorded signal is either the family itself (``loss``) or a
member named after what it was measured on (``hidden_norm/rnn.l0``).

Notation: ``T`` steps, ``B`` sequences, ``H`` hidden units; ``h_t`` the hidden state after
step ``t``, which counts forward from 0; ``‖·‖`` the L2 norm over units; ``θ`` all
parameters; ``L`` the scalar that backward was called on.
"""

from collections.abc import Mapping
from types import MappingProxyType

from backsight.signals.catalogue import (
    _gradients,
    _parameters,
    _settings,
    _states,
    _steps_read,
    _targets,
    _training,
    _validation,
    _wiring,
)
from backsight.signals.catalogue._signal import Signal, family, member

__all__ = ["CATALOGUE", "Signal", "describe", "family", "member"]

CATALOGUE: Mapping[str, Signal] = MappingProxyType(
    {
        signal.name: signal
        for module in (
            _training,
            _gradients,
            _states,
            _parameters,
            _wiring,
            _settings,
            _steps_read,
            _targets,
            _validation,
        )
        for signal in module.SIGNALS
    }
)


def describe(name: str) -> Signal | None:
    """The definition behind a recorded name, or None for a signal the user made up.

    Example:
        >>> from backsight.signals import describe
        >>> describe("hidden_norm/rnn.l0").axes
        ('iteration', 'time')
        >>> print(describe("my_own_signal"))
        None
    """
    return CATALOGUE.get(family(name))
