"""What every example prints last: a fingerprint of the weights that training has left."""

import hashlib

import torch


def digest(*models: torch.nn.Module) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of all weights and buffers."""
    found = hashlib.sha256()
    for model in models:
        for name, value in model.state_dict().items():
            found.update(name.encode())
            if isinstance(value, torch.Tensor):
                found.update(value.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()[:16]
