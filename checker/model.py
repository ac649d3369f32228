"""What a verdict is about: an exact model and its task.

The model file is text: keywords and canonical decimal integers, sections in fixed order with stated
sizes (`docs/formats.md`). The meaning of a model is stated in `docs/semantics.md`.
"""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from flint import fmpz, fmpz_mat

from checker.errors import Declined
from checker.text import Reader

MAX_VOCABULARY = 1024
MAX_POSITIONS = 256
MAX_WIDTH = 1024
MAX_EXPONENT = 2200
TENSORS = ("W_E", "W_pos", "W_Q", "W_K", "W_V", "W_O", "W_U")
# What the file states of the architecture before its sizes, and the only value supported of each.
FEATURES = {"architecture": "attention-only", "layers": "1", "heads": "1", "biases": "0"}


@dataclass(frozen=True)
class Dyadic:
    """A matrix of exact numbers: every entry is `integers[i, j] * 2**exponent`."""

    integers: fmpz_mat
    exponent: int

    rows = property(lambda self: int(self.integers.nrows()))
    columns = property(lambda self: int(self.integers.ncols()))
    T = property(lambda self: Dyadic(self.integers.transpose(), self.exponent))
    # The bits of the largest of the integers.
    bits = cached_property(lambda self: max(map(fmpz.bit_length, self.integers.entries())))


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

    def path_sizes(self, table: str) -> tuple[int, ...]:
        """Rows and columns along the path of matrices whose product is the table QK, OV or EU."""
        v, d, h, o = self.vocabulary, self.width, self.head_width, self.outputs
        return {"QK": (v, d, h, d, v), "OV": (v, d, h, d, o), "EU": (v, d, o)}[table]


def parse_tensor(reader: Reader, name: str, rows: int, columns: int) -> Dyadic:
    """A tensor of the expected name and shape. Its exponent must be the largest possible one."""
    limits = (-MAX_EXPONENT, MAX_EXPONENT, "max_exponent")
    [exponent] = reader.take("tensor", name, str(rows), str(columns), limits, "\n")
    entries: list[int] = []
    for _ in range(rows):
        entries += reader.integers(columns)
        reader.take("\n")
    if exponent != 0 if not any(entries) else all(k % 2 == 0 for k in entries):
        raise Declined(f"{reader.kind}: tensor {name}: the exponent {exponent} is not canonical")
    return Dyadic(fmpz_mat(rows, columns, entries), exponent)


def parse_model(data: bytes) -> ExactModel:
    """The model that `data` denotes. Raises `Declined` on anything but one canonical, supported
    model."""
    reader = Reader(data, "model")
    reader.take("compact-proofs-model", "1", "\n")
    for feature, supported in FEATURES.items():
        reader.take(feature, supported, "\n")
    [n] = reader.take("positions", (2, MAX_POSITIONS, "max_positions"), "\n")
    v, o = (reader.take(name, (1, MAX_VOCABULARY, "max_vocabulary"), "\n")[0] for name in ("vocabulary", "outputs"))
    d, h = (reader.take(name, (1, MAX_WIDTH, "max_width"), "\n")[0] for name in ("width", "head_width"))
    reader.take("task", "max", "\n")
    if o < v:
        raise Declined(f"model: task max needs outputs >= vocabulary, found {o} < {v}")
    shapes = ((v, d), (n, d), (d, h), (d, h), (d, h), (h, d), (d, o))
    weights = {name: parse_tensor(reader, name, *shape) for name, shape in zip(TENSORS, shapes, strict=True)}
    reader.end()
    return ExactModel(v, o, n, d, h, "max", weights)


def model_hash(data: bytes) -> str:
    """SHA-256 of the model's bytes, in lower-case hexadecimal."""
    return sha256(data).hexdigest()
