"""An optimizer's state and options, as a snapshot keeps them: by place, not by name."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

__all__ = ["host_copy", "load_optimizer", "load_options", "optimizer_state", "options_of"]


def host_copy(tensor: Tensor) -> Tensor:
    """A copy on the host: an accelerator's memory is the training's."""
    return tensor.detach().to("cpu", copy=True)


def optimizer_state(optimizer: Optimizer) -> list[dict[str, Any]]:
    """What the optimizer remembers of each parameter, in order; empty where it is nothing yet."""
    return [
        {
            name: host_copy(value) if isinstance(value, Tensor) else copy.deepcopy(value)
            for name, value in optimizer.state.get(parameter, {}).items()
        }
        for group in optimizer.param_groups
        for parameter in group["params"]
    ]


def options_of(optimizer: Optimizer) -> list[dict[str, Any]]:
    """Rates and the like of each group, which a schedule moves."""
    return [
        {name: copy.deepcopy(value) for name, value in group.items() if name != "params"}
        for group in optimizer.param_groups
    ]


def load_options(optimizer: Optimizer, kept: Sequence[Mapping[str, Any]]) -> None:
    """Those again; a rate that is a tensor stays that tensor."""
    for group, options in zip(optimizer.param_groups, kept, strict=False):
        for name, value in options.items():
            if isinstance(group.get(name), Tensor) and isinstance(value, Tensor):
                group[name].copy_(value)
            else:
                group[name] = copy.deepcopy(value)


def load_optimizer(optimizer: Optimizer, kept: Sequence[Mapping[str, Any]]) -> None:
    """Make that its memory, in the tensors it has where they fit."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for parameter, state in zip(parameters, kept, strict=False):  # a group may have been added
        if not state:
            optimizer.state.pop(parameter, None)
            continue
        own = optimizer.state[parameter]
        for name in own.keys() - state.keys():
            del own[name]
        for name, value in state.items():
            there = own.get(name)
            if isinstance(value, Tensor) and isinstance(there, Tensor):
                there.copy_(value)
            elif isinstance(value, Tensor):  # step counts stay on the host
                own[name] = value.to("cpu" if name == "step" else parameter.device, copy=True)
            else:
                own[name] = copy.deepcopy(value)
