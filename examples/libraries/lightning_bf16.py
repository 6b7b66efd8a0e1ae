"""Lightning, in mixed precision with bfloat16."""

import lightning
from _digest import digest
from _lightning import Module, loader, trainer

ITERATIONS = [12]
LAYERS = 1

if __name__ == "__main__":
    lightning.seed_everything(0, verbose=False)
    module = Module()
    fit = trainer(precision="bf16-mixed")
    fit.fit(module, loader())
    print(fit.global_step, module.losses, digest(module))
