"""transformers' Trainer on a tiny random RecurrentGemma, whose states begin anew in each batch."""

from _trainer import fit, sequences
from transformers import RecurrentGemmaConfig, RecurrentGemmaForCausalLM

ITERATIONS = [8]
LAYERS = 1


class Anew(RecurrentGemmaForCausalLM):
    """It keeps its states with their graph, so that a second backward pass would fail."""

    def forward(self, input_ids, labels):
        """As always, without the last batch's states."""
        for module in self.modules():
            if hasattr(module, "recurrent_states"):
                module.recurrent_states = None
        return super().forward(input_ids, labels=labels)


if __name__ == "__main__":
    config = RecurrentGemmaConfig(
        vocab_size=16, hidden_size=16, intermediate_size=32, num_attention_heads=2,
        num_hidden_layers=3, lru_width=16, attention_window_size=8, use_cache=False,
    )  # fmt: skip
    fit(lambda: Anew(config), sequences())
