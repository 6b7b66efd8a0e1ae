"""One training by a library's trainer: plain, within ``watch()``, or with its callback.

Prints one line of JSON: seconds and seconds of CPU a step, after a start that is left out. Started
by ``benchmarks.wild.callbacks --overhead`` with the library's interpreter.
"""

import argparse
import json
import logging
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import backsight
from benchmarks.speed._training import MODELS

__all__ = ["TRAININGS"]

WARM_UP = 20


class Case:
    """What is trained, for how long, and what is to be put around it."""

    def __init__(self, arm: str, steps: int, folder: Path) -> None:
        self.steps, self.folder, self._arm = steps, folder, arm
        self.model, self._losses = MODELS["lstm12"]()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-4)
        self._calls = 0
        self.began = self.ended = (0.0, 0.0)

    def loss(self) -> Tensor:
        """Of a step; to be called once a step."""
        self._calls += 1
        now = time.perf_counter(), time.process_time()
        if self._calls == WARM_UP:
            self.began = now
        self.ended = now
        return self._losses()

    def watching(self, model: nn.Module) -> AbstractContextManager[Any]:
        """To be put around the training."""
        if self._arm != "watch":
            return nullcontext()
        return backsight.watch(model, self.optimizer, self.folder / "run")

    def callbacks(self, kind: Callable[..., Any]) -> list[Any]:
        """Those of the trainer."""
        return [kind(self.folder / "run")] if self._arm == "callback" else []

    def result(self) -> dict[str, float]:
        """Per step."""
        steps = self._calls - WARM_UP
        both = zip(self.ended, self.began, strict=True)
        seconds, cpu = ((end - begin) / steps for end, begin in both)
        return {"seconds": seconds, "cpu": cpu}


def lightning(case: Case) -> None:
    """Lightning, with a logger."""
    import lightning.pytorch as pl
    from lightning.pytorch.loggers import CSVLogger

    from backsight.integrations.lightning import BacksightCallback

    class Module(pl.LightningModule):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.model = case.model

        def training_step(self, batch: Tensor, _: int) -> Tensor:
            return case.loss()

        def configure_optimizers(self) -> Any:
            return case.optimizer

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    module = Module()
    trainer = pl.Trainer(
        max_steps=case.steps, accelerator="cpu", logger=CSVLogger(case.folder),
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False,
        callbacks=case.callbacks(BacksightCallback),
    )  # fmt: skip
    batches: Any = torch.zeros(case.steps, 1)
    with case.watching(module):
        trainer.fit(module, torch.utils.data.DataLoader(batches))


TRAININGS: dict[str, Callable[[Case], None]] = {"lightning": lightning}
"""By the name of a library's extra."""


def main() -> None:
    """Train, and print the cost of a step."""
    parser = argparse.ArgumentParser()
    parser.add_argument("library", choices=TRAININGS)
    parser.add_argument("arm", choices=("plain", "watch", "callback"))
    parser.add_argument("steps", type=int)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    case = Case(options.arm, options.steps, options.folder)
    TRAININGS[options.library](case)
    print(json.dumps(case.result()))


if __name__ == "__main__":
    main()
