"""Lightning, manual optimisation with two optimizers that step one after the other."""

from typing import Any

import lightning
import torch
from _digest import digest
from _lightning import Module, loader, trainer
from torch import Tensor
from torch.nn.functional import cross_entropy

ITERATIONS = [12]
LAYERS = 1


class Manual(Module):
    """Steps by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch: list[Tensor], _: int) -> None:  # type: ignore[override]
        """One step of each optimizer."""
        body, head = self.optimizers()
        body.zero_grad()
        head.zero_grad()
        loss = cross_entropy(self.model(batch[0]), batch[1])
        self.manual_backward(loss)
        self.clip_gradients(body, gradient_clip_val=0.5, gradient_clip_algorithm="norm")
        body.step()
        head.step()
        self.losses.append(loss.item())

    def configure_optimizers(self) -> Any:
        """One for the LSTM, one for the linear layer."""
        return (
            torch.optim.Adam(self.model.rnn.parameters(), lr=0.01),
            torch.optim.SGD(self.model.head.parameters(), lr=0.1),
        )


if __name__ == "__main__":
    lightning.seed_everything(0, verbose=False)
    module = Manual()
    trainer().fit(module, loader())
    print(module.losses, digest(module))
