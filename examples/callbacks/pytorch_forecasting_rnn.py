"""pytorch-forecasting: its RecurrentNetwork on two series, by a trainer of Lightning's."""

import lightning.pytorch as pl
import numpy as np
import pandas as pd
from pytorch_forecasting import RecurrentNetwork, TimeSeriesDataSet

from backsight.integrations.lightning import BacksightCallback

ITERATIONS = [10]
LAYERS = 2

if __name__ == "__main__":
    pl.seed_everything(0, verbose=False)
    frame = pd.concat(
        pd.DataFrame({"id": name, "t": np.arange(60), "y": np.sin(np.arange(60) / k)})
        for name, k in (("a", 3), ("b", 5))
    ).reset_index(drop=True)
    dataset = TimeSeriesDataSet(
        frame,
        time_idx="t",
        target="y",
        group_ids=["id"],
        max_encoder_length=12,
        max_prediction_length=6,
        time_varying_unknown_reals=["y"],
    )
    loader = dataset.to_dataloader(train=True, batch_size=8, num_workers=0)
    model = RecurrentNetwork.from_dataset(dataset, cell_type="LSTM", hidden_size=8, dropout=0.0)
    trainer = pl.Trainer(
        max_epochs=2, limit_train_batches=5, accelerator="cpu", callbacks=[BacksightCallback()]
    )
    trainer.fit(model, loader)
    print(sum(p.double().square().sum().item() for p in model.parameters()))
