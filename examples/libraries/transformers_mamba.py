"""transformers' Trainer on a tiny random Mamba."""

from _trainer import fit, sequences
from transformers import MambaConfig, MambaForCausalLM

ITERATIONS = [8]
LAYERS = 1

if __name__ == "__main__":
    config = MambaConfig(vocab_size=16, hidden_size=16, state_size=4, num_hidden_layers=2)
    fit(lambda: MambaForCausalLM(config), sequences())
