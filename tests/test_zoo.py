"""The shipped models are what their manifest says."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

from checker.header import model_hash
from model_export.exact_model import export
from model_export.floating_point import sampled_accuracy
from model_export.naming import canonical_weights
from model_export.weights_files import read_weights
from model_export.zoo import regenerate

MODELS = Path(__file__).parent.parent / "models"
MANIFEST: dict[str, dict[str, Any]] = json.loads((MODELS / "manifest.json").read_text())


def test_the_manifest_lists_the_shipped_files() -> None:
    assert {path.stem for path in MODELS.glob("*.safetensors")} == set(MANIFEST)
    assert set(MANIFEST) == {
        *(f"max-of-4-seed-{seed}" for seed in range(5)),
        *("max-of-5", "max-of-10", "max-of-20", "tiny"),
    }


@pytest.mark.parametrize("name", MANIFEST)
def test_hashes_and_recipes(name: str, tmp_path: Path) -> None:
    entry, path = MANIFEST[name], MODELS / f"{name}.safetensors"
    assert sha256(path.read_bytes()).hexdigest() == entry["weights_sha256"]
    model = export(path, tmp_path / "model").model
    assert model_hash((tmp_path / "model").read_bytes()) == entry["model_sha256"]
    recipe = entry["recipe"]
    assert (model.positions, model.vocabulary) == (recipe["positions"], recipe["vocabulary"])
    assert (model.width, model.head_width) == (recipe["width"], recipe["head_width"])
    assert model.outputs == model.vocabulary
    with safe_open(path, framework="numpy") as file:
        assert json.loads(file.metadata()["recipe"]) == recipe
        assert all(file.get_tensor(key).dtype == np.float32 for key in file.keys())  # noqa: SIM118


@pytest.mark.parametrize("name", MANIFEST)
def test_sampled_accuracy(name: str) -> None:
    """Another sample agrees within five standard errors; the models are good."""
    entry, samples = MANIFEST[name], 50000
    weights = canonical_weights(read_weights(MODELS / f"{name}.safetensors"))
    stated = entry["sampled_accuracy"]
    error = np.sqrt(stated * (1 - stated) / samples)
    assert abs(sampled_accuracy(weights, samples, seed=2) - stated) <= 5 * error
    assert stated >= (0.99 if name == "tiny" else 0.999)


def test_tiny_sample_is_reproduced_and_close_to_the_truth() -> None:
    entry = MANIFEST["tiny"]
    weights = canonical_weights(read_weights(MODELS / "tiny.safetensors"))
    again = sampled_accuracy(weights, entry["samples"], entry["sample_seed"])
    assert again == entry["sampled_accuracy"]
    assert abs(again - 215 / 216) < 5e-4


def test_the_zoo_is_reproducible(tmp_path: Path) -> None:
    """A manifest of recipes is completed, and gives the same files twice."""
    recipe = {"positions": 2, "vocabulary": 3, "width": 4, "head_width": 2, "seed": 7, "steps": 3}
    path, files = tmp_path / "manifest.json", []
    path.write_text(json.dumps({"small": {"recipe": recipe}}))
    for _ in range(2):
        regenerate(tmp_path)
        files.append((path.read_bytes(), (tmp_path / "small.safetensors").read_bytes()))
    assert files[0] == files[1]
    entry = json.loads(path.read_text())["small"]
    assert entry["recipe"] == recipe
    assert entry["weights_sha256"] == sha256(files[0][1]).hexdigest()
    weights = canonical_weights(read_weights(tmp_path / "small.safetensors"))
    again = sampled_accuracy(weights, entry["samples"], entry["sample_seed"])
    assert again == entry["sampled_accuracy"]
