"""Words come with vectors from elsewhere that are left as they are; only the reader above them learns."""

import torch
from torch import nn

torch.manual_seed(1232)
torch.set_num_threads(1)
WORDS, TONES, LENGTH = 60, 3, 14
tone_of_word = torch.randint(0, TONES, (WORDS,))
vectors = torch.randn(WORDS, 16) * 0.5
vectors[:, :TONES] += 2 * nn.functional.one_hot(tone_of_word, TONES).float()


class ToneReader(nn.Module):
    def __init__(self, given, size=32):
        super().__init__()
        self.words = nn.Embedding.from_pretrained(given, freeze=True)
        self.lstm = nn.LSTM(given.size(1), size, batch_first=True, bidirectional=True)
        self.tone = nn.Linear(2 * size, TONES)

    def forward(self, text):
        out, _ = self.lstm(self.words(text))
        return self.tone(out.mean(1))


def texts(n=32):
    text = torch.randint(0, WORDS, (n, LENGTH))
    counts = nn.functional.one_hot(tone_of_word[text], TONES).sum(1)
    return text, (counts + 0.1 * torch.arange(TONES)).argmax(1)


model = ToneReader(vectors)
learning = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(learning, lr=5e-3, weight_decay=1e-3)
for step in range(1, 501):
    text, tone = texts()
    loss = nn.functional.cross_entropy(model(text), tone)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(learning, 1.0)
    optimizer.step()
    if step % 100 == 0:
        text, tone = texts(300)
        with torch.no_grad():
            right = (model(text).argmax(1) == tone).float().mean()
        print(f"step {step} loss {loss.item():.4f} tones right {right:.3f}")
