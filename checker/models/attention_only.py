"""The model of version 1: an exact attention-only transformer, and its task.

The model file is text: keywords and canonical decimal integers, sections in fixed order with stated
sizes (`docs/formats.md`). The meaning of a model is stated in `docs/semantics.md`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from checker.errors import Declined
from checker.numbers.dyadic import Dyadic, parse_tensor
from checker.text import MAX_POSITIONS, Range, Reader

MAX_VOCABULARY = 1024
MAX_WIDTH = 1024
# What the file states of the architecture before its sizes, and the only value supported of each.
FEATURES = {"architecture": "attention-only", "layers": "1", "heads": "1", "biases": "0"}
# The sizes that follow, in their order.
SIZES: dict[str, Range] = {
    "positions": (2, MAX_POSITIONS, "max_positions"),
    "vocabulary": (1, MAX_VOCABULARY, "max_vocabulary"),
    "outputs": (1, MAX_VOCABULARY, "max_vocabulary"),
    "width": (1, MAX_WIDTH, "max_width"),
    "head_width": (1, MAX_WIDTH, "max_width"),
}
# The axes of every tensor, in the order of the file.
AXES = {
    "W_E": ("vocabulary", "width"),
    "W_pos": ("positions", "width"),
    "W_Q": ("width", "head_width"),
    "W_K": ("width", "head_width"),
    "W_V": ("width", "head_width"),
    "W_O": ("head_width", "width"),
    "W_U": ("width", "outputs"),
}
TENSORS = tuple(AXES)
# The rows W_E + W_pos[-1] of the last position, one for each query.
QUERIES = "queries"
# The matrices, transposed where a T follows, whose product is a table of tokens (the circuits of
# Gross et al., arXiv 2406.11779, section 4), or of positions.
PATHS = {
    "QK": (QUERIES, "W_Q", "W_K T", "W_E T"),
    "OV": ("W_E", "W_V", "W_O", "W_U"),
    "EU": (QUERIES, "W_U"),
}
POSITION_PATHS = {
    "QK positions": (QUERIES, "W_Q", "W_K T", "W_pos T"),
    "OV positions": ("W_pos", "W_V", "W_O", "W_U"),
}


def path_matrices(matrices: Mapping[str, Dyadic], path: Sequence[str]) -> list[Dyadic]:
    """The matrices of a path, of weights and queries by name."""
    found = []
    for matrix in path:
        name, *transposed = matrix.split(" ")
        found.append(matrices[name].T if transposed else matrices[name])
    return found


@dataclass(frozen=True)
class ExactModel:
    """A one-layer attention-only transformer with one head and no biases, read at its last
    position.

    `weights` holds, by name: W_E [vocabulary, width], W_pos [positions, width], W_Q, W_K, W_V
    [width, head_width], W_O [head_width, width], W_U [width, outputs].
    """

    vocabulary: int
    outputs: int
    positions: int
    width: int
    head_width: int
    task: str
    weights: dict[str, Dyadic]

    # The number of inputs: every token sequence of length `positions`.
    total = property(lambda self: self.vocabulary**self.positions)

    def shape(self, matrix: str) -> tuple[int, int]:
        """Rows and columns of a matrix of a path."""
        name, *transposed = matrix.split(" ")
        axes = AXES["W_E" if name == QUERIES else name]
        rows, columns = getattr(self, axes[0]), getattr(self, axes[1])
        return (columns, rows) if transposed else (rows, columns)

    def path_sizes(self, table: str) -> tuple[int, ...]:
        """Rows and columns along the path of matrices whose product is the table QK, OV or EU."""
        shapes = [self.shape(matrix) for matrix in PATHS[table]]
        return shapes[0][0], *(columns for _, columns in shapes)


def parse_model(data: bytes) -> ExactModel:
    """The model that `data` denotes. Raises `Declined` on anything but one canonical, supported
    model."""
    reader = Reader(data, "model")
    reader.take("compact-proofs-model", "1", "\n")
    for feature, supported in FEATURES.items():
        reader.take(feature, supported, "\n")
    sizes = {name: reader.take(name, limits, "\n")[0] for name, limits in SIZES.items()}
    reader.take("task", "max", "\n")
    outputs, vocabulary = sizes["outputs"], sizes["vocabulary"]
    if outputs < vocabulary:
        found = f"found {outputs} < {vocabulary}"
        raise Declined(f"model: task max needs outputs >= vocabulary, {found}")
    weights: dict[str, Dyadic] = {}
    for name, (rows, columns) in AXES.items():
        weights[name] = parse_tensor(reader, name, sizes[rows], sizes[columns])
    reader.end()
    return ExactModel(**sizes, task="max", weights=weights)
