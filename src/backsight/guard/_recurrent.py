"""The recurrent matrices that a guard may hold in bounds."""

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor, nn
from torch.optim import LBFGS, Optimizer

from backsight.errors import SettingError
from backsight.layers import adapter_of
from backsight.probes import named_modules

__all__ = ["TrainedMatrix", "recurrent_blocks", "refuse_closures"]


@dataclass(frozen=True, slots=True, eq=False)
class TrainedMatrix:
    """The part of one layer's ``W_hh`` through which the state makes the next one.

    Of an RNN it is the whole; of a GRU the rows of the new state, of an LSTM those of the
    candidate. Gates only weigh, with slopes of a quarter at the most: to hold them down would
    take away what they may remember.
    """

    name: str
    """``rnn.l0``; of a cell, its path."""
    parameter: nn.Parameter
    rows: slice

    @property
    def weights(self) -> Tensor:
        """``(H, P)``, to be changed in place."""
        return self.parameter.detach()[self.rows]

    @property
    def gradient(self) -> Tensor | None:
        """Likewise."""
        gradient = self.parameter.grad
        return None if gradient is None else gradient[self.rows]


def recurrent_blocks(model: nn.Module, moved: Iterable[nn.Parameter]) -> list[TrainedMatrix]:
    """Those of every layer, direction and cell whose ``W_hh`` is trained.

    Args:
        model: with recurrent layers in it.
        moved: what the optimizers move.
    """
    trained = {id(parameter) for parameter in moved}
    blocks = []
    for path, module in named_modules(model):
        adapter = adapter_of(module)
        for matrix in () if adapter is None else adapter.recurrent_matrices(module):
            parameter = matrix.parameter
            if isinstance(parameter, nn.Parameter) and id(parameter) in trained:
                name = ".".join(filter(None, (path, matrix.suffix)))
                blocks.append(TrainedMatrix(name, parameter, matrix.rows))
    return blocks


def refuse_closures(optimizers: Iterable[Optimizer], name: str) -> None:
    """Raise a SettingError where a closure is evaluated many times: what is added is lost."""
    if any(isinstance(optimizer, LBFGS) for optimizer in optimizers):
        raise SettingError(
            f"guard policy {name} adds a penalty to the gradients before the step, but LBFGS "
            "computes its gradients many times inside a step: add the penalty to the loss instead"
        )
