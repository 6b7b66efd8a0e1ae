"""ignite: a supervised trainer with accumulated gradients, and an evaluator after each epoch."""

import torch
from _digest import digest
from _first import Classifier, data
from ignite.engine import Events, create_supervised_evaluator, create_supervised_trainer
from ignite.metrics import Accuracy
from torch.utils.data import DataLoader

ITERATIONS = [6]
LAYERS = 1

if __name__ == "__main__":
    torch.manual_seed(0)
    model, loader, losses = Classifier(), DataLoader(data(), 16), []
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    trainer = create_supervised_trainer(
        model, optimizer, torch.nn.functional.cross_entropy, gradient_accumulation_steps=2
    )
    evaluator = create_supervised_evaluator(model, {"accuracy": Accuracy()})
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda e: losses.append(e.state.output))
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda _: evaluator.run(loader))
    trainer.run(loader, max_epochs=3)
    print(losses, evaluator.state.metrics, digest(model))
