"""From weights to an exact model.

Every float is an integer times a power of two, so nothing is rounded.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from flint import fmpz_mat

from checker.model import (
    MAX_POSITIONS,
    MAX_VOCABULARY,
    MAX_WIDTH,
    TENSORS,
    Dyadic,
    ExactModel,
)
from checker.text import MAX_FILE_BYTES
from model_export.errors import UnsupportedWeights
from model_export.exact_model_file import format_model
from model_export.naming import canonical_weights
from model_export.tasks import TASKS
from model_export.weights_files import read_weights


def export(weights: Path, output: Path, task: str = "max") -> ExactModel:
    """Read the weights file `weights`, write its exact model to `output`, and return the model.

    Formats and names are described in `docs/weights.md`. Raises `UnsupportedWeights` where the file
    cannot be read or its model is not of the supported family, and `OSError` where `output` cannot
    be written.
    """
    model = export_model(read_weights(weights), task)
    write_model(model, output)
    return model


def export_model(weights: Mapping[str, npt.NDArray[np.generic]], task: str = "max") -> ExactModel:
    """The exact model of `weights`, arrays by name under any supported naming scheme.

    Every entry is converted exactly. Raises `UnsupportedWeights` where the model is not of the
    supported family, the task is unknown, or a size is over a limit of the checker.
    """
    if task not in TASKS:
        raise UnsupportedWeights(f"task {task!r} is unknown; supported: {', '.join(TASKS)}")
    matrices = canonical_weights(weights)
    vocabulary, width = matrices["W_E"].shape
    positions = len(matrices["W_pos"])
    head_width, outputs = matrices["W_Q"].shape[1], matrices["W_U"].shape[1]
    for name, tensor, size, low, high in (
        ("positions", "W_pos", positions, 2, MAX_POSITIONS),
        ("vocabulary", "W_E", vocabulary, 1, MAX_VOCABULARY),
        ("outputs", "W_U", outputs, 1, MAX_VOCABULARY),
        ("width", "W_E", width, 1, MAX_WIDTH),
        ("head_width", "W_Q", head_width, 1, MAX_WIDTH),
    ):
        if not low <= size <= high:
            raise UnsupportedWeights(f"tensor {tensor}: {name} = {size}, the checker supports {low} to {high}")
    if outputs < vocabulary:
        raise UnsupportedWeights(
            f"tensor W_U: task max needs at least as many outputs as tokens, "
            f"found {outputs} outputs and {vocabulary} tokens"
        )
    exact = {name: _dyadic(name, matrices[name]) for name in TENSORS}
    return ExactModel(vocabulary, outputs, positions, width, head_width, task, exact)


def write_model(model: ExactModel, path: Path) -> None:
    """Write the canonical text of `model` to `path`.

    Raises `UnsupportedWeights` where the text is longer than what the checker reads.
    """
    text = format_model(model)
    if len(text) > MAX_FILE_BYTES:
        raise UnsupportedWeights(_too_long("the model", len(text)))
    path.write_text(text, encoding="ascii", newline="\n")


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
