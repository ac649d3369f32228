"""The text of an exact model file (`docs/formats.md`), as the checker reads it."""

from checker.models.attention_only import FEATURES, TENSORS, ExactModel
from checker.numbers.dyadic import Dyadic


def format_tensor(name: str, tensor: Dyadic) -> list[str]:
    """The lines of a tensor: its name, shape and exponent, then a line of integers for each row."""
    rows = [" ".join(map(str, row)) for row in tensor.integers.table()]
    return [f"tensor {name} {tensor.rows} {tensor.columns} {tensor.exponent}", *rows]


def format_model(model: ExactModel) -> str:
    """The canonical text of `model`; its weights must already have canonical exponents."""
    lines = ["compact-proofs-model 1", *(f"{name} {value}" for name, value in FEATURES.items())]
    for size in ("positions", "vocabulary", "outputs", "width", "head_width", "task"):
        lines.append(f"{size} {getattr(model, size)}")
    for name in TENSORS:
        lines += format_tensor(name, model.weights[name])
    return "\n".join([*lines, "end", ""])
