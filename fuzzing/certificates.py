"""Certificates about tiny models: built piece by piece, or at random, true and false alike."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from hashlib import sha256
from math import floor

from flint import fmpz_mat

from certificates.certificate_file import format_certificate
from checker.certificate import TABLES, Certificate, Check, Factor, Group, Table
from checker.models.attention_only import ExactModel
from checker.numbers.dyadic import Dyadic
from fuzzing.judge import Truth
from fuzzing.models import integers_of, random_matrix, zeros
from fuzzing.oracle import Matrix

EXACT_TABLES = ((), (), ())

Bands = tuple[tuple[int, int], ...]


def dyadic(rows: Matrix) -> Dyadic:
    """A matrix as the kernel holds it, with the canonical exponent."""
    integers, exponent = integers_of(rows)
    return Dyadic(fmpz_mat(integers), exponent)


def entries_of(matrix: Dyadic) -> Matrix:
    """What the kernel's matrix stands for."""
    unit = Fraction(2) ** matrix.exponent
    return [[int(k) * unit for k in row] for row in matrix.integers.table()]


def file_of(certificate: Certificate) -> bytes:
    return format_certificate(certificate).encode("ascii")


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
    return file_of(certificate)


def singletons(outputs: int) -> tuple[int, ...]:
    """The partition of outputs into classes of one."""
    return tuple(range(outputs + 1))


def each_token(label: int) -> Bands:
    """One band for each token below the label."""
    return ((label, 1),) if label else ()


def runs_of(widths: Iterable[int]) -> Bands:
    """Bands of these widths, as runs of neighbours of one width."""
    runs: list[tuple[int, int]] = []
    for width in widths:
        if runs and runs[-1][1] == width:
            runs[-1] = (runs[-1][0] + 1, width)
        else:
            runs.append((1, width))
    return tuple(runs)


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


# Random certificates


def random_partition(rng: random.Random, outputs: int) -> tuple[int, ...]:
    """Mostly of single outputs, which lose nothing."""
    if rng.random() < 0.5:
        return singletons(outputs)
    return (0, *sorted(rng.sample(range(1, outputs), rng.randint(0, outputs - 1))), outputs)


def random_widths(rng: random.Random, label: int) -> list[int]:
    """Widths of bands below the label, some tokens perhaps in none."""
    if rng.random() < 0.5:
        return [1] * label
    widths: list[int] = []
    left = label
    while left and rng.random() < 0.8:
        widths.append(rng.randint(1, left))
        left -= widths[-1]
    return widths


def random_levels(rng: random.Random, bands: int) -> list[int]:
    levels = []
    while bands:
        levels.append(rng.randint(1, bands) if rng.random() < 0.5 else 1)
        bands -= levels[-1]
    return levels


def random_check(
    rng: random.Random, rule: str, label: int, partitions: Sequence[Sequence[int]], rest: bool = True
) -> Check:
    """A check of every output that is left if `rest`, and else of some classes, or of every output."""
    # At a few bits a rounding in the wrong direction shows in a count.
    bits = rng.choice((rng.randint(16, 44), rng.randint(1, 6), rng.randint(1, 80)))
    partition = rng.randrange(len(partitions))
    classes: Sequence[int] | None = None
    if not rest and rng.random() < 0.7:
        numbers = range(len(partitions[partition]) - 1)
        classes = sorted(rng.sample(numbers, rng.randint(1, len(numbers))))
    widths = random_widths(rng, label)
    # Some margins are of the size of the terms, so that they decide something.
    margin = 1 if rng.random() < 0.6 else rng.randint(1, 2 ** rng.randint(1, bits + 1))
    return step(rule, bits, margin, runs_of(widths), partition, classes, random_levels(rng, len(widths)))


def random_ranges(rng: random.Random, label: int, alone: float = 0.0) -> Iterator[range]:
    """All queries of a label in ranges of neighbours, the label in one of its own, and with the probability
    `alone` any other query, too."""
    query = 0
    while query <= label:
        single = query == label or (alone > 0 and rng.random() < alone)
        end = (query if single else rng.randint(query, label - 1)) + 1
        yield range(query, end)
        query = end


def random_groups(rng: random.Random, vocabulary: int, partitions: Sequence[Sequence[int]]) -> Iterator[Group]:
    """Groups in ascending order, each with one to three checks, which claim nothing yet."""
    for label in range(vocabulary):
        for queries in random_ranges(rng, label):
            if rng.random() < 0.8:
                rules = ("levels", "enumerate") if len(queries) == 1 else ("levels",)
                count = rng.choice((1, 1, 2, 3))
                checks = tuple(
                    random_check(rng, rng.choice(rules), label, partitions, rest=i == count - 1) for i in range(count)
                )
                yield Group(label, queries[0], queries[-1], 0, checks)


def random_norm(rng: random.Random) -> Dyadic:
    """A claimed norm: negative, zero, or anywhere from tiny to huge."""
    return dyadic([[rng.choice((1, 3, 0, 4, -1)) * Fraction(2) ** rng.randint(-4, 70)]])


def random_factors(rng: random.Random, sizes: Sequence[int]) -> Table:
    """A table of low rank, with its path cut at random, and random hints and norms."""
    cuts = sorted(rng.sample(range(1, len(sizes) - 1), rng.randint(1, len(sizes) - 2)))
    bounds = [0, *cuts, len(sizes) - 1]
    factors = []
    for i, (start, end) in enumerate(zip(bounds, bounds[1:], strict=False)):
        rows, columns = sizes[start], sizes[end]
        rank = rng.randint(0, min(rows, columns))
        hint = norm = None
        if rank:
            hint = dyadic(random_matrix(rng, rows, rank)), dyadic(random_matrix(rng, rank, columns))
        if 0 < i < len(bounds) - 2:
            root = random_matrix(rng, rows, rows) if rng.random() < 0.5 else zeros(rows, rows)
            norm = random_norm(rng), dyadic(root)
        factors.append(Factor(end - start, hint, norm))
    return tuple(factors)


def random_tables(rng: random.Random, model: ExactModel, low_rank: float) -> tuple[Table, ...]:
    """Each table exact, or with the probability `low_rank` of low rank."""
    paths = [model.path_sizes(name) for name in TABLES]
    return tuple(random_factors(rng, path) if rng.random() < low_rank else () for path in paths)


def random_certificate(rng: random.Random, model_data: bytes, model: ExactModel, low_rank: float = 0.1) -> Certificate:
    """A certificate of random groups that claims nothing yet."""
    partitions = [random_partition(rng, model.outputs) for _ in range(rng.randint(1, 3))]
    score_bits = rng.choice((48, rng.randint(1, 8), rng.randint(1, 90)))
    return Certificate(
        model_sha256=sha256(model_data).hexdigest(),
        correct=0,
        score_bits=score_bits,
        exponential_bits=score_bits + rng.choice((160, rng.randint(0, 12), rng.randint(0, 200))),
        tables=random_tables(rng, model, low_rank),
        partitions=tuple(partitions),
        groups=tuple(random_groups(rng, model.vocabulary, partitions)),
    )


def margin_at_the_truth(rng: random.Random, truth: Truth, label: int, query: int, bits: int) -> int | None:
    """The margin of a random input in fixed point, to within two units; None where it proves nothing."""
    tokens = [rng.randint(0, label) for _ in range(truth.oracle.positions - 1)]
    if query < label:
        tokens[rng.randrange(len(tokens))] = label
    true = truth.margin((*tokens, query))
    return max(1, floor(true * 2**bits) + rng.randint(-1, 2)) if true and 0 < true < 2**900 else None


def bits_of_margins(rng: random.Random, truth: Truth) -> int:
    """Bits of fixed point in which the margin of a random input is from one unit to some hundreds."""
    true = truth.margin([rng.randrange(truth.oracle.vocabulary) for _ in range(truth.oracle.positions)])
    magnitude = true.numerator.bit_length() - true.denominator.bit_length() if true else 0
    return min(60, max(1, rng.randint(0, 8) - magnitude))


def edge_certificate(rng: random.Random, model_data: bytes, truth: Truth) -> Certificate:
    """A certificate with a group for each label and query, or a few, that claims nothing yet, the margin of each
    that of one of its inputs, to within two units, so that a unit too many in any bound shows in a count."""
    bits = rng.choice((rng.randint(1, 6), rng.randint(4, 60), bits_of_margins(rng, truth)))
    groups = []
    for label in range(truth.oracle.vocabulary):
        for queries in random_ranges(rng, label, alone=0.7):
            margin = margin_at_the_truth(rng, truth, label, rng.randint(queries[0], queries[-1]), bits)
            if margin is not None:
                rule = rng.choice(("enumerate", "levels")) if len(queries) == 1 else "levels"
                check = step(rule, bits, margin, each_token(label))
                groups.append(Group(label, queries[0], queries[-1], 0, (check,)))
    score_bits = rng.choice((48, rng.randint(1, 8), rng.randint(1, 90)))
    return Certificate(
        model_sha256=sha256(model_data).hexdigest(),
        correct=0,
        score_bits=score_bits,
        exponential_bits=score_bits + rng.choice((160, rng.randint(0, 12))),
        tables=EXACT_TABLES,
        partitions=(singletons(truth.oracle.outputs),),
        groups=tuple(groups),
    )


def claiming(certificate: Certificate, claims: Sequence[int]) -> Certificate:
    """`certificate` with the first groups claiming so many inputs each, and without the others."""
    pairs = zip(certificate.groups, claims, strict=False)
    groups = tuple(replace(group, correct=claim) for group, claim in pairs)
    return replace(certificate, correct=sum(group.correct for group in groups), groups=groups)
