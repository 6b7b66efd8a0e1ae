"""Ray Train: a loop in one worker process of Ray's, which averages its gradients (DDP)."""

import os
import tempfile

os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"

import ray
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer

ITERATIONS = [12]
LAYERS = 1


def loop(config):
    """What each worker does."""
    import sys

    sys.path.insert(0, config["here"])
    import ray.train.torch
    import torch
    from _digest import digest
    from _first import Classifier, data
    from torch.nn.functional import cross_entropy
    from torch.utils.data import DataLoader

    torch.manual_seed(0)
    model = ray.train.torch.prepare_model(Classifier())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(3):
        for x, y in ray.train.torch.prepare_data_loader(DataLoader(data(), 16)):
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        ray.train.report({"loss": loss.item()})
    with open(config["last"], "w") as file:
        file.write(f"{loss.item()} {digest(model)}")


if __name__ == "__main__":
    ray.init(num_cpus=2, log_to_driver=False, logging_level="error", include_dashboard=False)
    with tempfile.TemporaryDirectory() as folder:
        here, last = os.path.dirname(os.path.abspath(__file__)), os.path.join(folder, "last")
        TorchTrainer(
            loop,
            train_loop_config={"here": here, "last": last},
            scaling_config=ScalingConfig(num_workers=1, use_gpu=False),
            run_config=RunConfig(storage_path=folder),
        ).fit()
        with open(last) as file:
            print(file.read())
    ray.shutdown()
