"""Strategy `exact`: decide every group of one query and one label, output by output, and then count one
by one only what stays undecided.

The margin, scaled by the softmax's denominator, is a sum of terms of one position each, so its least
value over a product of token sets is the sum of the least terms (separability).
"""

from collections.abc import Iterator

import numpy as np

from checker.certificate import Check, Group
from checker.groups import group_size, position_bounds
from checker.terms import Cuts
from certificates.prover import Prover

LEVEL_BITS = 24
COUNT_BITS = 44
# Counting by sums works in steps of 2**-7 of the scaled margin, or coarser ones for a wide range.
FINEST_STEP = COUNT_BITS - 7
MAX_SUMS = 2**13
MAX_ENUMERATED = 2**22
# Tokens whose terms are above minus this share one band when sequences are counted.
NEGLIGIBLE = 2 ** (COUNT_BITS - 24)
CLASS_WIDTH = 8


def classes_of_neighbours(outputs: int, width: int) -> Cuts:
    """The partition of `outputs` into classes of `width` neighbours (the last may be smaller)."""
    return (*range(0, outputs, width), outputs)


def prove_exact(model_data: bytes) -> bytes:
    """A certificate that counts, up to the precision of its sums, every correct input."""
    outputs = Prover(model_data, []).model.outputs
    prover = Prover(
        model_data,
        [classes_of_neighbours(outputs, CLASS_WIDTH), classes_of_neighbours(outputs, 1)],
    )
    return prover.certificate(_groups(prover))


def _groups(prover: Prover) -> Iterator[Group]:
    for label in range(prover.model.vocabulary):
        for query in range(label + 1):
            yield _group(prover, label, query)


def _group(prover: Prover, label: int, query: int) -> Group:
    group = Group(label, query, query, 0, ())
    bands = _each(label)
    undecided = [c for c in range(prover.model.outputs) if c != label]
    decided_checks = []
    for partition, cuts in enumerate(prover.partitions):
        classes = sorted({_class_of(output, cuts) for output in undecided})
        if not classes:
            break
        check = Check("levels", LEVEL_BITS, 1, partition, tuple(classes), bands)
        margins = prover.worst_margins(group, check, classes)
        decided = [c for c, margin in zip(classes, margins, strict=True) if margin > 0]
        if decided:
            margin = min(m for m in margins if m > 0)
            rest = None if len(decided) == len(classes) else tuple(decided)
            decided_checks.append(Check("levels", LEVEL_BITS, margin, partition, rest, bands))
            undecided = [o for o in undecided if _class_of(o, cuts) not in decided]
    if undecided:
        decided_checks.append(_count(prover, group, tuple(undecided)))
    return Group(label, query, query, 0, tuple(decided_checks))


def _count(prover: Prover, group: Group, undecided: tuple[int, ...]) -> Check:
    """The check that counts the inputs for which the `undecided` outputs stay below the label."""
    single = len(prover.partitions) - 1
    every = Check("enumerate", COUNT_BITS, 1, single, undecided, _each(group.label))
    _, bounds, _ = position_bounds(prover.terms, group, every, list(undecided))
    terms = np.minimum.reduce([row[:, :-1].min(axis=0) for row in bounds]) if group.label else []
    near = np.flatnonzero(np.asarray(terms) < -NEGLIGIBLE)
    far = int(near[0]) if len(near) else group.label
    runs = [(count, width) for count, width in ((1, far), (group.label - far, 1)) if count and width]
    bands = ((group.label, 1),) if far == 1 else tuple(runs)
    if (group.label - far + 2) ** (prover.model.positions - 1) * len(undecided) <= MAX_ENUMERATED:
        return Check("enumerate", COUNT_BITS, 1, single, None, bands)
    low = [row.min(axis=0) for row in bounds]
    spread = int(sum(row.max() - row.min() for row in low))
    step = max(FINEST_STEP, (spread // MAX_SUMS).bit_length())
    return Check("convolution", COUNT_BITS, 1, single, None, bands, step)


def _each(label: int) -> tuple[tuple[int, int], ...]:
    """The bands of one token each."""
    return ((label, 1),) if label else ()


def _class_of(output: int, cuts: Cuts) -> int:
    return next(c for c, end in enumerate(cuts[1:]) if output < end)
