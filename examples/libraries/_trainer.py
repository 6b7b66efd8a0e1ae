"""What the examples of transformers' Trainer share."""

import tempfile

import torch
from _digest import digest
from _first import data
from transformers import PrinterCallback, Trainer, TrainingArguments, set_seed
from transformers.utils import logging

logging.set_verbosity_error()


def fit(build, dataset, **options):
    """Train what ``build()`` gives, and print its losses and weights."""
    set_seed(0)
    model = build()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, num_train_epochs=2, per_device_train_batch_size=8, learning_rate=1e-2,
            logging_steps=1, save_strategy="no", report_to=[], disable_tqdm=True, use_cpu=True,
            **options,
        )  # fmt: skip
        trainer = Trainer(model, arguments, train_dataset=dataset, eval_dataset=dataset)
        trainer.remove_callback(PrinterCallback)  # it prints how long it took
        trainer.train()
    losses = [float(entry["loss"]) for entry in trainer.state.log_history if "loss" in entry]
    print(trainer.state.global_step, losses, digest(model))


def sequences(vocabulary=16, steps=12, count=32):
    """Random tokens, each sequence with its labels, for a language model."""
    tokens = torch.randint(vocabulary, (count, steps), generator=torch.Generator().manual_seed(1))
    return [{"input_ids": row, "labels": row} for row in tokens]


def signs():
    """Sequences of numbers with the sign of the first."""
    return [{"x": x, "labels": y} for x, y in data(32)]
