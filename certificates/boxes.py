"""Search for short proofs: one `levels` check per group, with as few bands and classes as will do.

For a label and a range of queries, a *box* has a threshold: the tokens below it (far) form one level of
a few bands; of the tokens from the threshold to the label (near) there may be only a few, as its `Near`
pattern says. Other inputs are left out, unless the kernel finds that they pass as well. The outputs are
covered by classes of neighbours, halved only where a class fails. What a box certifies (its gain, as a share of
all inputs) is weighed against the operations of its check (its cost): for a given price of an operation,
the best box of every group and the best division of the queries into ranges follow by exhaustion.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import comb

import numpy as np
import numpy.typing as npt

from certificates.floats import FloatArray
from certificates.label_terms import FloatTables, RangeTerms, Rows
from certificates.progress import steps
from certificates.prover import Prover
from checker.certificate import Check, Group
from checker.models.attention_only import ExactModel
from checker.models.terms import Cuts

# Tokens in the bands just below the threshold, from the top; one more band holds the rest.
SCHEMES: tuple[tuple[int, ...], ...] = ((), (1,), (1, 3), (1, 1, 1, 2, 3, 5, 8))
WIDTHS, WIDE = (1, 2, 4, 8, 16), (2, 4, 8, 16, 32)
# Of more tokens, thresholds far below the label and single queries are too many to search.
FEW_TOKENS, MANY_TOKENS = 64, 128
FAR_BELOW = (20, 24, 29, 35, 42, 50, 60, 72, 86, 103, 124, 149, 179, 215, 258, 310, 372, 446, 535, 642, 770, 924)

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Near:
    """How many near tokens a box allows: `top` of the largest `top_size` tokens below the label, and in
    all `top + rest` tokens from the threshold on."""

    top_size: int
    top: int
    rest: int


NO_NEAR = Near(0, 0, 0)


@dataclass(frozen=True)
class Candidates:
    """All boxes for the ranges of `width` queries of one label: `gain`, as a share of all inputs, 0 where not all
    outputs pass, and `cost` [range, scheme, threshold, near]."""

    first_queries: list[int]
    width: int
    gain: npt.NDArray[np.float32]
    cost: npt.NDArray[np.float32]


class BoxSearch:
    """The candidates of every group of a model under proof."""

    def __init__(self, prover: Prover, whole: bool = False) -> None:
        """With `whole`, only boxes that leave no input of their group out."""
        self.prover = prover
        self.model = prover.model
        self.others = self.model.positions - 1
        self.whole = whole
        self.near = [NO_NEAR] if whole else near_patterns(self.others)
        self.widths = WIDTHS if whole or self.model.vocabulary <= MANY_TOKENS else WIDE
        self.partitions = halvings(self.model.outputs)
        # Where the classes of each partition start, side by side.
        self.starts = [0, *np.cumsum([len(cuts) - 1 for cuts in self.partitions]).tolist()]
        self.tables = FloatTables(prover, self.partitions)
        self.candidates = [self._label(label) for label in steps("search", range(self.model.vocabulary))]

    def thresholds(self, label: int) -> list[int]:
        """Candidate thresholds: every token near the label, and some below."""
        if self.whole:
            return [label]
        near = range(label, max(-1, label - 17), -1)
        if self.model.vocabulary <= FEW_TOKENS:
            return [*near, *range(label - 20, -1, -6)]
        return [*near, *(label - below for below in FAR_BELOW if below <= label)]

    def _label(self, label: int) -> list[Candidates]:
        gains = np.array([self._gains(label, alone) for alone in (False, True)])[:, None]
        result = []
        for width, firsts in range_starts(label, self.widths).items():
            classes = self._fewest_classes(label, firsts, width)
            share = width * gains[[int(first == label) for first in firsts]]
            gain = np.where(np.isfinite(classes), share, 0.0).astype(np.float32)
            cost = self._cost(classes, width, label).astype(np.float32)
            result.append(Candidates(firsts, width, gain, cost))
        return result

    def _fewest_classes(self, label: int, firsts: list[int], width: int) -> FloatArray:
        """How many classes of outputs are enough, [range, scheme, threshold, near]; infinite where none are."""
        terms, thresholds = self.tables.label(label).ranges(firsts, width), self.thresholds(label)
        classes = np.full((len(self.near), len(SCHEMES), len(firsts), len(thresholds)), np.inf)
        for j, threshold in enumerate(thresholds):
            boxes = Boxes(terms, threshold, SCHEMES, slice(None), slice(self.model.outputs))
            rows = np.flatnonzero(self._outputs_pass(label, boxes.least(NO_NEAR, self.others) > 0).any(axis=0))
            if not len(rows):
                continue  # nor does any range pass with near tokens besides
            boxes = Boxes(terms, threshold, SCHEMES, rows, slice(None))
            found, places = [], []
            for k, near in enumerate(self.near):
                if near is NO_NEAR or near.top_size < label - threshold:
                    passing = boxes.least(near, self.others) > 0
                    chosen = np.nonzero(self._outputs_pass(label, passing))
                    found.append(passing[chosen])
                    places.append((np.full(len(chosen[0]), k), chosen[0], rows[chosen[1]]))
            near_box, scheme, at = (np.concatenate(part) for part in zip(*places, strict=True))
            classes[near_box, scheme, at, j] = self._cover_size(label, np.concatenate(found))
        return classes.transpose(2, 1, 3, 0)

    def _outputs_pass(self, label: int, passing: Bools) -> Bools:
        """Whether every output but the label is `passing` [scheme, range, class]."""
        passing[..., label] = True
        return np.asarray(passing[..., : self.model.outputs].all(axis=-1))

    def _cover_size(self, label: int, passing: Bools) -> npt.NDArray[np.float32]:
        """How many classes a cover of every output has (`cover`), by which classes are `passing` [box, class]."""
        count = np.ones((len(passing), self.model.outputs), dtype=np.float32)
        count[:, label] = 0.0
        for start, end in zip(self.starts[1:], self.starts[2:], strict=False):
            if count.shape[1] % 2:
                count = np.pad(count, ((0, 0), (0, 1)))
            halves = count[:, ::2] + count[:, 1::2]
            count = np.where(passing[:, start:end], np.minimum(1.0, halves), halves)
        return count[:, 0]

    def _gains(self, label: int, alone: bool) -> FloatArray:
        """The inputs of one query in a box [threshold, near], as a share of all inputs: the label is there at least
        once before the query unless it is the query, `alone`."""
        thresholds, vocabulary = np.array(self.thresholds(label), dtype=float), self.model.vocabulary
        gains = np.zeros((len(thresholds), len(self.near)))
        for k, near in enumerate(self.near):
            above = label - thresholds - near.top_size
            for top in range(min(near.top, self.others) + 1):
                for rest in range(min(near.top + near.rest, self.others) - top + 1):
                    free = self.others - top - rest
                    below = (thresholds / vocabulary) ** free if not alone else 0.0
                    ways = comb(self.others, top) * comb(self.others - top, rest) / vocabulary
                    ways *= (near.top_size / vocabulary) ** top
                    far = ((thresholds + 1) / vocabulary) ** free - below
                    gains[:, k] += ways * (above / vocabulary) ** rest * far
            gains[above < 0, k] = 0.0
        return gains

    def _cost(self, classes: FloatArray, width: int, label: int) -> FloatArray:
        """The operations of the check, as the kernel's meter counts them, but for branches that it may
        spare and with gaps shared evenly by the queries of a label."""
        levels = [1 + (near is not NO_NEAR) + bool(near.top_size) for near in self.near]
        near_levels = np.array(levels, dtype=float)[None, None, None, :]
        within = np.array([sum(s) - len(s) for s in SCHEMES], dtype=float)[None, :, None, None]
        bands = np.array([len(s) + 1 for s in SCHEMES], dtype=float)[None, :, None, None]
        above = label - np.array(self.thresholds(label))[None, None, :, None]
        within = within + np.where(near_levels > 1, above - near_levels + 1, 0)
        bands = bands + near_levels - 1
        classes = np.minimum(classes, 1e9)
        cost = width * (within + bands) + (width - 1) * (bands + 2 * classes)
        cost = cost + classes * (within + 4 * bands - near_levels + 3)
        cost = cost + width * (2 + 5 * classes) + 3 * classes
        counting = np.choose(near_levels.astype(int), [0, 6, 20, 60])
        return np.asarray(cost + counting * classes)

    def groups(self, price: float) -> Iterator[Group]:
        """The best groups when an operation costs `price`, a share of all inputs."""
        for label, by_width in enumerate(self.candidates):
            best: dict[tuple[int, int], tuple[float, int]] = {}
            for candidates in by_width:
                score = (candidates.gain - price * candidates.cost).reshape(len(candidates.gain), -1)
                for first, row, flat in zip(candidates.first_queries, score, score.argmax(axis=1), strict=True):
                    if row[flat] > 0:
                        best[first, candidates.width] = float(row[flat]), int(flat)
            for first, width in best_division(label, self.widths, {at: score for at, (score, _) in best.items()}):
                yield self.group(label, first, width, best[first, width][1])

    def group(self, label: int, first: int, width: int, flat: int) -> Group:
        """The group of `width` queries from `first` on, with the box numbered `flat` of its candidates."""
        thresholds = self.thresholds(label)
        scheme, j, k = np.unravel_index(flat, (len(SCHEMES), len(thresholds), len(self.near)))
        threshold, near = thresholds[j], self.near[k]
        passing = self.passing(label, first, width, SCHEMES[scheme], threshold, near)
        cuts = self.cover(label, passing)
        sizes = bands_below(threshold, SCHEMES[scheme])
        levels = [len(sizes)] if sizes else []
        if near is not NO_NEAR:
            above = [label - threshold - near.top_size]
            if near.top_size:
                above.append(near.top_size)
            sizes += above
            levels += [1] * len(above)
        check = Check("levels", self.prover.bits, 1, self.prover.partition(cuts), None, runs(sizes), tuple(levels))
        return Group(label, first, first + width - 1, 0, (check,))

    def passing(
        self, label: int, first: int, width: int, scheme: tuple[int, ...], threshold: int, near: Near = NO_NEAR
    ) -> list[Bools]:
        """Which classes of each partition pass in a box."""
        terms = self.tables.label(label).ranges([first], width)
        least = Boxes(terms, threshold, [scheme], slice(None), slice(None)).least(near, self.others)[0, 0]
        return np.split(least > 0, self.starts[1:-1])

    def undecided_outputs(self, label: int) -> npt.NDArray[np.intp]:
        """How many outputs do not pass for all inputs of each query of a label, by the best scheme of bands."""
        terms = self.tables.label(label).ranges(range(label + 1), 1)
        boxes = Boxes(terms, label, SCHEMES, slice(None), slice(self.model.outputs))
        failing = boxes.least(NO_NEAR, self.others) <= 0
        failing[..., label] = False
        return np.asarray(failing.sum(axis=-1).min(axis=0))

    def cover(self, label: int, passing: list[Bools]) -> Cuts:
        """The fewest classes that pass, halved only where they fail, and every output that fails alone."""
        outputs = self.model.outputs

        def starts(level: int, c: int) -> list[int]:
            first, end = self.partitions[level][c], self.partitions[level][c + 1]
            if passing[level][c] or level == 0:
                return [first]
            halves = starts(level - 1, 2 * c)
            if 2 * c + 1 < len(passing[level - 1]):
                halves += starts(level - 1, 2 * c + 1)
            return [first] if (first, end) == (label, label + 1) else halves

        return (*starts(len(passing) - 1, 0), outputs)


def search_size(model: ExactModel) -> int:
    """About how many boxes there are to search, times ranges of queries and outputs."""
    boxes = len(SCHEMES) * len(near_patterns(model.positions - 1)) * min(model.vocabulary, len(FAR_BELOW))
    return boxes * model.vocabulary**2 * model.outputs


class Boxes:
    """The bounds of the terms of boxes with one threshold, for some ranges of queries and some classes of outputs."""

    def __init__(
        self,
        terms: RangeTerms,
        threshold: int,
        schemes: Sequence[tuple[int, ...]],
        rows: Rows | slice,
        classes: slice,
    ) -> None:
        self.terms, self.threshold, self.rows, self.classes = terms, threshold, rows, classes
        label_term = terms.label_term[rows, classes]
        self.labels = terms.labels[rows]
        self.base = terms.last[rows, classes] + self.labels * label_term
        self.far = np.empty((len(schemes), *label_term.shape))
        bands: dict[tuple[int, int], FloatArray] = {}
        for far, scheme in zip(self.far, schemes, strict=True):
            np.minimum(label_term, 0.0, out=far)
            cuts = [0, *accumulate(bands_below(threshold, scheme))]
            for band in zip(cuts, cuts[1:], strict=False):
                if band not in bands:
                    bands[band] = terms.band_term(*band, rows, classes)
                np.minimum(far, bands[band], out=far)
        self._near: dict[int, tuple[FloatArray, FloatArray]] = {}

    def least(self, near: Near, others: int) -> FloatArray:
        """The least sum of terms [scheme, range, class] of an input in a box, with `others` tokens before the last."""
        free = np.asarray(np.maximum(others - self.labels - near.top - near.rest, 0))
        if near is NO_NEAR:
            return self.base + free * self.far
        if near.top_size not in self._near:
            label, top = self.terms.terms.label, self.terms.terms.label - near.top_size
            above = self.terms.band_term(top, label, self.rows, self.classes)
            self._near[near.top_size] = above, self.terms.band_term(self.threshold, top, self.rows, self.classes)
        near_top, near_rest = self._near[near.top_size]
        near_rest = np.minimum(near_rest, self.far)
        return self.base + free * self.far + near.rest * near_rest + near.top * np.minimum(near_top, near_rest)


def range_starts(label: int, widths: Sequence[int]) -> dict[int, list[int]]:
    """Where aligned ranges of each width start, of the queries below the label. The label itself, and queries
    that are in no range of the least width, are by themselves."""
    starts: dict[int, list[int]] = {1: []}
    for width in widths:
        starts[width] = [*range(0, label - width + 1, width)]
    if 1 not in widths:
        starts[1] = [*range(label // widths[0] * widths[0], label)]
    starts[1].append(label)
    return {width: firsts for width, firsts in starts.items() if firsts}


def best_division(label: int, widths: Sequence[int], scores: Mapping[tuple[int, int], float]) -> list[tuple[int, int]]:
    """The ranges (first query, width) whose `scores`, all of them above 0, add up to the most, by ascending queries.

    Every range is one of those of `range_starts`, or is left out.
    """
    best: dict[tuple[int, int], tuple[float, list[tuple[int, int]]]] = {}
    for width, firsts in sorted(range_starts(label, widths).items()):
        for first in firsts:
            left, right = (best.get((start, width // 2), (0, [])) for start in (first, first + width // 2))
            best[first, width] = left[0] + right[0], left[1] + right[1]
            own = scores.get((first, width))
            if own is not None and own >= best[first, width][0]:
                best[first, width] = own, [(first, width)]
    found: list[tuple[int, int]] = []
    query = 0
    while query <= label:
        width = next(w for w in sorted({1, *widths}, reverse=True) if (query, w) in best)
        found += best[query, width][1]
        query += width
    return found


def near_patterns(others: int) -> list[Near]:
    """Patterns worth trying, for inputs of `others` tokens before the last."""
    most = min(others - 1, 8)
    single = [Near(0, 0, rest) for rest in (1, 2, 3, 5, 8) if rest <= most]
    pairs = ((0, 2), (0, 4), (1, 1), (1, 3), (2, 3)) if others > 4 else ()
    double = [Near(1, top, rest) for top, rest in pairs if top + rest <= most]
    return [NO_NEAR, *single, *double]


def halvings(outputs: int) -> list[Cuts]:
    """Partitions of the outputs into classes of 1, 2, 4, ... neighbours, up to a single class."""
    widths = [1]
    while widths[-1] < outputs:
        widths.append(2 * widths[-1])
    return [(*range(0, outputs, width), outputs) for width in widths]


def bands_below(threshold: int, scheme: tuple[int, ...]) -> list[int]:
    """The tokens in each band, from the lowest: those of `scheme` end at the threshold, from the top,
    and one band holds the rest."""
    sizes: list[int] = []
    for size in (*scheme, threshold):
        left = threshold - sum(sizes)
        if left:
            sizes.append(min(size, left))
    return sizes[::-1]


def runs(sizes: list[int]) -> tuple[tuple[int, int], ...]:
    """Bands of the given sizes, as runs of (how many bands, tokens in each)."""
    result: list[tuple[int, int]] = []
    for size in sizes:
        if result and result[-1][1] == size:
            result[-1] = (result[-1][0] + 1, size)
        else:
            result.append((1, size))
    return tuple(result)
