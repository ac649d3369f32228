"""The shipped models; `python -m model_export.zoo [DIRECTORY]` trains them anew.

`models/manifest.json` maps each model's name to its recipe (the arguments of `train`), its sampled
accuracy with the sample's size and seed, the SHA-256 of its weights file, and the SHA-256 of its
exact model. Training needs only the recipes; it rewrites the weights files and everything else.
"""

import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from checker.header import model_hash
from model_export.exact_model import export_model
from model_export.exact_model_file import format_model
from model_export.floating_point import sampled_accuracy
from model_export.naming import canonical_weights
from model_export.output_files import write_whole
from model_export.training import save_weights, train
from model_export.weights_files import read_weights

MANIFEST = "manifest.json"
SAMPLES = 10**6
SAMPLE_SEED = 1


def regenerate(directory: Path) -> None:
    """Train every model of the manifest in `directory`, write its weights, and complete its entry.

    The manifest is written after each model, so that an interrupted run leaves it true.
    """
    path = directory / MANIFEST
    manifest: dict[str, dict[str, Any]] = json.loads(path.read_text())
    for name, entry in manifest.items():
        weights_path = directory / f"{name}.safetensors"
        save_weights(train(**entry["recipe"]), weights_path, entry["recipe"])
        manifest[name] = describe(weights_path, entry["recipe"])
        write_whole(path, (json.dumps(manifest, indent=2) + "\n").encode("ascii"))


def describe(weights_path: Path, recipe: dict[str, Any]) -> dict[str, Any]:
    """The manifest's entry for the weights at `weights_path`, trained by `recipe`."""
    tensors = read_weights(weights_path)
    return {
        "recipe": recipe,
        "sampled_accuracy": sampled_accuracy(canonical_weights(tensors), SAMPLES, SAMPLE_SEED),
        "samples": SAMPLES,
        "sample_seed": SAMPLE_SEED,
        "weights_sha256": sha256(weights_path.read_bytes()).hexdigest(),
        "model_sha256": model_hash(format_model(export_model(tensors)).encode("ascii")),
    }


if __name__ == "__main__":
    regenerate(Path(sys.argv[1] if len(sys.argv) > 1 else "models"))
