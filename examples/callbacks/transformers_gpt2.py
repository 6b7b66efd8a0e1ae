"""transformers: Trainer on a tiny random GPT-2 that is asked for the first symbol."""

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments, set_seed
from transformers.utils import logging

from backsight.integrations.transformers import BacksightCallback

ITERATIONS = [40]
LAYERS = 1

if __name__ == "__main__":
    logging.set_verbosity_error()
    set_seed(0)
    tokens = torch.randint(1, 8, (80, 16))
    tokens[:, -1] = tokens[:, 0]  # the last symbol is the first
    labels = torch.full_like(tokens, -100)
    labels[:, -1] = tokens[:, -1]
    dataset = [{"input_ids": x, "labels": y} for x, y in zip(tokens, labels, strict=True)]
    size = dict(vocab_size=8, n_positions=16, n_embd=16, n_layer=2, n_head=2)
    model = GPT2LMHeadModel(GPT2Config(**size, bos_token_id=0, eos_token_id=0))
    arguments = TrainingArguments(
        "trained", per_device_train_batch_size=8, num_train_epochs=4, learning_rate=1e-2,
        logging_steps=10, save_strategy="no", report_to=[], disable_tqdm=True, use_cpu=True,
    )  # fmt: skip
    trainer = Trainer(model, arguments, train_dataset=dataset, callbacks=[BacksightCallback()])
    trainer.train()
    print(sum(parameter.double().square().sum().item() for parameter in model.parameters()))
