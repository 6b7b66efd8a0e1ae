"""Where the sequences of a batch end in padding, as far as their values tell."""

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import POINTWISE, SAME_ORDER, operation, saved, signed

__all__ = ["embedded_from", "is_padding", "may_be_padded", "pad_of", "padding_of"]

FAR = 24
"""Operations between an embedding and the layer that it feeds."""

NEAR = 1e-5
"""Between rows that a linear layer has made of the same row."""

KEEPS = POINTWISE | SAME_ORDER | {"NativeLayerNorm", "Transpose", "Permute", "T"}

INSIDE = 0.1
"""Share of the other steps that may look like padding: more is no padding but silence."""


@torch.no_grad()
def padding_of(x: Tensor, *, exact: bool = True) -> tuple[Tensor, Tensor]:
    """Steps at the end of each sequence that all hold the one value that the sequences end in.

    Args:
        x: ``(B, T)`` or ``(B, T, I)``: symbols or features, ``B`` and ``T`` at least 1.
        exact: whether equal steps have equal values to the last digit.

    Returns:
        ``(B, T)``, whether a step is such a one; and ``(B, T)``, whether it looks like one and
        comes earlier.

    Example:
        >>> import torch
        >>> from backsight.probes import padding_of
        >>> at_end, inside = padding_of(torch.tensor([[3, 0, 4, 0, 0], [5, 6, 7, 8, 0]]))
        >>> at_end.int().tolist(), inside.sum().item()
        ([[0, 0, 0, 1, 1], [0, 0, 0, 0, 1]], 1)
    """
    x = x.detach()
    rows = x.flatten(2) if x.dim() > 2 else x[..., None]
    tails = _tails(_same(rows, rows[:, -1:], exact))
    longest = tails.masked_fill(tails == rows.shape[1], 0).argmax()
    like = _same(rows, rows[longest, -1], exact)
    steps = torch.arange(rows.shape[1], device=x.device)
    at_end = steps >= rows.shape[1] - _tails(like)[:, None]
    return at_end, like & ~at_end


def may_be_padded(x: Tensor) -> bool:
    """Whether any sequence ends in two equal steps: else none of their ends is padding.

    This takes a small part of the time of :func:`padding_of`.

    Args:
        x: as of :func:`padding_of`, where equal steps have equal values.

    Example:
        >>> import torch
        >>> from backsight.probes import may_be_padded
        >>> x = torch.tensor([[3, 0, 0], [5, 6, 0]])
        >>> may_be_padded(x), may_be_padded(x[1:])
        (True, False)
    """
    if x.shape[1] < 2:
        return False
    last = x.detach()[:, -2:].flatten(2) if x.dim() > 2 else x.detach()[:, -2:, None]
    return bool((last[:, 0] == last[:, 1]).all(-1).any())


def is_padding(at_end: Tensor, inside: Tensor) -> bool:
    """Whether that is padding: of different lengths, in most sequences, and of a value of its own.

    Args:
        at_end, inside: as of :func:`padding_of`.

    Example:
        >>> import torch
        >>> from backsight.probes import is_padding, padding_of
        >>> x = torch.tensor([[3, 0, 0, 0], [5, 6, 0, 0], [4, 2, 7, 5], [8, 4, 6, 0]])
        >>> is_padding(*padding_of(x)), is_padding(*padding_of(x[:, :3]))
        (True, True)
        >>> is_padding(*padding_of(torch.tensor([[3, 1, 0, 0]] * 4)))  # all equally long
        False
    """
    lengths = at_end.sum(1).tolist()
    several = len(set(lengths)) >= 3 and max(lengths) >= 2
    most = 2 * sum(map(bool, lengths)) >= len(lengths)
    return several and most and int(inside.sum()) <= INSIDE * int((~at_end).sum())


def embedded_from(x: Tensor, steps: int, batch: int) -> Tensor | None:
    """``(B, T)`` symbols that ``x`` was embedded from, if an embedding's output is all it is.

    Args:
        x: what a layer was given.
        steps, batch: its sizes; symbols ``(T, B)`` are transposed.

    Example:
        >>> import torch
        >>> from backsight.probes import embedded_from
        >>> embed, symbols = torch.nn.Embedding(9, 3), torch.randint(9, (5, 7))
        >>> x = torch.nn.functional.dropout(embed(symbols).transpose(0, 1))
        >>> torch.equal(embedded_from(x, 7, 5), symbols)
        True
        >>> torch.equal(embedded_from(embed.weight[symbols], 7, 5), symbols)
        True
    """
    node = _lookup_behind(x)
    symbols = None if node is None else _looked_up(node)
    if steps == batch or symbols is None or symbols.dim() != 2:
        return None
    if symbols.shape == (steps, batch):
        return symbols.t()
    return symbols if symbols.shape == (batch, steps) else None


def pad_of(x: Tensor) -> int | None:
    """What the embedding that ``x`` comes from calls padding (``padding_idx``).

    Args:
        x: what a layer was given; None is returned where nothing was embedded, or where the
            embedding names no such symbol.

    Example:
        >>> import torch
        >>> from backsight.probes import pad_of
        >>> symbols = torch.randint(9, (5, 7))
        >>> pad_of(torch.nn.Embedding(9, 3, padding_idx=1)(symbols).relu())
        1
        >>> pad_of(torch.nn.Embedding(9, 3)(symbols)) is None
        True
    """
    node = _lookup_behind(x)
    if node is None or operation(node) != "Embedding":
        return None
    symbol: int = signed(saved(node, "padding_idx"))
    return symbol if symbol >= 0 else None


def _lookup_behind(x: Tensor) -> Node | None:
    """The operation that took ``x`` from a table, if all that came after it goes step by step."""
    node: Node | None = x.grad_fn
    for _ in range(FAR):
        if node is None or _looked_up(node) is not None:
            return node
        given = [n for n, _ in node.next_functions if n and operation(n) != "AccumulateGrad"]
        if operation(node) not in KEEPS or len(given) != 1:
            return None
        node = given[0]
    return None


def _looked_up(node: Node) -> Tensor | None:
    """The symbols of an embedding, or of ``weight[symbols]``."""
    symbols: Tensor | None = None
    if operation(node) == "Embedding":
        symbols = saved(node, "indices")
    elif operation(node) == "Index" and [operation(n) for n, _ in node.next_functions if n] == [
        "AccumulateGrad"
    ]:
        each = saved(node, "indices")
        symbols = each[0] if len(each) == 1 and not each[0].is_floating_point() else None
    return None if symbols is None or symbols.dtype == torch.bool else symbols.detach()


def _same(rows: Tensor, row: Tensor, exact: bool) -> Tensor:
    """``(B, T)``: whether all features are those of ``row``."""
    same = rows == row if exact else torch.isclose(rows, row, rtol=NEAR, atol=0.0)
    return same.all(-1)


def _tails(same: Tensor) -> Tensor:
    """``(B,)``: how many are so at the end."""
    return same.flip(1).int().cumprod(1).sum(1)
