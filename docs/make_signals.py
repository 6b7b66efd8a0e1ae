"""Writes docs/signals.md from the catalogue: ``python docs/make_signals.py``."""

from pathlib import Path

from backsight.signals import CATALOGUE

PAGE = Path(__file__).parent / "signals.md"

HEAD = """# Signals

`python docs/make_signals.py` writes this page from `backsight.signals.CATALOGUE`.

A signal is recorded under its name alone (`loss`), or under its name and the place where it was
measured (`reach/rnn.l0`). The time axis counts forward from the first step; the lag axis counts
back from the loss. `T` is the number of steps, `B` the number of sequences, `H` the number of
hidden units; `h_t` is the hidden state after step `t`, which counts from 0; `‖·‖` is the L2 norm
over units; `θ` is the vector of all parameters; `L` is the scalar on which backward is called.

| signal | title | axes | one per |
|---|---|---|---|
"""


def signals_page() -> str:
    """Every signal of the catalogue in Markdown: the page ``docs/signals.md``."""
    signals = CATALOGUE.values()
    rows = [
        f"| [`{s.name}`](#{s.name}) | {s.title} | {', '.join(s.axes)} | {s.per or 'run'} |\n"
        for s in signals
    ]
    parts = [
        f"""
## {s.name}

{s.title[0].upper()}{s.title[1:]}.

* Formula: {s.formula}
* Unit: {s.unit}
* Reduction: {s.reduction}
* Cost: {s.cost}
* Source: {s.source}
"""
        for s in signals
    ]
    return HEAD + "".join(rows) + "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(signals_page(), encoding="utf-8")
