"""The loss of one who knows nothing but how frequent each answer is."""

import math
from collections import defaultdict
from copy import deepcopy

from backsight.monitor._iteration import BackwardPass, Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import LOOKED_AT_THEN_RARELY, Measurement
from backsight.probes import (
    ConstantAnswer,
    Guesses,
    LossTerm,
    asks_a_layer,
    asks_a_unit,
    penalised,
    unit_asked,
)

__all__ = ["Guess"]

EXACT = 1e-3
"""A loss that its terms come to within this share is their sum: half precision has as much."""

YES_OR_NO = frozenset({"BinaryCrossEntropy", "BinaryCrossEntropyWithLogits"})

ALONE, NEARLY = 8, 0.9
"""Targets of one class that are no chance, and the share of the iterations that have such ones."""

SINGLY = 8
"""Losses up to which each has frequencies of its own; of more, a loop adds one a step."""


class Guess(Measurement):
    """What the loss would be for the best constant answer, and whether there is but one answer.

    ``guess_loss`` is recorded where the loss is known to be a sum of PyTorch's losses of classes
    and of numbers, or of squared or absolute errors written by hand, and nothing else; classes may
    have weights, targets a mask or label smoothing. It has the same reduction. ``guess_answer``:
    what that answer is, by kind. ``one_class``: the targets of a loss of classes so far, or of yes
    or no, if all of them are the same; minus as many, if they are not, and those of nearly each
    iteration are (data that are sorted by class); otherwise 0. Where the rest of the loss is a
    penalty on weights, ``penalty`` is its value, and ``penalty_guess`` the guess of the loss
    without it. ``target_size`` and ``answer_size``: the root mean squares of the targets of losses
    of numbers, and of what is predicted.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 1)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> target = torch.tensor([1.0, -1.0]).repeat(12)[:, None]
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     states = rnn(torch.randn(20, 24, 3))[0][-1]
        ...     torch.nn.functional.mse_loss(states, target).backward()
        ...     optimizer.step()
        >>> backsight.Run("runs/mine")["guess_loss"].round(3).tolist()  # 24 / 23
        [1.043]
        >>> backsight.Run("runs/mine")["guess_answer/mean"].round(3).tolist()
        [0.0]
    """

    name = "guess"
    signals = (
        *(
            "answer_size",
            "guess_answer",
            "guess_loss",
            "one_class",
            "one_number",
            "penalty",
            "penalty_guess",
        ),
        "target_size",
    )
    schedule = LOOKED_AT_THEN_RARELY

    def __init__(self) -> None:
        self._known = self._with_pass = _Known()
        self._moved: frozenset[int] = frozenset()
        """The identities of what the steps of this iteration have moved."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """No pass has been seen."""
        self._known.loss, self._known.passes = None, 0
        self._known.labels = []
        self._moved = frozenset()
        self._known.said = {}
        self._known.penalty = self._known.sizes = None
        self._known.same = False

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Add up the guesses of one more pass, which may be that of another model."""
        self._with_pass = known = deepcopy(self._known)
        if not passed.roots:
            return
        terms, own = passed.terms, now.parameters.values()
        mine = frozenset(map(id, own))
        for number, term in enumerate(terms):
            known.guesses.add(self._key(term, number, len(terms)), term)
            if asks_a_layer(term.given):
                known.count(term)
            elif asked := unit_asked(term.given) & mine:
                known.count(term, asked)
        known.same = bool(terms) and all(asks_a_unit(t.given, own, numbers=True) for t in terms)
        for term in terms if known.same else ():
            known.add_number(term)
        guess = self._sum(terms, passed, now)
        known.passes += 1
        if known.passes > 1:
            known.penalty = None
        if guess is None or (known.passes > 1 and known.loss is None):
            known.loss = None
        else:
            known.loss = guess + (known.loss or 0.0)
            known.said |= self._answers(terms)
            known.sizes = _sizes(terms)

    def on_backward_end(self, passed: BackwardPass, now: Iteration) -> None:
        """It has reached this model."""
        self._known = self._with_pass

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        """Who answers is moved, or is asked as a judge."""
        self._moved |= frozenset(map(id, step.parameters.values()))

    def on_iteration_end(self, now: Iteration) -> None:
        """Record them."""
        if self._known.loss is not None:
            now.record("guess_loss", self._known.loss)
            for kind, value in self._known.said.items():
                now.record(f"guess_answer/{kind}", value)
        if self._known.sizes is not None:
            for name, size in zip(("target_size", "answer_size"), self._known.sizes, strict=True):
                now.record(name, size)
        if self._known.same and self._known.numbers and not now.opposed:
            low, high = self._known.ends
            now.record("one_number", float(self._known.numbers if low == high else 0))
        if self._known.penalty is not None:
            value, rest = self._known.penalty
            now.record("penalty", value)
            now.record("penalty_guess", rest)
        # An adversary is asked whether it is deceived: always, or by one batch in two.
        counts = [
            self._known.alike(key, *asked)
            for key, asked in self._known.asked(self._moved).items()
            if not (now.opposed and key[0] in YES_OR_NO)
        ]
        if counts:
            now.record("one_class", float(max(counts, key=abs)))

    @staticmethod
    def _key(term: LossTerm, number: int, terms: int) -> tuple[str, tuple[int, ...], int]:
        shape = tuple(term.given.prediction.shape[1:])
        return term.given.loss, shape, number if terms <= SINGLY else -1

    def _sum(self, terms: list[LossTerm], passed: BackwardPass, now: Iteration) -> float | None:
        """The guess of one pass; None where its loss is not the sum of these terms alone."""
        if not terms or len(passed.roots) > 1:
            return None
        ((root, gradient),) = zip(passed.roots, passed.gradients, strict=True)
        if root.numel() != 1:
            return None
        by = 1.0 if gradient is None else float(gradient)
        if passed.scale is not None:
            by /= float(passed.scale)
        loss, guess = 0.0, 0.0
        known: dict[object, float | None] = {}  # a loop asks for the same one at each step
        for number, term in enumerate(terms):
            if term.factor is None:
                return None
            key = self._key(term, number, len(terms))
            alike = key, term.smoothing
            if alike not in known:
                known[alike] = self._with_pass.guesses.of(key, term)
            one = known[alike]
            if one is None:
                return None
            loss += term.factor * term.value
            guess += term.factor * one * term.elements
        rest = float(root.detach()) - loss
        if not math.isfinite(guess):
            return None
        if abs(rest) <= EXACT * abs(loss) + 1e-6:
            return guess * by
        if rest > 0 and root.grad_fn is not None:
            matrices = sum(p.numel() for p in now.parameters.values() if p.dim() > 1)
            if 2 * penalised(root.grad_fn, [term.given.node for term in terms]) >= matrices > 0:
                self._with_pass.penalty = rest * by, guess * by
        return None

    def _answers(self, terms: list[LossTerm]) -> dict[str, float]:
        """What the best constant answers are, by kind: the mean over targets."""
        said: dict[str, list[tuple[float, float]]] = defaultdict(list)
        known: dict[object, ConstantAnswer | None] = {}
        for number, term in enumerate(terms):
            key = self._key(term, number, len(terms))
            if key not in known:
                known[key] = self._with_pass.guesses.answer(key, term)
            one = known[key]
            if one is not None:
                said[one.kind].append((one.value, float(term.amounts.sum())))
        return {
            kind: sum(value * count for value, count in values) / sum(n for _, n in values)
            for kind, values in said.items()
        }


class _Known:
    """What the passes so far have told."""

    def __init__(self) -> None:
        self.guesses = Guesses()
        self.answers: dict[tuple[str, int], tuple[int, int]] = {}
        """By loss, the only class so far, or -1 where there are several; and how many targets."""
        self.loss: float | None = None
        """The guess of this iteration's passes, and how many they are."""
        self.passes = 0
        self.labels: list[tuple[tuple[str, int], int, int, frozenset[int]]] = []
        """Of each loss of this iteration: the same, and whose unit is asked for a yes or no."""
        self.turns: dict[tuple[str, int], tuple[int, int]] = {}
        """By loss, iterations with targets of one class alone, and all of them."""
        self.said: dict[str, float] = {}
        """By kind, what the guess answers."""
        self.penalty: tuple[float, float] | None = None
        """The part of the loss that is made of weights alone, and the guess of the rest."""
        self.sizes: tuple[float, float] | None = None
        """Of the targets of losses of numbers, and of what is predicted."""

        self.same = False
        """Whether the loss asks single units for numbers, and for nothing else."""
        self.ends = math.inf, -math.inf
        """The least and the largest of these so far, and how many they are."""
        self.numbers = 0

    def add_number(self, term: LossTerm) -> None:
        """The targets of one loss of numbers."""
        some = term.given.target.reshape(-1)[term.amounts != 0]
        if len(some):
            low, high = (float(end) for end in some.aminmax())
            self.ends = min(low, self.ends[0]), max(high, self.ends[1])
            self.numbers += len(some)

    def count(self, term: LossTerm, asked: frozenset[int] = frozenset()) -> None:
        """The targets of one loss of classes, or of yes or no."""
        given = term.given
        yes_or_no = given.loss in YES_OR_NO
        classes = (
            1 if yes_or_no else int(given.prediction.shape[min(1, given.prediction.dim() - 1)])
        )
        key = given.loss, classes
        answers = given.target.reshape(-1)[term.amounts != 0 if yes_or_no else given.counted]
        if not len(answers):
            return
        first = float(answers[0])
        one = int(first) if first in (0.0, 1.0) or not yes_or_no else -1
        if not bool((answers == first).all()):
            one = -1
        self.labels.append((key, one, len(answers), asked))

    def asked(self, moved: frozenset[int]) -> dict[tuple[str, int], tuple[int, int]]:
        """The targets of this iteration, by loss, which are now among those of all.

        An adversary's answers are left out: whose unit is asked is not what the iteration moves.
        """
        here: dict[tuple[str, int], tuple[int, int]] = {}
        for key, one, targets, asked in self.labels:
            if asked and moved and moved.isdisjoint(asked):
                continue
            for told in (self.answers, here):
                known, count = told.get(key, (one, 0))
                told[key] = one if one == known else -1, count + targets
        return here

    def alike(self, key: tuple[str, int], one: int, count: int) -> int:
        """One more iteration: how many targets of the same class, or minus, of classes in turn."""
        alone, iterations = self.turns.get(key, (0, 0))
        alone += one >= 0 and count >= ALONE
        self.turns[key] = alone, iterations + 1
        only, targets = self.answers[key]
        if only >= 0:
            return targets
        return -targets if alone >= NEARLY * (iterations + 1) else 0


def _sizes(terms: list[LossTerm]) -> tuple[float, float] | None:
    """Root mean squares of targets and predictions of numbers; None where there are others."""
    if not terms or any(one.given.of_classes or one.given.loss in YES_OR_NO for one in terms):
        return None
    squares = [0.0, 0.0]
    elements = 0
    for one in terms[:SINGLY]:
        elements += one.given.target.numel()
        for which, numbers in enumerate((one.given.target, one.given.prediction)):
            squares[which] += float(numbers.detach().double().square().sum())
    return (
        (math.sqrt(squares[0] / elements), math.sqrt(squares[1] / elements)) if elements else None
    )
