"""Builders for tests: tiny exact models, their files, and certificates about them.

Models are dictionaries of matrices of dyadic `Fraction`s. Their files are written here once more,
independently of the kernel's own printer, so that the two spellings can be compared.
"""

import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from hashlib import sha256
from itertools import chain
from pathlib import Path

from flint import fmpz_mat
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from oracle import Matrix
from safetensors.numpy import load_file

from certificates.certificate_file import format_certificate
from checker.certificate import Certificate, Check, Factor, Group, Table
from checker.check import check
from checker.meter import Meter
from checker.model import Dyadic, parse_model
from checker.tables import Tables
from checker.terms import Terms

Model = dict[str, Matrix]

MODELS = Path(__file__).parent.parent / "models"
EXACT_TABLES = (Table(), Table(), Table())
NAMES = ("W_E", "W_pos", "W_Q", "W_K", "W_V", "W_O", "W_U")


def examples(count: int) -> settings:
    """Settings of a property test: `count` examples, however slow the machine is."""
    return settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))


@contextmanager
def memory_limit(limit: int) -> Iterator[None]:
    """Fails if Python and NumPy allocate more than `limit` bytes meanwhile."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit, f"{peak} bytes at the peak"


def matrix(rows: Iterable[Iterable[Fraction | int]]) -> Matrix:
    return [[Fraction(entry) for entry in row] for row in rows]


def zeros(rows: int, columns: int) -> Matrix:
    return [[Fraction(0)] * columns for _ in range(rows)]


def power_of_two(numbers: Iterable[Fraction]) -> int:
    """The largest e for which all numbers are integers times 2**e; 0 if all are zero."""
    exponents = []
    for number in numbers:
        if number:
            odd_part = number.numerator // (number.numerator & -number.numerator)
            exponents.append((number.numerator // odd_part).bit_length() - number.denominator.bit_length())
    return min(exponents, default=0)


def model_file(model: Model) -> bytes:
    """The exact model file of `model`."""
    lines = [
        "compact-proofs-model 1\narchitecture attention-only\nlayers 1\nheads 1\nbiases 0",
        f"positions {len(model['W_pos'])}",
        f"vocabulary {len(model['W_E'])}",
        f"outputs {len(model['W_U'][0])}",
        f"width {len(model['W_E'][0])}",
        f"head_width {len(model['W_Q'][0])}",
        "task max",
    ]
    for name in NAMES:
        rows = model[name]
        exponent = power_of_two(chain(*rows))
        lines.append(f"tensor {name} {len(rows)} {len(rows[0])} {exponent}")
        lines += [" ".join(str(int(k / Fraction(2) ** exponent)) for k in row) for row in rows]
    return ("\n".join(lines) + "\nend\n").encode("ascii")


def shipped(name: str) -> Model:
    """The weights of a shipped model, straight from its safetensors file."""
    tensors = load_file(MODELS / f"{name}.safetensors")
    canonical = {}
    for key, tensor in tensors.items():
        canonical[key.split(".")[-1]] = tensor if tensor.ndim == 2 else tensor[0]
    return {name: [[Fraction(float(k)) for k in row] for row in canonical[name]] for name in NAMES}


def max_model(positions: int, vocabulary: int, sharpness: int = 8, outputs: int | None = None) -> Model:
    """A hand-made model that finds the maximum with ease: attention grows with the token, and the
    value of a token votes for its own output, four times as much as the query does. Width and head
    width are the vocabulary's."""
    v, o = vocabulary, outputs or vocabulary
    identity = [[int(i == j) for j in range(v)] for i in range(v)]
    return {
        "W_E": matrix(identity),
        "W_pos": zeros(positions, v),
        "W_Q": matrix([[1] + [0] * (v - 1) for _ in range(v)]),
        "W_K": matrix([[sharpness * t] + [0] * (v - 1) for t in range(v)]),
        "W_V": matrix(identity),
        "W_O": matrix([[4 * k for k in row] for row in identity]),
        "W_U": matrix([[int(i == j) for j in range(o)] for i in range(v)]),
    }


def uniform_model(direct: Sequence[Sequence[Fraction | int]], moved: Matrix, positions: int) -> Model:
    """A model that attends to all positions alike, whose logits are `direct[q][o]` plus the mean of
    `moved[t][o]`: every scaled margin is an exact sum, so that bounds can be placed exactly on it."""
    v, o = len(moved), len(moved[0])
    # Each token has a dimension of its own, and so has each output that values are moved to.
    identity = [[int(i == j) for j in range(v + o)] for i in range(v + o)]
    return {
        "W_E": matrix(identity[:v]),
        "W_pos": zeros(positions, v + o),
        "W_Q": zeros(v + o, o),
        "W_K": zeros(v + o, o),
        "W_V": [*matrix(moved), *zeros(o, o)],
        "W_O": matrix(identity[v:]),
        "W_U": matrix([*direct, *(row[v:] for row in identity[v:])]),
    }


# Certificates


def certificate_file(
    model_data: bytes,
    groups: Iterable[Group],
    partitions: Sequence[Sequence[int]] = (),
    correct: int | None = None,
    score_bits: int = 48,
    exponential_bits: int = 160,
    tables: tuple[Table, ...] = EXACT_TABLES,
) -> bytes:
    """A certificate about the model in `model_data`; by default it claims the sum of its groups."""
    groups = tuple(groups)
    certificate = Certificate(
        model_sha256=sha256(model_data).hexdigest(),
        correct=sum(group.correct for group in groups) if correct is None else correct,
        score_bits=score_bits,
        exponential_bits=exponential_bits,
        tables=tables,
        partitions=tuple(map(tuple, partitions)),
        groups=groups,
    )
    return format_certificate(certificate).encode("ascii")


def singletons(outputs: int) -> tuple[int, ...]:
    """The partition of outputs into classes of one."""
    return tuple(range(outputs + 1))


def each_token(label: int) -> tuple[tuple[int, int], ...]:
    """One band for each token below the label."""
    return ((label, 1),) if label else ()


def step(
    rule: str,
    bits: int,
    margin: int,
    bands: Sequence[tuple[int, int]],
    partition: int = 0,
    classes: Sequence[int] | None = None,
    levels: Sequence[int] | None = None,
) -> Check:
    """One check. For the rule `levels`, each band is a level of its own unless `levels` says more."""
    if rule != "levels":
        levels = ()
    elif levels is None:
        levels = (1,) * sum(count for count, _ in bands)
    return Check(
        rule=rule,
        bits=bits,
        margin=margin,
        partition=partition,
        classes=None if classes is None else tuple(classes),
        bands=tuple(bands),
        levels=tuple(levels),
    )


def one_check(label: int, rule: str = "enumerate", margin: int = 1, bits: int = 40) -> Check:
    """A check of every output, all tokens allowed, with the partition number 0."""
    return step(rule, bits, margin, each_token(label))


def kernel_terms(model_data: bytes, certificate: Certificate) -> Terms:
    """What the kernel makes of a certificate before it looks at any group."""
    meter = Meter()
    tables = Tables(
        parse_model(model_data),
        certificate.tables,
        certificate.score_bits,
        certificate.exponential_bits,
        meter,
    )
    return Terms(tables, certificate.partitions, meter)


def reason(model_data: bytes, certificate_data: bytes, verdict: str) -> str:
    """The reason of a check that must end with `verdict`, and must claim nothing."""
    result = check(model_data, certificate_data)
    assert (result.verdict, result.correct_at_least) == (verdict, 0), result
    assert result.reason and "\n" not in result.reason
    return result.reason


def dyadic(rows: Matrix) -> Dyadic:
    """A matrix as the kernel holds it, with the canonical exponent."""
    exponent = power_of_two(chain(*rows))
    integers = [[int(k / Fraction(2) ** exponent) for k in row] for row in rows]
    return Dyadic(fmpz_mat(integers), exponent)


# Random models and certificates


def dyadics(kind: str) -> st.SearchStrategy[Fraction]:
    """Random dyadic numbers of one kind."""
    if kind == "zero":
        return st.just(Fraction(0))
    if kind == "tied":
        return st.sampled_from([Fraction(-1), Fraction(0), Fraction(1), Fraction(1, 2)])
    sizes = {"generic": (2**12, -10), "huge": (2**60, 0), "tiny": (2**20, -90), "mild": (2**8, -6)}
    limit, exponent = sizes[kind]
    return st.integers(-limit, limit).map(lambda k: k * Fraction(2) ** exponent)


@st.composite
def matrices(draw: st.DrawFn, rows: int, columns: int) -> Matrix:
    """A random matrix: generic, tied, tiny, zero, constant, with equal rows, or of rank one."""
    shape = draw(st.sampled_from(["full"] * 6 + ["constant", "equal rows", "rank one", "one spike"]))
    kind = draw(st.sampled_from(["generic", "mild", "mild", "tied", "tied", "tiny", "zero"]))
    number = dyadics(kind)
    if shape == "constant":
        return matrix([[draw(number)] * columns] * rows)
    if shape == "equal rows":
        row = draw(st.lists(number, min_size=columns, max_size=columns))
        return matrix([row] * rows)
    if shape == "rank one":
        left = draw(st.lists(number, min_size=rows, max_size=rows))
        right = draw(st.lists(number, min_size=columns, max_size=columns))
        return matrix([[a * b for b in right] for a in left])
    entries = [draw(st.lists(number, min_size=columns, max_size=columns)) for _ in range(rows)]
    if shape == "one spike":
        i, j = draw(st.integers(0, rows - 1)), draw(st.integers(0, columns - 1))
        entries[i][j] = draw(dyadics("huge"))
    return matrix(entries)


@st.composite
def models(draw: st.DrawFn, max_inputs: int = 128) -> Model:
    """A random tiny model; now and then one that computes the maximum, disturbed."""
    positions = draw(st.integers(2, 4))
    vocabulary = draw(st.integers(1, 5).filter(lambda v: v**positions <= max_inputs))
    outputs = vocabulary + draw(st.sampled_from([0, 0, 0, 1, 2]))
    if draw(st.booleans()):
        model = max_model(positions, vocabulary, draw(st.integers(0, 6)), outputs)
        noise = dyadics(draw(st.sampled_from(["mild", "tiny", "tied"])))
        for name in draw(st.sets(st.sampled_from(NAMES), max_size=3)):
            i = draw(st.integers(0, len(model[name]) - 1))
            j = draw(st.integers(0, len(model[name][0]) - 1))
            model[name][i][j] += draw(noise)
        return model
    width, head_width = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    shapes = {
        "W_E": (vocabulary, width),
        "W_pos": (positions, width),
        "W_Q": (width, head_width),
        "W_K": (width, head_width),
        "W_V": (width, head_width),
        "W_O": (head_width, width),
        "W_U": (width, outputs),
    }
    return {name: draw(matrices(*shape)) for name, shape in shapes.items()}


@st.composite
def partitions_of(draw: st.DrawFn, outputs: int) -> tuple[int, ...]:
    inner = draw(st.sets(st.integers(1, outputs - 1))) if outputs > 1 else set()
    return (0, *sorted(inner), outputs)


@st.composite
def bands_below(draw: st.DrawFn, label: int) -> tuple[tuple[int, int], ...]:
    """Random bands of neighbouring tokens, some tokens below the label perhaps in none."""
    runs: list[tuple[int, int]] = []
    left = label
    while left and draw(st.sampled_from([True, True, True, True, False])):
        width = draw(st.integers(1, left))
        if runs and runs[-1][1] == width:
            runs[-1] = (runs[-1][0] + 1, width)
        else:
            runs.append((1, width))
        left -= width
    return tuple(runs)


@st.composite
def groups_of(draw: st.DrawFn, model: Model, partitions: Sequence[tuple[int, ...]]) -> Group:
    """A random group with random checks, not all of which the kernel accepts."""
    vocabulary = len(model["W_E"])
    label = draw(st.integers(0, vocabulary - 1))
    first = draw(st.integers(0, label))
    last = first if first == label else draw(st.integers(first, label - 1))
    rules = ["levels", "enumerate"] if first == last else ["levels"]
    checks = []
    for i in range(draw(st.integers(1, 3))):
        rule = draw(st.sampled_from(rules))
        bits = draw(st.integers(1, 80))
        partition = draw(st.integers(0, len(partitions) - 1))
        classes = None
        if i == 0 and draw(st.booleans()):
            chosen = st.integers(0, len(partitions[partition]) - 2)
            classes = tuple(sorted(draw(st.sets(chosen, min_size=1))))
        # Half of the margins are of the size of the terms, so that they decide something.
        margin = 1 if draw(st.booleans()) else draw(st.integers(1, 2 ** (bits + 1)))
        bands = each_token(label) if draw(st.booleans()) else draw(bands_below(label))
        levels: list[int] = []
        left = sum(count for count, _ in bands)
        while left:
            levels.append(draw(st.integers(1, left)))
            left -= levels[-1]
        checks.append(step(rule, bits, margin, bands, partition, classes, levels))
    return Group(label, first, last, 0, tuple(checks))


@st.composite
def tables_of(draw: st.DrawFn, model: Model) -> tuple[Table, ...]:
    """A way to enclose each table: exactly, or by random splits of its path with random hints."""
    v, d, h = len(model["W_E"]), len(model["W_Q"]), len(model["W_Q"][0])
    outputs = len(model["W_U"][0])
    paths = ((v, d, h, d, v), (v, d, h, d, outputs), (v, d, outputs))
    return tuple(draw(low_rank_tables(sizes)) if draw(st.booleans()) else Table() for sizes in paths)


@st.composite
def low_rank_tables(draw: st.DrawFn, sizes: tuple[int, ...]) -> Table:
    """Norms are large enough, or just about, or not; hints are of all sorts."""
    cuts = sorted(draw(st.sets(st.integers(1, len(sizes) - 2), min_size=1)))
    bounds = [0, *cuts, len(sizes) - 1]
    factors = []
    for i, (start, end) in enumerate(zip(bounds, bounds[1:], strict=False)):
        rows, columns = sizes[start], sizes[end]
        rank = draw(st.integers(0, min(rows, columns)))
        hint = norm = None
        if rank:
            hint = (dyadic(draw(matrices(rows, rank))), dyadic(draw(matrices(rank, columns))))
        if 0 < i < len(bounds) - 2:
            size = Fraction(draw(st.integers(0, 4))) * Fraction(2) ** draw(st.integers(-4, 70))
            helper = draw(matrices(rows, rows)) if draw(st.booleans()) else zeros(rows, rows)
            norm = (dyadic([[size]]), dyadic(helper))
        factors.append(Factor(end - start, hint, norm))
    return Table(tuple(factors))
