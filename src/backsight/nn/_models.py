"""The lab's model: characters → recurrent layer → next character."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight.nn._choices import Cell, Init
from backsight.nn._init import initialise

__all__ = ["CharModel", "State", "count_parameters", "detach", "generate"]

State = Tensor | tuple[Tensor, Tensor]
"""Hidden state ``(layers, B, H)``; for an LSTM the pair of hidden and cell state."""


class CharModel(nn.Module):
    """Embedding or one-hot → ``nn.RNN``/``GRU``/``LSTM`` → linear.

    Args:
        vocabulary: number of characters ``V``.
        cell: ``rnn`` (tanh), ``rnn-relu``, ``gru`` or ``lstm``.
        hidden: hidden units ``H``.
        layers: stacked recurrent layers.
        embedding: size of the embedding, or 0 for one-hot input.
        dropout: between recurrent layers.
        init: see :func:`backsight.nn.initialise`.
        gain: scales the recurrent matrices.
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
    ) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.embed = nn.Embedding(vocabulary, embedding) if embedding else None
        size = embedding or vocabulary
        self.rnn: nn.RNNBase
        match cell:
            case "lstm":
                self.rnn = nn.LSTM(size, hidden, layers, batch_first=True, dropout=dropout)
            case "gru":
                self.rnn = nn.GRU(size, hidden, layers, batch_first=True, dropout=dropout)
            case "rnn" | "rnn-relu":
                self.rnn = nn.RNN(
                    size,
                    hidden,
                    layers,
                    nonlinearity="tanh" if cell == "rnn" else "relu",
                    batch_first=True,
                    dropout=dropout,
                )
        self.head = nn.Linear(hidden, vocabulary)
        initialise(self.rnn, init, gain)
        if init == "smart-tanh":  # Pascanu et al. draw the output weights alike
            nn.init.normal_(self.head.weight, std=0.01)
            nn.init.zeros_(self.head.bias)

    def forward(self, codes: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Predict each next character.

        Args:
            codes: shape ``(B, T)``.
            state: where to start; zeros by default.

        Returns:
            logits ``(B, T, V)``, and the state after the last step.
        """
        if self.embed is not None:
            inputs = self.embed(codes)
        else:
            inputs = functional.one_hot(codes, self.vocabulary).to(self.head.weight.dtype)
        outputs, state = self.rnn(inputs, state)
        return self.head(outputs), state


def detach(state: State) -> State:
    """The same state, cut off from the graph that made it: where truncated BPTT truncates."""
    return tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()  # type: ignore[return-value]


def count_parameters(model: nn.Module) -> int:
    """Trainable numbers in the model."""
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
