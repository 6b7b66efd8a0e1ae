"""Whether the decays that are read are those of the gradient through a library's own scan.

The library's scan runs in float64 on what the library has handed to it, with the projections into
and out of the states set to ones, so that nothing but the decays lies between two steps. Autograd
gives the derivative of the last output by the first input.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn.functional import softplus

__all__ = ["SHARES", "doubled"]

Compared = tuple[Tensor, Tensor]
"""What autograd gives, and what the decays come to, of the same shape."""
Scan = Callable[..., Any]


@contextmanager
def doubled() -> Iterator[None]:
    """Whatever asks for float32 gets float64: libraries compute their gates in the former."""
    own = {name: getattr(Tensor, name) for name in ("to", "type")}

    def wider(name: str) -> Callable[..., Any]:
        def cast(self: Tensor, *args: Any, **named: Any) -> Any:
            args = tuple(torch.float64 if one is torch.float32 else one for one in args)
            named = {k: torch.float64 if v is torch.float32 else v for k, v in named.items()}
            return own[name](self, *args, **named)

        return cast

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with (
            patch.object(Tensor, "float", Tensor.double),
            patch.object(Tensor, "to", wider("to")),
            patch.object(Tensor, "type", wider("type")),
        ):
            yield
    finally:
        torch.set_default_dtype(before)


def _leaf(x: Tensor) -> Tensor:
    return x.detach().double().clone().requires_grad_()


def _selective(scan: Scan, logs: Tensor, args: Any, named: Any) -> Compared:
    """``(B, D)``: of a Mamba each channel's output adds up its states."""
    x, delta, rates, one, other = (a.detach() for a in args[:5])
    x = _leaf(x)
    bias = named.get("delta_bias")
    out = scan(x, delta, rates, torch.ones_like(one), torch.ones_like(other),
               delta_bias=bias, delta_softplus=True)  # fmt: skip
    (found,) = torch.autograd.grad(out[..., -1].sum(), x)
    step = softplus(delta[..., 0] + (0 if bias is None else bias))
    kept = logs[:, 1:].sum(1).exp().reshape(-1, *rates.shape).sum(-1)
    return found[..., 0], step * kept


def _chunked(scan: Scan, logs: Tensor, args: Any, named: Any) -> Compared:
    """``(B, heads)``: of a Mamba-2 all features of a head have one decay."""
    x, delta, rates, one, other = (a.detach() for a in args[:5])
    x = _leaf(x)
    rest = {k: v for k, v in named.items() if k not in ("D", "z", "return_final_states")}
    out = scan(x, delta, rates, torch.ones_like(one), torch.ones_like(other), **rest)
    out = out[0] if isinstance(out, tuple) else out
    (found,) = torch.autograd.grad(out[:, -1].sum(), x)
    step = softplus(delta[:, 0] + named["dt_bias"]).clamp(*named["dt_limit"])
    kept = logs[:, 1:].sum(1).exp()
    return found[:, 0].mean(-1), one.shape[-1] * step * kept


def _griffin(scan: Scan, logs: Tensor, args: Any, named: Any) -> Compared:
    """``(B, units)``: of an RG-LRU the first input is the state, and nothing is begun anew."""
    x = _leaf(named["hidden_states"])
    gate = named["recurrent_gate"].detach().double()
    never = torch.zeros_like(named["reset"])
    out = scan(*args, hidden_states=x, recurrent_gate=gate, reset=never, recurrent_states=None,
               acc_dtype=torch.float64)  # fmt: skip
    (found,) = torch.autograd.grad(out[0][:, -1].sum(), x)
    return found[:, 0], logs[:, 1:].sum(1).exp()


def _rwkv4(scan: Scan, logs: Tensor, args: Any, named: Any) -> Compared:
    """``(B, units)``: of an RWKV-4 the numerator, whose scale is kept apart."""
    decay, first, key, value = (a.detach().double() for a in args[:4])
    before = _leaf(torch.zeros_like(key[:, 0]))
    none = torch.zeros_like(before)
    last = scan(decay, first, key, value, state=[before, none, none], return_state=True)[1]
    (found,) = torch.autograd.grad((last[0] * last[2].exp().detach()).sum(), before)
    return found, (logs.reshape(-1) * key.shape[1]).exp().expand_as(found)


SHARES: dict[str, Callable[[Scan, Tensor, Any, Any], Compared]] = {
    "Mamba": _selective, "Mamba2": _chunked, "Zamba2": _chunked, "RecurrentGemma": _griffin,
    "RWKV-4": _rwkv4,
}  # fmt: skip
"""By model: the library's scan, the decays of a layer that were read, and what the library has
called the scan with."""
