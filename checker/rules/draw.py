"""The inputs of a sample: derived by SHA-256 from what is claimed, so that nobody chooses them."""

from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

import numpy as np

from checker.certificate import Certificate, group_size
from checker.inputs import LISTED, Inputs, Listed
from checker.meter import PYTHON, Meter
from checker.models.attention_only import ExactModel
from checker.numbers.rounding import Array
from checker.rules.certificate import Claim

DIGEST_BITS = 256

# Which of some inputs are certified, given by the numbers of their sequences, the numbers of their
# tokens [inputs, positions], and their labels [inputs, answers].
Certified = Callable[[Sequence[int], Array, Array], Array]


def by_groups(model: ExactModel, certificate: Certificate) -> tuple[Certified, int]:
    """Which inputs are in a group of a certificate of version 1, and how many."""
    table = np.zeros((model.vocabulary, model.vocabulary), dtype=bool)
    for group in certificate.groups:
        table[group.label, group.first_query : group.last_query + 1] = True
    count = sum(group_size(group, model.positions) for group in certificate.groups)
    return lambda numbers, rows, labels: table[labels[:, 0], rows[:, -1]], count


def by_intervals(inputs: Inputs, claim: Claim, meter: Meter) -> tuple[Certified, int]:
    """Which inputs are in an interval of a certificate of version 2, and how many."""
    starts = [first for first, _, _ in claim.proof.intervals]
    ends = [-1, *(last for _, last, _ in claim.proof.intervals)]
    pairs = zip(starts, ends[1:], strict=True)
    count = sum(inputs.count(meter, first, last) for first, last in pairs)

    def certified(numbers: Sequence[int], rows: Array, labels: Array) -> Array:
        return np.array([k <= ends[bisect(starts, k)] for k in numbers], dtype=bool)

    return certified, count


def drawn(seed: bytes, sample: int, attempt: int, limit: int) -> int:
    """A number that is uniform below the least power of two from `limit` on: the first bits of the
    SHA-256 of the seed and three numbers of 8 bytes, which are `sample`, `attempt` and 0, 1, 2,
    ..."""
    bits = (limit - 1).bit_length()
    start = seed + sample.to_bytes(8, "big") + attempt.to_bytes(8, "big")
    blocks = -(-bits // DIGEST_BITS)
    stream = b"".join(sha256(start + i.to_bytes(8, "big")).digest() for i in range(blocks))
    return int.from_bytes(stream, "big") >> blocks * DIGEST_BITS - bits


def draw(
    inputs: Inputs, seed: bytes, samples: int, certified: Certified, meter: Meter
) -> Iterator[Listed]:
    """So many independent samples of the inputs that are not certified, some at a time. Each such
    input is equally probable.

    Of the attempts 0, 1, 2, ... for a sample, the first is taken that is the number of such an
    input; all others are rejected. There must be such an input.
    """
    limit, width = inputs.sequences, max(len(inputs.sets), len(inputs.task.read))
    price = PYTHON * (16 + limit.bit_length() // 16 + 4 * width)
    step = max(1, LISTED // width)
    for start in range(0, samples, step):
        waiting, attempt = list(range(start, min(start + step, samples))), 0
        found: list[tuple[Array, Array]] = []
        while waiting:
            # One more, because NumPy takes some calls for each attempt, of however few samples.
            meter.add("sample", len(waiting), (len(waiting) + 1) * price)
            each = [(drawn(seed, i, attempt, limit), i) for i in waiting]
            known = [(number, i) for number, i in each if number < limit]
            numbers = [number for number, _ in known]
            rows = inputs.numbered(numbers)
            labels, labelled = inputs.labels(rows)
            taken = labelled & ~certified(numbers, rows, labels)
            if taken.any():
                found.append((rows[taken], labels[taken]))
            done = {i for (_, i), one in zip(known, taken, strict=True) if one}
            waiting, attempt = [i for i in waiting if i not in done], attempt + 1
        yield Listed(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
