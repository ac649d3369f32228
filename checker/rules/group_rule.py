"""Rules about groups of inputs: what one is given, and what it concludes."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

from checker.certificate import Check, Group
from checker.errors import Rejected
from checker.models.terms import Cuts, Gaps, Terms, product_down
from checker.numbers.rounding import Array, Ends
from checker.text import Reader


@dataclass(frozen=True)
class Premises:
    """Bounds of the terms of margins, a group of inputs, a check of it, and the classes of outputs
    that the check is about."""

    terms: Terms
    group: Group
    check: Check
    classes: list[int]


@dataclass(frozen=True)
class Conclusion:
    """All inputs of the group but at most `left_out` have every output of the classes below the
    label."""

    left_out: int


@dataclass(frozen=True)
class GroupRule:
    """A rule by its name in a certificate: what of a check's line is its own, after so many bands,
    and its check."""

    name: str
    parse: Callable[[Reader, int], tuple[int, ...]]
    check: Callable[[Premises], Conclusion]


def outputs_of(cuts: Cuts, number: int) -> int:
    """The outputs of a class, one bit for each."""
    return (1 << cuts[number + 1]) - (1 << cuts[number])


def needed_classes(check: Check, cuts: Cuts, label: int, covered: int) -> list[int]:
    """The classes that `check` is about: of those that it names, all with an output that is not the
    label; of the rest, all with an output that is not `covered`."""
    if check.classes is None:
        return [c for c in range(len(cuts) - 1) if outputs_of(cuts, c) & ~covered]
    return [c for c in check.classes if outputs_of(cuts, c) & ~(1 << label)]


def band_cuts(group: Group, check: Check) -> list[int]:
    """Where the bands of `check` begin, and where the last one ends. Raises `Rejected`."""
    tokens = sum(count * width for count, width in check.bands)
    if tokens > group.label:
        expected = f"expected bands below {group.label}, found {tokens} tokens"
        raise Rejected(f"{group}: {check.rule}: {expected}")
    widths = (width for count, width in check.bands for _ in range(count))
    return list(accumulate(widths, initial=0))


def last_term(terms: Terms, group: Group, gaps: Gaps, bits: int) -> Array:
    """A lower bound of the last position's term, class by class."""
    queries = group.queries
    terms.add_weights(len(queries), bits)
    ends = [terms.token_weights(group.label, q, (q,), -1, bits) for q in queries]
    weights = Ends([low for [low], _ in ends], [high for _, [high] in ends])
    rows, size = slice(queries[0], queries[-1] + 1), len(queries) * gaps.direct.shape[1]
    terms.meter.add("last", 5 * size, 64 * size + terms.long_gaps("last", bits, size))
    gap = gaps.direct[rows] + gaps.tokens[rows] + gaps.positions[-1]
    longest = terms.tables.longest[bits]
    return product_down(weights, gap, longest, bits, "last", terms.meter).min(axis=0)
