"""Training of one-layer attention-only transformers on the task `max`, on one processor core.

The recipe is that of Gross et al., Compact Proofs of Model Performance via Mechanistic
Interpretability (arXiv 2406.11779): one head, no LayerNorm, no biases, normal initialisation with
standard deviation 0.8 / sqrt(width), AdamW, fresh uniform random sequences in each batch, and the
cross-entropy of the last position's logits. PyTorch is imported only when training starts.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track
from safetensors.numpy import save

from model_export.errors import UnsupportedWeights
from model_export.exact_model import SIZES, export_model, model_text
from model_export.floating_point import Weights
from model_export.output_files import write_whole

if TYPE_CHECKING:
    from torch import Tensor

MAX_STEPS = 10**9
MAX_BATCH_SIZE = 2**20


def train(
    positions: int,
    vocabulary: int,
    width: int,
    head_width: int,
    seed: int,
    steps: int = 3000,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    weight_decay: float = 0.01,
    progress: bool = True,
) -> dict[str, npt.NDArray[np.float32]]:
    """Train a model to name the largest of `positions` tokens.

    Returns float32 arrays by short name: W_E [vocabulary, width], W_pos [positions, width], W_Q,
    W_K, W_V [width, head_width], W_O [head_width, width], W_U [width, vocabulary]. Training runs on
    one thread of the CPU, and draws from its own generators, so that global random state neither
    matters nor changes: the same arguments give the same weights, with one version of PyTorch on
    one kind of processor. `progress` shows a progress bar on standard error.

    Raises `ImportError` without PyTorch, and `ValueError` for numbers out of range, among them sizes of
    which no model could be exported.
    """
    limits = {
        **{name: (low, high) for name, (_, low, high) in SIZES.items()},
        "steps": (1, MAX_STEPS),
        "batch_size": (1, MAX_BATCH_SIZE),
        "seed": (0, None),
    }
    sizes = {"positions": positions, "vocabulary": vocabulary, "width": width, "head_width": head_width}
    for name, number in {**sizes, "steps": steps, "batch_size": batch_size, "seed": seed}.items():
        low, high = limits[name]
        if number < low or (high is not None and number > high):
            most = "" if high is None else f" and at most {high}"
            raise ValueError(f"{name} must be at least {low}{most}, found {number}")
    try:
        import torch
    except ImportError as error:
        raise ImportError("training needs PyTorch: pip install '.[train]' in a clone") from error

    shapes = {
        "W_E": (vocabulary, width),
        "W_pos": (positions, width),
        "W_Q": (width, head_width),
        "W_K": (width, head_width),
        "W_V": (width, head_width),
        "W_O": (head_width, width),
        "W_U": (width, vocabulary),
    }
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so that the order of floating-point sums is always the same
    try:
        # Two streams, so that models of one seed and several widths see the same data.
        initial_seed, data_seed = np.random.SeedSequence(seed).generate_state(2).tolist()
        initial = torch.Generator().manual_seed(initial_seed)
        data = torch.Generator().manual_seed(data_seed)
        scale = 0.8 / math.sqrt(width)
        weights = {
            name: (torch.randn(shape, generator=initial) * scale).requires_grad_() for name, shape in shapes.items()
        }
        _check_length(weights)
        optimizer = torch.optim.AdamW(weights.values(), lr=learning_rate, betas=betas, weight_decay=weight_decay)
        for _ in track(
            range(steps),
            description=f"max-of-{positions}, seed {seed}",
            console=Console(stderr=True),
            disable=not progress,
        ):
            tokens = torch.randint(vocabulary, (batch_size, positions), generator=data)
            loss = torch.nn.functional.cross_entropy(last_logits(weights, tokens), tokens.max(dim=1).values)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return {name: weight.detach().numpy() for name, weight in weights.items()}
    finally:
        torch.set_num_threads(threads)


def last_logits(weights: "Mapping[str, Tensor]", tokens: "Tensor") -> "Tensor":
    """The logits [batch, vocabulary] at the last position of `tokens` [batch, positions]."""
    residual = weights["W_E"][tokens] + weights["W_pos"]
    last = residual[:, -1]
    query = last @ weights["W_Q"]
    # Only the last position is read, so only its row of attention scores is computed.
    scores = (residual @ (query @ weights["W_K"].T).unsqueeze(-1)).squeeze(-1)
    pattern = (scores / math.sqrt(weights["W_Q"].shape[1])).softmax(dim=-1)
    mixed = (pattern.unsqueeze(1) @ residual).squeeze(1)
    return (last + mixed @ weights["W_V"] @ weights["W_O"]) @ weights["W_U"]


def _check_length(weights: "Mapping[str, Tensor]") -> None:
    """Refuse a model too large to be exported: the text of trained weights is about as long as at first."""
    try:
        model_text(export_model({name: weight.detach().numpy() for name, weight in weights.items()}))
    except UnsupportedWeights as error:
        raise ValueError(f"these sizes cannot be exported: {error}") from error


def save_weights(weights: Weights, path: Path, metadata: Mapping[str, object]) -> None:
    """Write `weights` (short names, shapes of `train`) as safetensors with TransformerLens names.

    The attention matrices get the head axis that TransformerLens gives them: W_Q, W_K, W_V
    [1, width, head_width], W_O [1, head_width, width]. `metadata` must be serialisable as JSON. It
    is stored under the one key `recipe`, because safetensors keeps no order among several keys, and
    the same weights and metadata must give the same bytes. Raises `OSError` where `path` cannot be
    written.
    """
    tensors = {
        "embed.W_E": weights["W_E"],
        "pos_embed.W_pos": weights["W_pos"],
        **{f"blocks.0.attn.{name}": weights[name][None] for name in ("W_Q", "W_K", "W_V", "W_O")},
        "unembed.W_U": weights["W_U"],
    }
    recipe = json.dumps(metadata, sort_keys=True)
    # safetensors writes memory as it lies, so views must become contiguous first.
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    write_whole(path, save(contiguous, metadata={"recipe": recipe}))
