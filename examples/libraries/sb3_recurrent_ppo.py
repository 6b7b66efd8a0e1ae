"""sb3-contrib's RecurrentPPO on CartPole: an actor and a critic, each with its LSTM."""

from _digest import digest
from sb3_contrib import RecurrentPPO

ITERATIONS = [16]
LAYERS = 2

if __name__ == "__main__":
    model = RecurrentPPO(
        "MlpLstmPolicy", "CartPole-v1", n_steps=32, batch_size=16, n_epochs=4, seed=0, device="cpu",
        policy_kwargs={"lstm_hidden_size": 8},
    )  # fmt: skip
    model.learn(64)
    print(model.logger.name_to_value["train/loss"], digest(model.policy))
