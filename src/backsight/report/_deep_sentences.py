"""The Lyapunov exponents and memory capacities of a run, in words."""

import numpy as np

from backsight.signals import Run, lyapunov_words, member

__all__ = ["deep_sentences"]


def deep_sentences(run: Run) -> list[str]:
    """What they came to in each layer when they were last measured; empty where they never were.

    Example:
        >>> from backsight.report import deep_sentences
        >>> from backsight.signals import Recorder, Run
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.profile("lyapunov/rnn.l0", 7, [-0.12, -0.5])
        ...     recorder.scalars(7, {"lyapunov_steps/rnn.l0": 60.0, "memory_capacity/rnn.l0": 1.5})
        >>> for words in deep_sentences(Run("runs/mine"))[0].split(": "):
        ...     print(words)
        rnn.l0
        the largest Lyapunov exponent is -0.12 per step
        the gradient halves every 6 steps, as measured; its memory capacity is 1.5 (iteration 7).
    """
    told: dict[str, list[str]] = {}
    when: dict[str, int] = {}
    for name in run.members("lyapunov", profile=True):
        row, steps = run.stream(name).newest().values[-1], f"lyapunov_steps/{member(name)}"
        if steps not in run.names or not len(row):
            continue
        outcome = "not finite" if np.isnan(row).any() or row[0] == np.inf else "ok"
        words = lyapunov_words(float(row[0]), int(run[steps][-1]), outcome)  # type: ignore[arg-type]
        told.setdefault(member(name), []).append(words)
        when[member(name)] = run.stream(name).last
    for name in run.members("memory_capacity"):
        capacity = float(run[name][-1])
        words = f"is {capacity:.1f}" if np.isfinite(capacity) else "is not finite"
        told.setdefault(member(name), []).append(f"its memory capacity {words}")
        when[member(name)] = max(when.get(member(name), 0), run.stream(name).last)
    return [
        f"{layer or 'the layer'}: {'; '.join(words)} (iteration {when[layer]:,})."
        for layer, words in told.items()
    ]
