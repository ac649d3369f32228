"""From weights to an exact model.

Every float is an integer times a power of two, so nothing is rounded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from flint import fmpz_mat

from checker.models.attention_only import MAX_VOCABULARY, MAX_WIDTH, TENSORS, ExactModel
from checker.numbers.dyadic import Dyadic
from checker.text import MAX_FILE_BYTES, MAX_POSITIONS
from model_export.configuration import KEYS, Configuration, check_configuration, read_configuration
from model_export.errors import OtherFamily, UnsupportedWeights
from model_export.exact_model_file import format_model
from model_export.naming import canonical_weights
from model_export.output_files import write_whole
from model_export.tasks import TASKS
from model_export.weights_files import Checkpoint, read_checkpoint

# The sizes that the checker supports: tensor, and the least and the most.
SIZES = {
    "positions": ("W_pos", 2, MAX_POSITIONS),
    "vocabulary": ("W_E", 1, MAX_VOCABULARY),
    "outputs": ("W_U", 1, MAX_VOCABULARY),
    "width": ("W_E", 1, MAX_WIDTH),
    "head_width": ("W_Q", 1, MAX_WIDTH),
}



@dataclass(frozen=True)
class Exported:
    """An exact model, the configuration that agreed (`"given"`, `"stored"` or `None`), and what was assumed."""

    model: ExactModel = field(repr=False)
    configuration: str | None
    assumed: tuple[str, ...]


def export(
    weights: Path,
    output: Path,
    task: str = "max",
    configuration: Path | None = None,
    positions: int | None = None,
) -> Exported:
    """Read the weights file `weights`, write its exact model to `output`, and return the model.

    `configuration` is a JSON file, which stands in for what is stored with the weights. `positions`
    is the length of the inputs, where the weights have more positions. Formats, names and keys are
    described in `docs/weights.md`.

    Raises `UnsupportedWeights` where a file cannot be read, or the model is not of the supported
    family by its weights or its configuration, and `OSError` where `output` cannot be written.
    """
    checkpoint = read_checkpoint(weights)
    agreed = None if checkpoint.configuration is None else "stored"
    if configuration is not None:
        checkpoint, agreed = Checkpoint(checkpoint.tensors, read_configuration(configuration)), "given"
    exported = replace(exported_model(checkpoint, task, positions), configuration=agreed)
    write_model(exported.model, output)
    return exported


def exported_model(checkpoint: Checkpoint, task: str = "max", positions: int | None = None) -> Exported:
    """The exact model of weights with their configuration, if any, and what was assumed; see `export_model`."""
    model = export_model(checkpoint.tensors, task, checkpoint.configuration, positions)
    agreed = None if checkpoint.configuration is None else "stored"
    read = "all" if positions is None else "the first"
    return Exported(
        model, agreed, (*_assumed_settings(checkpoint), f"task {task} over {read} {model.positions} positions")
    )


def _assumed_settings(checkpoint: Checkpoint) -> list[str]:
    """In words, what neither the weights nor a configuration tells."""
    if checkpoint.configuration is not None:
        return []
    heads_told = any(tensor.ndim == 3 for tensor in checkpoint.tensors.values())
    return [key.assumed for name, key in KEYS.items() if key.assumed and not (name == "n_heads" and heads_told)]


def export_model(
    weights: Mapping[str, npt.NDArray[np.generic]],
    task: str = "max",
    configuration: Configuration | None = None,
    positions: int | None = None,
) -> ExactModel:
    """The exact model of `weights`, arrays by name under any supported naming scheme.

    Every entry is converted exactly. Inputs have `positions` tokens, by default as many as the
    weights have positions; a model that is run on shorter ones uses the first rows of W_pos. Raises
    `UnsupportedWeights` where the model is not of the supported family by its weights or its
    configuration (in TransformerLens's keys), the task is unknown, or a size is over a limit of the
    checker.
    """
    if task not in TASKS:
        raise OtherFamily(f"task {task!r} is unknown; supported: {', '.join(TASKS)}")
    matrices = canonical_weights(weights, positions)
    vocabulary, width = matrices["W_E"].shape
    head_width, outputs = matrices["W_Q"].shape[1], matrices["W_U"].shape[1]
    sizes = {"vocabulary": vocabulary, "outputs": outputs, "width": width, "head_width": head_width}
    if configuration is not None:
        check_configuration(configuration, {**sizes, "n_ctx": len(matrices["W_pos"])})
    matrices["W_pos"] = matrices["W_pos"][:positions]
    sizes["positions"] = len(matrices["W_pos"])
    for name, (tensor, low, high) in SIZES.items():
        if not low <= sizes[name] <= high:
            raise UnsupportedWeights(f"tensor {tensor}: {name} = {sizes[name]}, the checker supports {low} to {high}")
    if outputs < vocabulary:
        raise UnsupportedWeights(
            f"tensor W_U: task max needs at least as many outputs as tokens, "
            f"found {outputs} outputs and {vocabulary} tokens"
        )
    exact = {name: _dyadic(name, matrices[name]) for name in TENSORS}
    return ExactModel(vocabulary, outputs, sizes["positions"], width, head_width, task, exact)


def write_model(model: ExactModel, path: Path) -> None:
    """Write the canonical text of `model` to `path`.

    Raises `UnsupportedWeights` where the text is longer than what the checker reads.
    """
    write_whole(path, model_text(model).encode("ascii"))


def model_text(model: ExactModel) -> str:
    """The canonical text of `model`; raises `UnsupportedWeights` where the checker would not read so much."""
    text = format_model(model)
    if len(text) > MAX_FILE_BYTES:
        raise UnsupportedWeights(_too_long("the model", len(text)))
    return text


def _dyadic(name: str, matrix: npt.NDArray[np.float64]) -> Dyadic:
    """`matrix` as integers times the largest power of two that allows this; 1 for all zeros.

    `frexp` is exact and normalises subnormals, and a float64 has 53 significant bits, so every
    mantissa times 2**53 is an integer of type int64.
    """
    fractions, exponents = np.frexp(matrix.ravel())
    integers = np.ldexp(fractions, 53).astype(np.int64)
    # The lowest set bit is a power of two; making integers odd makes their exponents comparable.
    trailing = np.frexp((integers & -integers).astype(np.float64))[1] - 1
    nonzero = integers != 0
    odd = np.where(nonzero, integers >> np.where(nonzero, trailing, 0), 0)
    exponents = np.where(nonzero, exponents - 53 + trailing, 0)
    exponent = int(exponents[nonzero].min()) if nonzero.any() else 0
    shifts = np.where(nonzero, exponents - exponent, 0)
    # 2**s has more than 0.3 * s digits; wide ranges are refused before they take gigabytes.
    characters = int(shifts.sum()) * 3 // 10 + shifts.size
    if characters > MAX_FILE_BYTES:
        raise UnsupportedWeights(_too_long(f"tensor {name}", characters))
    entries = [k << s for k, s in zip(odd.tolist(), shifts.tolist(), strict=True)]
    rows, columns = matrix.shape
    return Dyadic(fmpz_mat(rows, columns, entries), exponent)


def _too_long(what: str, size: int) -> str:
    return f"{what}: at least {size} characters as integers, the checker reads {MAX_FILE_BYTES}"
