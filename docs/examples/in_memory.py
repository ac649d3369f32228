"""A model of TransformerLens, trained by its own code with its own biases, from PyTorch to a verdict in five lines."""

from importlib.metadata import version
from itertools import product
from typing import Any

import torch

from compact_proofs import check, export, prove

CFG: dict[str, Any] = {"n_layers": 1, "n_heads": 1, "d_model": 16, "d_head": 16, "n_ctx": 3, "d_vocab": 8}
CFG |= {"attn_only": True, "normalization_type": None, "seed": 0}
# Two tokens, and as the third the larger one of them, which is to be predicted.
SEQUENCES = torch.tensor([(a, b, max(a, b)) for a, b in product(range(8), repeat=2)] * 8)


def trained() -> Any:
    """A `HookedTransformer` of TransformerLens 2 or 3, or a `TransformerBridge` of 4, after a few seconds."""
    if int(version("transformer-lens").partition(".")[0]) < 4:
        from transformer_lens import HookedTransformer, HookedTransformerConfig
        from transformer_lens.train import HookedTransformerTrainConfig, train

        model = HookedTransformer(HookedTransformerConfig(**CFG, device="cpu"))
        data: Any = [{"tokens": sequence} for sequence in SEQUENCES]
        how = HookedTransformerTrainConfig(num_epochs=30, batch_size=64, lr=1e-2, device="cpu", print_every=None)
        return train(model, how, data)
    from transformer_lens.model_bridge import TransformerBridge

    bridge = TransformerBridge.boot_native(CFG)
    optimizer = torch.optim.Adam(bridge.parameters(), lr=1e-2)
    for _ in range(200):
        bridge(SEQUENCES, return_type="loss").backward()
        optimizer.step()
        optimizer.zero_grad()
    return bridge


if __name__ == "__main__":
    hooked = trained()
    model = export(hooked, task="max", positions=2)
    certificate = prove(model, "evaluate")
    verdict = check(model, certificate)
    print(verdict.accepted, verdict.bound)
