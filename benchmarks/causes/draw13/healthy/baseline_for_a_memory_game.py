"""Policy gradient with a learnt baseline: the card shown first has to be named after four others."""

import torch
from torch import nn

torch.manual_seed(2322)
torch.set_num_threads(1)
CARDS, SHOWN = 4, 5


class Player(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.cards = nn.Embedding(CARDS, 16)
        self.gru = nn.GRU(16, size, batch_first=True)
        self.policy = nn.Linear(size, CARDS)
        self.value = nn.Linear(size, 1)

    def forward(self, cards):
        h = self.gru(self.cards(cards))[1][0]
        return self.policy(h), self.value(h).squeeze(1)


player = Player()
optimizer = torch.optim.Adam(player.parameters(), lr=3e-3)
for step in range(1, 801):
    cards = torch.randint(0, CARDS, (64, SHOWN))
    logits, value = player(cards)
    choice = torch.distributions.Categorical(logits=logits)
    action = choice.sample()
    reward = (action == cards[:, 0]).float()
    advantage = reward - value.detach()
    gain = (choice.log_prob(action) * advantage).mean()
    critic = nn.functional.mse_loss(value, reward)
    loss = -gain + 0.5 * critic - 0.01 * choice.entropy().mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(player.parameters(), 1.0)
    optimizer.step()
    if step % 80 == 0:
        print(f"step {step} loss {loss.item():+.4f} reward {reward.mean().item():.3f}")
