"""Lightning, two processes that are spawned and average their gradients."""

import lightning
from _digest import digest
from _lightning import Module, loader, trainer

ITERATIONS = [6]
LAYERS = 1

if __name__ == "__main__":
    lightning.seed_everything(0, verbose=False)
    module = Module()
    fit = trainer(devices=2, strategy="ddp_spawn")
    fit.fit(module, loader())
    print(fit.global_step, digest(module))
