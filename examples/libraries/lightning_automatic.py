"""Lightning, automatic optimisation, with a validation in between and gradient clipping."""

import lightning
from _digest import digest
from _lightning import Module, loader, trainer

ITERATIONS = [12]
LAYERS = 1

if __name__ == "__main__":
    lightning.seed_everything(0, verbose=False)
    module = Module()
    fit = trainer(gradient_clip_val=0.1)
    fit.fit(module, loader(), loader(32))
    print(fit.global_step, module.losses, digest(module))
