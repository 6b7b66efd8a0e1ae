"""One sequence model of a library, trained on a memory task: its reach before and after.

Prints one line of JSON; started by ``benchmarks.wild.layers_lags`` with the library's interpreter.
"""

import argparse
import json
import logging
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

import backsight
from backsight.tasks import Batches, FirstSymbol

__all__ = ["BATCH", "ITERATIONS", "LR", "MODELS", "TASK"]

TASK = FirstSymbol(length=32)
BATCH, ITERATIONS, LR = 32, 400, 3e-3
BLOCKS, WIDTH, HEADS, WINDOW = 4, 32, 2, 8
SIZES: dict[str, Any] = {"vocab_size": TASK.symbols, "hidden_size": WIDTH,
                         "num_hidden_layers": BLOCKS}  # fmt: skip


def _causal(kind: str, head: str = "ForCausalLM", **settings: Any) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        library = import_module("transformers")
        config = getattr(library, f"{kind}Config")(**settings)
        model: nn.Module = getattr(library, f"{kind}{head}")(config)
        return model

    return build


MODELS: dict[str, Callable[[], nn.Module]] = {
    "Mamba": _causal("Mamba", state_size=8, **SIZES),
    "RWKV-4": _causal("Rwkv", attention_hidden_size=WIDTH, context_length=64, **SIZES),
    "RecurrentGemma": _causal(
        "RecurrentGemma", lru_width=WIDTH, intermediate_size=64, num_attention_heads=HEADS,
        attention_window_size=WINDOW,
        block_types=["recurrent", "recurrent", "attention", "recurrent"], **SIZES),
    "GPT-2": _causal(
        "GPT2", "LMHeadModel", vocab_size=TASK.symbols, n_embd=WIDTH, n_layer=BLOCKS,
        n_head=HEADS, n_positions=64, bos_token_id=0, eos_token_id=0, resid_pdrop=0.0,
        embd_pdrop=0.0, attn_pdrop=0.0),
}  # fmt: skip
"""By name; all of ``transformers``, of four blocks of 32 features."""


def trained(name: str, folder: Path) -> dict[str, Any]:
    """Losses and the reach at each block, in the first and in the last iteration.

    Returns:
        ``losses``, ``(iterations,)``; ``before`` and ``after``, a row ``(lags,)`` for each block,
        the first block first.
    """
    torch.manual_seed(0)
    model = MODELS[name]()
    optimizer = torch.optim.Adam(model.parameters(), LR)
    batches = Batches(TASK, BATCH, seed=0)
    with backsight.watch(model, optimizer, folder / "run", every=ITERATIONS - 1) as monitor:
        for _ in range(ITERATIONS):
            inputs, answers = batches.draw()
            logits = model(torch.from_numpy(inputs.argmax(2))).logits[:, -1]
            loss = cross_entropy(logits, torch.from_numpy(answers))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    run = monitor.run
    assert run is not None
    profiles = [run.profile(name) for name in run.members("block_reach", profile=True)]
    if len(profiles) != BLOCKS or any(
        profile.iterations.tolist() != [0, ITERATIONS - 1] for profile in profiles
    ):
        raise RuntimeError(f"{name}: {len(profiles)} blocks were measured, not {BLOCKS} twice")
    return {
        "losses": run["loss"].tolist(),
        "before": [profile.rows[0].tolist() for profile in profiles],
        "after": [profile.rows[-1].tolist() for profile in profiles],
    }


def main() -> None:
    """Train one and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=MODELS)
    name: str = parser.parse_args().model
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(trained(name, Path(folder))))


if __name__ == "__main__":
    main()
