"""sb3-contrib: RecurrentPPO on CartPole without velocities, an LSTM each for actor and critic."""

import gymnasium as gym
import numpy as np
from gymnasium.wrappers import TransformObservation
from sb3_contrib import RecurrentPPO

from backsight.integrations.sb3 import BacksightCallback

ITERATIONS = [32]
LAYERS = 2


def cartpole():
    """Position and angle alone: what moves must be remembered."""
    env = gym.make("CartPole-v1")
    space = gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    return TransformObservation(env, lambda state: state[::2], space)


if __name__ == "__main__":
    model = RecurrentPPO(
        "MlpLstmPolicy", cartpole(), n_steps=64, batch_size=32, n_epochs=4, seed=0, device="cpu",
        policy_kwargs={"lstm_hidden_size": 16},
    )  # fmt: skip
    model.learn(256, callback=BacksightCallback())
    print(model.num_timesteps, model.logger.name_to_value["train/loss"])
