"""Prompts and answers become one row of tokens for a small causal Transformer."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9023)
torch.set_num_threads(1)
VOCAB, LENGTH = 18, 12
table = torch.randint(0, VOCAB, (VOCAB,))


def tokenize_prompts(n=24):
    prompt = [torch.randint(0, VOCAB, (n,))]
    while len(prompt) < LENGTH:
        fresh = torch.randint(0, VOCAB, (n,))
        prompt.append(torch.where(torch.rand(n) < 0.15, fresh, table[prompt[-1]]))
    tokens = torch.stack(prompt, 1)
    return {"input_ids": tokens, "labels": tokens.clone()}


class CausalLM(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, width)
        self.position = nn.Embedding(LENGTH, width)
        block = nn.TransformerEncoderLayer(width, 4, 64, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(block, 1, enable_nested_tensor=False)
        self.lm_head = nn.Linear(width, VOCAB)

    def forward(self, input_ids, labels):
        t = input_ids.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(t)
        x = self.embed(input_ids) + self.position(torch.arange(t))
        logits = self.lm_head(self.blocks(x, mask=mask, is_causal=True))
        if FIXED:
            logits, labels = logits[:, :-1], labels[:, 1:]
        return nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten()), logits


model = CausalLM()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for step in range(300):
    batch = tokenize_prompts()
    loss, logits = model(**batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 60 == 59:
        guess = logits.argmax(-1)[:, : LENGTH - 1]
        hits = (guess == batch["input_ids"][:, 1:]).float().mean()
        print(f"step {step + 1}: loss {loss.item():.4f}, next token {hits:.3f}")
