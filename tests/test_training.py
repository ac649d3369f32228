"""Training is reproducible and learns, accuracy is estimated rightly, weights are kept."""

import json
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from checker.models.attention_only import MAX_VOCABULARY, MAX_WIDTH
from checker.text import MAX_POSITIONS
from model_export.floating_point import sampled_accuracy
from model_export.naming import canonical_weights
from model_export.training import save_weights, train
from model_export.weights_files import read_weights

SIZES = {"positions": 3, "vocabulary": 5, "width": 6, "head_width": 2}


def quick(seed: int = 0, steps: int = 5, **changes: int) -> dict[str, np.ndarray]:
    sizes: dict[str, Any] = {**SIZES, **changes}
    return dict(train(**sizes, seed=seed, steps=steps, progress=False))


def test_the_same_arguments_give_the_same_weights() -> None:
    """Whatever the global random state and number of threads, which stay as they are."""
    threads = torch.get_num_threads()
    torch.manual_seed(1)
    first = quick()
    torch.manual_seed(2)
    state = torch.get_rng_state()
    second = quick()
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not np.array_equal(first["W_E"], quick(seed=1)["W_E"])


def test_shapes_and_types() -> None:
    shapes = {name: weight.shape for name, weight in quick().items()}
    assert shapes == {
        "W_E": (5, 6),
        "W_pos": (3, 6),
        "W_Q": (6, 2),
        "W_K": (6, 2),
        "W_V": (6, 2),
        "W_O": (2, 6),
        "W_U": (6, 5),
    }
    assert all(weight.dtype == np.float32 for weight in quick().values())


def test_initial_weights_have_the_standard_deviation_of_the_recipe() -> None:
    weights = train(4, 200, 100, 100, seed=0, steps=1, progress=False)
    for name, weight in weights.items():
        # Of n numbers, the sample's standard deviation is within 5 / sqrt(2 n), relatively.
        assert weight.std() == pytest.approx(0.08, rel=5 / np.sqrt(2 * weight.size) + 0.02), name


def test_the_numbers_of_the_recipe_reach_the_optimizer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those given, and by default those of the page."""
    batches: list[torch.Tensor] = []
    cross_entropy = torch.nn.functional.cross_entropy

    def noted(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        batches.append(labels)
        return cross_entropy(logits, labels)

    optimizers: list[dict[str, Any]] = []
    adam = torch.optim.AdamW

    def made(parameters: Any, **options: Any) -> torch.optim.AdamW:
        optimizers.append(options)
        return adam(parameters, **options)

    monkeypatch.setattr(torch.nn.functional, "cross_entropy", noted)
    monkeypatch.setattr(torch.optim, "AdamW", made)
    train(3, 5, 6, 2, seed=0, steps=2, progress=False)
    train(3, 5, 6, 2, 0, 3, batch_size=7, learning_rate=0.5, betas=(0.1, 0.2), weight_decay=0.25, progress=False)
    assert [labels.shape for labels in batches] == [(128,)] * 2 + [(7,)] * 3
    assert optimizers == [
        {"lr": 1e-3, "betas": (0.9, 0.999), "weight_decay": 0.01},
        {"lr": 0.5, "betas": (0.1, 0.2), "weight_decay": 0.25},
    ]
    assert not torch.equal(batches[0], batches[1])


def test_training_learns() -> None:
    assert sampled_accuracy(quick(steps=1), 2000, seed=1) < 0.5
    assert sampled_accuracy(quick(steps=600, width=8, head_width=4), 2000, seed=1) > 0.9


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("positions", 2, MAX_POSITIONS),
        ("vocabulary", 1, MAX_VOCABULARY),
        ("width", 1, MAX_WIDTH),
        ("head_width", 1, MAX_WIDTH),
        ("steps", 1, 10**9),
    ],
)
def test_what_cannot_be_exported_is_not_trained(name: str, least: int, most: int) -> None:
    for number in (-1, least - 1, most + 1, 10**30):
        with pytest.raises(ValueError, match=f"^{name} must be at least {least} and at most {most}, found {number}$"):
            quick(**{name: number})


def test_models_with_a_text_over_the_limit_are_not_trained() -> None:
    """Each size is within its limit, but the checker does not read so much."""
    with pytest.raises(ValueError, match=r"^these sizes cannot be exported: tensor W_E: at least \d+ characters"):
        train(4, 1024, 1024, 1, seed=0, steps=10**9, progress=False)


def test_seeds_may_be_large_but_not_negative() -> None:
    assert not np.array_equal(quick(seed=2**70)["W_E"], quick(seed=2**70 + 1)["W_E"])
    with pytest.raises(ValueError, match=r"^seed must be at least 0, found -1$"):
        quick(seed=-1)


def test_samples_must_be_positive() -> None:
    with pytest.raises(ValueError, match=r"^samples must be at least 1, found 0$"):
        sampled_accuracy(quick(), 0, seed=0)


def test_missing_pytorch_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"pip install '\.\[train\]' in a clone"):
        quick()


def brute_force_accuracy(weights: dict[str, np.ndarray]) -> float:
    """The accuracy over all inputs, from the definition of the model, one input at a time."""
    w = {name: weight.astype(np.float64) for name, weight in weights.items()}
    vocabulary, positions, head_width = len(w["W_E"]), len(w["W_pos"]), w["W_Q"].shape[1]
    correct: int = 0
    for tokens in product(range(vocabulary), repeat=positions):
        x = [w["W_E"][t] + w["W_pos"][j] for j, t in enumerate(tokens)]
        query = x[-1] @ w["W_Q"]
        attention = [np.exp(query @ (xj @ w["W_K"]) / np.sqrt(head_width)) for xj in x]
        value = sum(a * (xj @ w["W_V"]) for a, xj in zip(attention, x, strict=True))
        logits = (x[-1] + value / sum(attention) @ w["W_O"]) @ w["W_U"]
        others = np.delete(logits, max(tokens))
        correct += bool(logits[max(tokens)] > others.max())
    return correct / float(vocabulary**positions)


@pytest.mark.parametrize("steps", [1, 100, 300])
def test_sampled_accuracy_estimates_the_accuracy(steps: int) -> None:
    weights = quick(steps=steps)
    truth, samples = brute_force_accuracy(weights), 40000
    estimate = sampled_accuracy(weights, samples, seed=3)
    assert abs(estimate - truth) <= 5 * np.sqrt(truth * (1 - truth) / samples)
    assert estimate == sampled_accuracy(weights, samples, seed=3)


def test_ties_are_wrong() -> None:
    weights = {name: np.zeros_like(weight) for name, weight in quick().items()}
    assert sampled_accuracy(weights, 100, seed=0) == 0


def test_saved_weights_are_read_back(tmp_path: Path) -> None:
    """Bit by bit, under the names of TransformerLens; the same weights give the same bytes."""
    weights, metadata = quick(), {"seed": 0, "betas": [0.9, 0.999], **SIZES}
    for name in ("first", "second"):
        save_weights(weights, tmp_path / f"{name}.safetensors", metadata)
    path = tmp_path / "first.safetensors"
    assert path.read_bytes() == (tmp_path / "second.safetensors").read_bytes()
    tensors = read_weights(path)
    assert tensors["blocks.0.attn.W_O"].shape == (1, 2, 6)
    for name, matrix in canonical_weights(tensors).items():
        assert np.array_equal(matrix, weights[name])
    with safe_open(path, framework="numpy") as file:
        assert json.loads(file.metadata()["recipe"]) == metadata
