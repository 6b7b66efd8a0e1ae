"""transformers' Trainer on a plain module, with accumulated gradients, evaluation and bf16."""

from _first import Classifier
from _trainer import fit, signs
from torch.nn.functional import cross_entropy

ITERATIONS = [4]
LAYERS = 1


class Model(Classifier):
    """With its loss."""

    def forward(self, x, labels):
        """The loss and the scores, as the Trainer expects."""
        scores = super().forward(x)
        return {"loss": cross_entropy(scores.float(), labels), "logits": scores}


if __name__ == "__main__":
    fit(Model, signs(), gradient_accumulation_steps=2, eval_strategy="epoch", bf16=True)
