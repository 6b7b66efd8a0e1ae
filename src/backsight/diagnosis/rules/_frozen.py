"""BKS402: a parameter that the optimizer has and never moves."""

import re
from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample

__all__ = ["Frozen"]

RECURRENT = re.compile(r"(^|_)(hh|ih|hr)(_|$)")
"""In the names that PyTorch gives the parameters of its recurrent layers and cells."""

FED = re.compile(r"(^|_)ih(_l0)?(_reverse)?$")
"""What a recurrent layer weighs its data with; the layers above it are given states."""

ZEROS = "; its layer is given nothing but zeros, and lives on its initial state"

NOWHERE = re.compile(r"(^|\.)group\d+\.\d+$")
"""The name of a parameter that no module holds."""

FUSED = re.compile(r"l\d+(_reverse)?")
"""The end of the name of one layer of a stack."""


@dataclass
class Frozen(Rule):
    """Its update is exactly zero, sample after sample."""

    code: ClassVar[str] = "BKS402"
    title: ClassVar[str] = "parameter never moves"
    severity: ClassVar = "error"
    reads: ClassVar = ("update_ratio",)
    optional_signals: ClassVar = (
        "lr",
        "group_lr",
        "grad_norm",
        "half_lost",
        "hidden_norm",
        "input_spread",
        "state_taught",
    )
    leads_to: ClassVar = (
        "BKS302",
        "BKS303",
    )
    explanation: ClassVar[str] = (
        "No step changes a parameter that the optimizer holds. Its gradient is usually missing or "
        "exactly zero. For a part of a recurrent layer, or a matrix whose bias moves, that is an "
        "error. Elsewhere it may be meant (a bias that cancels in a distance, a frozen embedding, "
        "the head of another task), and is a note."
    )
    criterion: ClassVar[str] = (
        "The update is exactly zero in each of the first {samples:.0f} samples with a learning "
        "rate above zero ({faint:.0f}, where its gradient is less than {rounded:g} of the largest "
        "one), while another parameter of the model moves. A parameter whose "
        "requires_grad is False is frozen on purpose, and not judged, nor is one whose steps are "
        "rounded away in half precision (BKS438), nor, within {thawed:.0f} iterations, is one with "
        "a gradient while the learning rate of a group is 0. It is an error in a "
        "recurrent layer, and where another parameter of the same module moves, unless the one "
        "that does not is a bias, or its gradient is less than {rounded:g} of a sibling's, as that "
        "of a number which cancels but for rounding, or it weighs the input of a decoder that is "
        "given zeros, and begins in what another part of the model has made, or is of a part that "
        "others of the same kind use, in a list of them, and this one does not; else an info."
    )
    causes: ClassVar = (
        "the output of the layer is detached",
        "a copy that detach(), .data or no_grad() has cut off is used in place of the parameter",
        "a layer that the loss does not use",
        "units that are all dead (ReLU) or saturated",
    )
    remedies: ClassVar = (
        "set requires_grad to False if the parameter is meant to be frozen",
        "trace where the output of its layer goes, and how it uses its parameters",
    )
    source: ClassVar[str] = "Backsight; SageMaker Debugger's WeightUpdateRatio: 1e-8"

    samples: float = 3
    """From the first on."""
    rounded: float = 1e-5
    """Of a sibling's gradient: what a sum in float32 leaves where its terms cancel."""
    thawed: float = 120
    """Iterations: a group whose rate is 0 may be thawed by then, as BKS423 has it."""
    faint: float = 12
    """Samples instead, where the gradient is that small a share of the largest one: it may grow."""
    _still: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _moved: set[str] = field(default_factory=set, init=False, repr=False)
    _layers: set[str] = field(default_factory=set, init=False, repr=False)
    """Paths of the modules that carry a state, and run where gradients are wanted."""
    _silent: set[str] = field(default_factory=set, init=False, repr=False)
    """Layers that have been given a constant."""
    _given: set[str] = field(default_factory=set, init=False, repr=False)
    """Layers whose input varies."""
    _taught: set[str] = field(default_factory=set, init=False, repr=False)
    """Layers that begin in what another part of the model has made."""
    _rounded: set[str] = field(default_factory=set, init=False, repr=False)
    """Names of parameters in half precision that a step would have moved by too little."""

    @property
    def requirement(self) -> Requirement:
        """Where nothing moves at all, that is about the loss or the learning rate."""
        of = "of update_ratio in which a parameter moves, at a learning rate above zero"
        return self.require(1, "sample", of)

    def _update(self, now: Sample) -> None:
        self._layers.update(map(_module_of, now.rows("hidden_norm")))
        for layer, spread in now.numbers("input_spread").items():
            (self._given if spread else self._silent).add(layer)
        self._taught.update(now.numbers("state_taught"))
        self._rounded.update(n for n, share in now.numbers("half_lost").items() if share == 1)
        ratios = now.numbers("update_ratio")
        rates = now.numbers("lr").values()
        if not ratios or (rates and not any(rates) and not any(ratios.values())):
            return  # the rate is that of the first group alone: others may move
        for name, ratio in ratios.items():
            if not self.finite(name, ratio):
                continue
            if ratio != 0:
                self._moved.add(name)
                self.resolve(name, now.iteration)
            else:
                self._still[name] = self._still.get(name, 0) + 1
        if not self._moved:
            return  # nothing moves at all: that is about the loss or the rate
        self.ready = True
        waits = now.iteration < self.thawed and 0 in now.numbers("group_lr").values()
        for name, count in self._still.items():
            if waits and now.numbers("grad_norm").get(name, 0.0) > 0:
                continue
            if name in self._moved or name in self._rounded or name not in ratios:
                continue
            if count >= self._enough(name, now):
                self.found(
                    name,
                    now.iteration,
                    f"the parameter {name} has not moved in any of {count} sampled steps"
                    + (ZEROS if self._is_fed_zeros(name, now) else _gradient(name, now)),
                    {"samples": count, "update ratio": 0.0},
                    signals=(f"update_ratio/{name}",),
                    severity="error" if self._is_fault(name, now) else "info",
                )

    def _enough(self, name: str, now: Sample) -> float:
        """How many samples tell."""
        norms = now.numbers("grad_norm")
        faint = 0 < norms.get(name, 0.0) < self.rounded * max(norms.values(), default=0.0)
        return self.faint if faint else self.samples

    def _is_fault(self, name: str, now: Sample) -> bool:
        """Whether it can hardly be meant: a part of what carries the state, or of a module whose
        other parameters move. A bias may cancel, and a whole module may be frozen or unused."""
        module, _, tail = name.rpartition(".")
        if self._is_fed_zeros(name, now) or self._is_spare(name, now):
            return False
        if "bias" in tail:
            siblings = {other for other in self._moved if other.rpartition(".")[0] == module}
            if siblings:
                return False
        carries = RECURRENT.search(tail) and self._layers
        inside = any(layer and name.startswith(f"{layer}.") for layer in self._layers)
        if carries or inside or NOWHERE.search(name):
            return True
        beside = [one for one in self._moved if one.rpartition(".")[0] == module]
        norms = now.numbers("grad_norm")
        most = self.rounded * max((norms.get(one, 0.0) for one in beside), default=0.0)
        return bool(beside) and not 0 < norms.get(name, 0.0) < most

    def _is_spare(self, name: str, now: Sample) -> bool:
        """Whether it is of a part that others of the same kind use, in a list, and this one does
        not, such as what a head would write, of a head that reads."""
        norms = now.numbers("grad_norm")
        module = name.rpartition(".")[0]
        if name in norms or not norms or any(n.startswith(f"{module}.") for n in self._moved):
            return False
        parts = name.split(".")
        for i, part in enumerate(parts[:-2]):
            before, after = ".".join(parts[:i]), ".".join(parts[i + 1 :])
            same = re.compile(rf"{re.escape(before)}\.?\d+\.{re.escape(after)}")
            own = ".".join(parts[: i + 1]) + "."
            if part.isdigit() and any(one.startswith(own) for one in self._moved):
                return any(same.fullmatch(one) for one in self._moved)
        return False

    def _is_fed_zeros(self, name: str, now: Sample) -> bool:
        """Whether it weighs what a decoder is given in place of data, whose state learns."""
        module, _, tail = name.rpartition(".")
        if not FED.search(tail) or now.numbers("grad_norm").get(name) != 0:
            return False
        own = module or "model"
        if own not in self._silent & self._taught - self._given:
            return False
        state = tail.replace("ih", "hh")
        return f"{module}.{state}".lstrip(".") in self._moved


def _gradient(name: str, now: Sample) -> str:
    """What is known of it; each parameter that gets a gradient has a norm."""
    norms = now.numbers("grad_norm")
    if norms.get(name) == 0:
        return "; its gradient is exactly zero"
    known = any(norms.get(other) for other in now.numbers("update_ratio"))
    return "; it gets no gradient" if known and name not in norms else ""


def _module_of(layer: str) -> str:
    """``rnn`` of ``rnn.l0``; nothing of ``l0``, which is a layer without a path of its own."""
    path, _, last = layer.rpartition(".")
    return path if FUSED.fullmatch(last) else layer
