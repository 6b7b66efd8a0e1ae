"""transformers' Trainer on a tiny random RWKV."""

from _trainer import fit, sequences
from transformers import RwkvConfig, RwkvForCausalLM

ITERATIONS = [8]
LAYERS = 1

if __name__ == "__main__":
    config = RwkvConfig(
        vocab_size=16, context_length=12, hidden_size=16, num_hidden_layers=2, use_cache=False
    )
    fit(lambda: RwkvForCausalLM(config), sequences())
