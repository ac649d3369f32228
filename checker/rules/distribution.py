"""The rule `distribution`: what the inputs weigh that a certificate proves correct.

A distribution file (`docs/formats.md`) gives every input a weight: the product, over its positions,
of the weight that its token has there among the inputs of its label. Premises: none. Conclusion:
the sum of the weights of inputs that are proved correct, and of all inputs; every number is exact.
Failure: all inputs weigh 0. Operations: none on numbers of the model.
"""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import accumulate
from math import prod

from checker.errors import Declined
from checker.inputs import MAX_TOKEN, Inputs, Listed
from checker.meter import PYTHON, Meter
from checker.text import MAX_POSITIONS, Reader
from checker.verdict import Verdict, percentage

MAX_WEIGHT = 2**62
# Sums of weights of the tokens below each token, and of all, for every position: [position][token].
Sums = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Part:
    """The weights [position][number of the token] of inputs whose label is from `first` to
    `last`."""

    first: int
    last: int
    weights: tuple[list[int], ...]

    sums = cached_property(lambda self: [[*accumulate(row, initial=0)] for row in self.weights])


@dataclass(frozen=True)
class Distribution:
    """What a distribution file says. Inputs of labels that are in no part weigh 0; if `every`,
    there is one part, for inputs of any labels."""

    sha256: str
    every: bool
    parts: tuple[Part, ...]

    def require(self, sizes: Sequence[int], answers: int = 1) -> None:
        """Raises `Declined` unless there is a weight for each of so many tokens of each position,
        and inputs of several answers all have the same weights."""
        if answers > 1 and not self.every:
            raise Declined("distribution: expected labels every, for inputs of several labels")
        for part in self.parts:
            found = [len(row) for row in part.weights]
            if found != [*sizes]:
                expected = f"expected weights of {[*sizes][:8]} tokens at {len(sizes)} positions"
                raise Declined(f"distribution: {expected}, found {found[:8]} at {len(found)}")

    def part_of(self, label: int) -> Part | None:
        """The part for inputs of one label; those of no part weigh 0."""
        before = bisect(self.parts, label, key=lambda part: part.first)
        part = self.parts[max(0, before - 1)]
        return part if self.every or part.first <= label <= part.last else None

    def of_label(self, label: int) -> Sums:
        """The sums of weights of inputs of one label."""
        part = self.part_of(label)
        return self.nothing if part is None else part.sums

    @cached_property
    def nothing(self) -> Sums:
        """The sums of weights that are all 0."""
        return [[0] * len(row) for row in self.parts[0].sums]

    def of_inputs(self, listed: Listed, meter: Meter) -> int:
        """What some inputs weigh together."""
        positions, labels = listed.numbers.shape[1], listed.labels[:, 0].tolist()
        meter.add("distribution", 0, len(labels) * (4 * PYTHON + positions * (64 + positions)))
        weight, parts = 0, map(self.part_of, labels)
        for part, numbers in zip(parts, listed.numbers.tolist(), strict=True):
            if part is not None:
                weight += prod(row[k] for row, k in zip(part.weights, numbers, strict=True))
        return weight

    def of_all(self, inputs: Inputs, meter: Meter) -> int:
        """The sum of the weights of all inputs."""
        meter.add("distribution", 0, PYTHON * len(inputs.sets))
        if self.every and inputs.task.total:
            return prod(sum(row) for row in self.parts[0].weights)
        listed = inputs.listed(0, inputs.sequences - 1, meter)
        return sum(self.of_inputs(some, meter) for some in listed)


def state_weight(found: Verdict, distribution: Distribution, certified: int, total: int) -> None:
    """States what inputs weigh that are certified, of all. Raises `Declined` if none weighs more
    than 0."""
    if not total:
        raise Declined("distribution: all inputs weigh 0")
    share = percentage(certified, total)
    these = f"inputs that weigh at least {certified} of {total} ({share})"
    if certified == total:
        these = f"all inputs that weigh more than 0 (together {total})"
    what = f"under the distribution of SHA-256 {distribution.sha256}"
    found.kind, found.statement = "distribution", f"{what}, {these} are {found.correctly()}"
    found.further = {
        "distribution_sha256": distribution.sha256,
        "weight_at_least": certified,
        "weight_total": total,
        "weight_share": share,
    }
    found.took_part(state_weight)


def _parse_part(reader: Reader, every: bool, positions: int, after: int) -> Part:
    reader.take("labels")
    first, last = 0, MAX_TOKEN
    if every:
        reader.take("every", "\n")
    else:
        first, last = reader.take((after + 1, MAX_TOKEN, "max_token"), (after + 1, MAX_TOKEN), "\n")
        if first > last:
            raise reader.fail("a range of labels before here")
    rows: list[list[int]] = []
    for _ in range(positions):
        [count] = reader.take((1, MAX_TOKEN + 1))
        rows.append(reader.integers(count, (0, MAX_WEIGHT, "max_weight")))
        reader.take("\n")
    return Part(first, last, tuple(rows))


def parse_distribution(data: bytes) -> Distribution:
    """The distribution that `data` denotes; it is read without a model. Raises `Declined`."""
    reader = Reader(data, "distribution")
    reader.take("compact-proofs-distribution", "1", "\n")
    [positions] = reader.take("positions", (1, MAX_POSITIONS, "max_positions"), "\n")
    [count] = reader.take("parts", (1, MAX_TOKEN + 1), "\n")
    every = count == 1 and reader.tokens[reader.place : reader.place + 2] == ["labels", "every"]
    parts: list[Part] = []
    for _ in range(count):
        parts.append(_parse_part(reader, every, positions, parts[-1].last if parts else -1))
    reader.end()
    return Distribution(sha256(data).hexdigest(), every, tuple(parts))
