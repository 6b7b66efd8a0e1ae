"""pytorch-forecasting: its RecurrentNetwork on two series, by Lightning."""

import logging
import warnings

warnings.filterwarnings("ignore")

import lightning.pytorch as pl
import numpy as np
import pandas as pd
from _digest import digest
from pytorch_forecasting import RecurrentNetwork, TimeSeriesDataSet

for name in ("lightning.pytorch", "lightning.fabric"):
    logging.getLogger(name).setLevel(logging.ERROR)
ITERATIONS = [10]
LAYERS = 2

if __name__ == "__main__":
    pl.seed_everything(0, verbose=False)
    frame = pd.concat(
        pd.DataFrame({"id": name, "t": np.arange(60), "y": np.sin(np.arange(60) / k)})
        for name, k in (("a", 3), ("b", 5))
    ).reset_index(drop=True)
    dataset = TimeSeriesDataSet(
        frame, time_idx="t", target="y", group_ids=["id"], max_encoder_length=12,
        max_prediction_length=6, time_varying_unknown_reals=["y"],
    )  # fmt: skip
    loader = dataset.to_dataloader(train=True, batch_size=8, num_workers=0)
    model = RecurrentNetwork.from_dataset(dataset, cell_type="LSTM", hidden_size=8, dropout=0.0)
    trainer = pl.Trainer(
        max_epochs=2, limit_train_batches=5, accelerator="cpu", logger=False,
        gradient_clip_val=0.1, enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=False,
    )  # fmt: skip
    trainer.fit(model, loader)
    print(trainer.global_step, trainer.callback_metrics, digest(model))
