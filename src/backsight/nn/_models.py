"""The lab's models: features, or characters → recurrent layer → answers."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight.nn._choices import Cell, Init
from backsight.nn._init import initialise
from backsight.nn.cells import build_cell

__all__ = ["CharModel", "SequenceModel", "State", "count_parameters", "detach", "generate"]

State = Tensor | tuple[Tensor, Tensor]
"""Hidden state ``(layers, B, H)``; for an LSTM the pair of hidden and cell state."""


class SequenceModel(nn.Module):
    """Features → recurrent layers → linear.

    Args:
        inputs: features ``I`` of a step.
        outputs: output units ``O``.
        cell: one of ``CELLS``.
        hidden: hidden units ``H``.
        layers: stacked recurrent layers.
        dropout: between recurrent layers.
        init: see :func:`backsight.nn.initialise`.
        gain: scales the recurrent matrices.
        every_step: answer at every step, or at the last alone.
        t_max: the longest dependency there may be, in steps, which ``init="chrono"`` needs.

    Example:
        >>> import torch
        >>> from backsight.nn import SequenceModel
        >>> model = SequenceModel(3, 2, cell="lstm", hidden=8, every_step=False)
        >>> answers, (h, c) = model(torch.zeros(4, 10, 3))
        >>> tuple(answers.shape), tuple(c.shape)
        ((4, 2), (1, 4, 8))
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        cell: Cell = "rnn",
        hidden: int = 128,
        layers: int = 1,
        dropout: float = 0.0,
        init: Init = "default",
        gain: float = 1.0,
        every_step: bool = True,
        t_max: int | None = None,
    ) -> None:
        super().__init__()
        self.cell = cell
        self.every_step = every_step
        self.layers = layers
        self.dropout = dropout
        self.rnn = build_cell(cell, inputs, hidden, layers, dropout)
        self.head = nn.Linear(hidden, outputs)
        initialise(self.rnn, init, gain, t_max=t_max)
        if init == "smart-tanh":  # Pascanu et al. draw the output weights alike
            nn.init.normal_(self.head.weight, std=0.01)
            nn.init.zeros_(self.head.bias)

    def forward(self, features: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Answer.

        Args:
            features: shape ``(B, T, I)``, of any floating dtype.
            state: where to start; zeros by default.

        Returns:
            outputs ``(B, T, O)``, or ``(B, O)`` of the last step alone; the state after it.
        """
        states, state = self.rnn(features.to(self.head.weight.dtype), state)
        return self.head(states if self.every_step else states[:, -1]), state


class CharModel(SequenceModel):
    """Embedding or one-hot → recurrent layers → linear: the next character.

    Args:
        vocabulary: number of characters ``V``.
        embedding: size of the embedding, or 0 for one-hot input.
        cell, hidden, layers, dropout, init, gain, t_max: as of :class:`SequenceModel`.

    Example:
        >>> import torch
        >>> from backsight.nn import CharModel
        >>> model = CharModel(27, cell="gru", hidden=8)
        >>> logits, state = model(torch.zeros(2, 5, dtype=torch.long))
        >>> tuple(logits.shape), tuple(state.shape)
        ((2, 5, 27), (1, 2, 8))
    """

    def __init__(
        self,
        vocabulary: int,
        *,
        cell: Cell = "rnn",
        hidden: int = 128,
        layers: int = 1,
        embedding: int = 0,
        dropout: float = 0.0,
        init: Init = "default",
        gain: float = 1.0,
        t_max: int | None = None,
    ) -> None:
        super().__init__(
            embedding or vocabulary,
            vocabulary,
            cell=cell,
            hidden=hidden,
            layers=layers,
            dropout=dropout,
            init=init,
            gain=gain,
            t_max=t_max,
        )
        self.vocabulary = vocabulary
        self.embed = nn.Embedding(vocabulary, embedding) if embedding else None

    def forward(self, codes: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Predict each next character.

        Args:
            codes: shape ``(B, T)``.
            state: where to start; zeros by default.

        Returns:
            logits ``(B, T, V)``, and the state after the last step.
        """
        if self.embed is not None:
            features = self.embed(codes)
        else:
            features = functional.one_hot(codes, self.vocabulary)
        return super().forward(features, state)


def detach(state: State) -> State:
    """The same state, cut off from the graph that made it: where truncated BPTT truncates.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.nn import detach
        >>> _, state = nn.LSTM(3, 4)(torch.zeros(5, 2, 3))
        >>> [part.requires_grad for part in state], [part.requires_grad for part in detach(state)]
        ([True, True], [False, False])
    """
    return tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()  # type: ignore[return-value]


def count_parameters(model: nn.Module) -> int:
    """Trainable numbers in the model.

    Example:
        >>> from torch import nn
        >>> from backsight.nn import count_parameters
        >>> count_parameters(nn.Linear(3, 2))
        8
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@torch.no_grad()
def generate(
    model: nn.Module, start: int, length: int, temperature: float, generator: torch.Generator
) -> Tensor:
    """Let the model write: shape ``(length,)`` of codes, drawn one by one.

    Args:
        model: called as ``model(codes, state) -> (logits, state)``, on the CPU or a device.
        start: the first code it reads.
        length: how many to draw.
        temperature: divides the logits; towards 0 the likeliest is always taken.
        generator: of the CPU, so that training's random state stays untouched.

    Returns:
        The codes drawn; short of ``length`` where the model's output is not finite.

    Example:
        >>> import torch
        >>> from backsight.nn import CharModel, generate
        >>> model = CharModel(27, hidden=8)
        >>> codes = generate(model, 0, 5, 0.7, torch.Generator().manual_seed(0))
        >>> tuple(codes.shape), bool((codes < 27).all())
        ((5,), True)
    """
    device = next(model.parameters()).device
    code = torch.tensor([[start]], device=device)
    state: State | None = None
    drawn: list[int] = []
    for _ in range(length):
        logits, state = model(code, state)
        weights = torch.softmax(logits[0, -1].double().cpu() / temperature, dim=0)
        if not torch.isfinite(weights).all():
            break
        drawn.append(int(torch.multinomial(weights, 1, generator=generator)))
        code = torch.tensor([[drawn[-1]]], device=device)
    return torch.tensor(drawn, dtype=torch.int64)
