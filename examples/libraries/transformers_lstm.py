"""transformers' Trainer on an LSTM that is wrapped as a PreTrainedModel; weight decay, warm-up."""

from _first import Classifier
from _trainer import fit, signs
from torch.nn.functional import cross_entropy
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

ITERATIONS = [8]
LAYERS = 1


class Wrapped(PreTrainedModel):
    """The classifier."""

    config_class = PretrainedConfig

    def __init__(self, config):
        super().__init__(config)
        self.model = Classifier()
        self.post_init()

    def _init_weights(self, module):
        """As PyTorch does."""

    def forward(self, x, labels=None):
        """The loss and the scores."""
        scores = self.model(x)
        return SequenceClassifierOutput(loss=cross_entropy(scores, labels), logits=scores)


if __name__ == "__main__":
    fit(lambda: Wrapped(PretrainedConfig()), signs(), weight_decay=0.1, warmup_steps=2)
