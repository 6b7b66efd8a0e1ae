"""transformers' Trainer on a tiny random RecurrentGemma."""

from _trainer import fit, sequences
from transformers import RecurrentGemmaConfig, RecurrentGemmaForCausalLM

ITERATIONS = [8]

if __name__ == "__main__":
    config = RecurrentGemmaConfig(
        vocab_size=16, hidden_size=16, intermediate_size=32, num_attention_heads=2,
        num_hidden_layers=3, lru_width=16, attention_window_size=8, use_cache=False,
    )  # fmt: skip
    fit(lambda: RecurrentGemmaForCausalLM(config), sequences())
