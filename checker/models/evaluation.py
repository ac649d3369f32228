"""The enclosures of a program's logits for some inputs, all at once.

Each row of each value depends on the tokens at some positions only. It is computed once for each
distinct choice of these tokens among the inputs at hand, and only where the logits need it.
"""

from dataclasses import dataclass, field

import numpy as np

from checker.errors import Declined
from checker.meter import PYTHON, Meter
from checker.models.program import Program
from checker.models.syntax import Place, View
from checker.numbers.balls import Ball, Precision
from checker.numbers.rounding import Array

Positions = tuple[int, ...]
# Distinct cases are found with a table up to this size, and by sorting above. So many are held for
# later, each for all inputs at hand.
TABLE_SIZE = 2**22
CASES_HELD = 2**24
# Numbers in the enclosures of some inputs at a time; bits of one number, and of all.
MAX_NUMBERS = 2**24
MAX_NUMBER_BITS = 4096
MAX_ROOM = 2**32
# Values of more bits mostly need more than a word, and so eight times the room.
WORD_BITS = 28
# Reads of rows that are held: one for each row that a row reads, so many for the row itself, and
# one for each position of each distinct set of positions that rows depend on.
MAX_READS = 2**22
ROW_READS = 8
# What the interpreter takes for a row, besides its numbers.
ROW = 64 * PYTHON
# For a row that it reads; the price of the row covers two.
READ = ROW // 2


class Plan:
    """The rows that the logits need, in order of computation, and the positions each depends on."""

    def __init__(self, program: Program, meter: Meter) -> None:
        self.program, self.meter, self.numbers, self.kept = program, meter, 0, 0
        needed: list[set[int]] = [set() for _ in program.steps]
        needed[-1].update(range(program.answers))
        reads: dict[Place, list[Place]] = {}
        for number in range(len(program.steps) - 1, -1, -1):
            self._count(number, needed[number])
            for row in needed[number]:
                reads[number, row] = program.steps[number].reads(row, program.shapes)
                for value, other in reads[number, row]:
                    needed[value].add(other)
        self.reads = dict(sorted(reads.items()))
        self.positions: dict[Place, Positions] = {}
        self.masks: dict[Place, int] = {}
        self.known: dict[int, Positions] = {}
        for place, sources in self.reads.items():
            self.masks[place] = self._mask(sources)
            for position in program.steps[place[0]].looks_up(place[1]):
                self.masks[place] |= 1 << position
            self.positions[place] = self._of_mask(self.masks[place])

    def _keep(self, count: int) -> None:
        """Raises `Declined` for more than can be held."""
        self.kept += count
        if self.kept > MAX_READS:
            raise Declined(f"evaluate: more than max_reads = {MAX_READS}")

    def _count(self, number: int, rows: set[int]) -> None:
        """Counts the rows of a step that are needed, before anything of that size is built."""
        self.numbers += len(rows) * (self.program.shapes[number][1] + 1)
        if self.numbers > MAX_NUMBERS:
            raise Declined(f"evaluate: more than max_numbers = {MAX_NUMBERS} for one input")
        step, shapes = self.program.steps[number], self.program.shapes
        reads = sum(step.reads_count(row, shapes) for row in rows)
        self._keep(reads + ROW_READS * len(rows))
        self.meter.add("evaluate", 0, PYTHON * (reads + len(rows)))

    def _mask(self, places: list[Place]) -> int:
        """The positions that some rows depend on, as bits."""
        mask = 0
        for place in places:
            mask |= self.masks[place]
        return mask

    def _of_mask(self, mask: int) -> Positions:
        """The positions of bits, ascending; the same ones are held once."""
        if mask not in self.known:
            positions = tuple(j for j in range(mask.bit_length()) if mask >> j & 1)
            self._keep(len(positions))
            self.known[mask] = positions
        return self.known[mask]

    def inputs(self, precision: Precision) -> int:
        """How many inputs at a time keep the memory within bounds."""
        most = MAX_NUMBERS if precision.bits <= WORD_BITS else MAX_NUMBERS // 8
        return max(1, most // self.numbers)

    def union(self, places: list[Place]) -> Positions:
        """The positions that some rows depend on, ascending."""
        return self._of_mask(self._mask(places))


def stored_bits(bits: int) -> int:
    """The memory that an integer of so many bits takes in an array, in bits."""
    return 64 if bits < 62 else 512 + bits


class Cases:
    """The distinct choices of tokens at some positions among some inputs."""

    def __init__(self, numbers: Array) -> None:
        self.numbers = numbers
        self.known: dict[Positions, tuple[Array, Array]] = {}
        self.found = 0

    def find(self, positions: Positions) -> tuple[Array, Array]:
        """An input for each case [cases], and the case of each input [inputs]."""
        if positions not in self.known:
            found = self._find(positions)
            self.found += 1
            if len(self.known) * len(self.numbers) > CASES_HELD:
                self.known.clear()
            self.known[positions] = found
        return self.known[positions]

    def _find(self, positions: Positions) -> tuple[Array, Array]:
        inputs = np.arange(len(self.numbers))
        if not positions:
            return inputs[:1], inputs * 0
        if len(positions) == self.numbers.shape[1]:
            return inputs, inputs
        column = self.numbers[:, positions[-1]]
        code = self.find(positions[:-1])[1] * (int(column.max()) + 1) + column
        if int(code.max()) >= min(TABLE_SIZE, 16 * len(inputs)):
            _, chosen, case = np.unique(code, return_index=True, return_inverse=True)
            return chosen, case
        table = np.zeros(int(code.max()) + 1, dtype=np.int64)
        table[code] = 1
        case = (np.cumsum(table) - 1)[code]
        chosen = np.empty(int(table.sum()), dtype=np.int64)
        chosen[case] = inputs
        return chosen, case


@dataclass
class Rows:
    """What has been computed for some inputs: the rows of values, in their distinct cases."""

    plan: Plan
    precision: Precision
    cases: Cases
    balls: dict[Place, Ball] = field(default_factory=dict)


@dataclass
class Sight:
    """The `View` of a row, or of a part of what it reads."""

    rows: Rows
    number: int
    places: list[Place]
    positions: Positions

    @property
    def precision(self) -> Precision:
        """The bits that the enclosures have."""
        return self.rows.precision

    def _case(self, positions: Positions) -> Array | None:
        """The case of fewer positions that each case belongs to; None where all are the same."""
        if positions == self.positions:
            return None
        return self.rows.cases.find(positions)[1][self.rows.cases.find(self.positions)[0]]

    def ball(self, place: Place) -> Ball:
        """The row at `place`, in each of the cases."""
        index, ball = self._case(self.rows.plan.positions[place]), self.rows.balls[place]
        return ball if index is None else ball.take(index)

    def tokens(self, position: int) -> Array:
        """The token at a position, in each of the cases."""
        numbers = self.rows.cases.numbers[self.rows.cases.find(self.positions)[0], position]
        return self.rows.plan.program.inputs.arrays[position][numbers]

    def within(self, *places: Place) -> View:
        """The view of fewer rows; it has fewer cases where these depend on fewer positions."""
        return Sight(self.rows, self.number, list(places), self.rows.plan.union(list(places)))

    def spread(self, view: View, results: Array) -> Array:
        """`results` for the cases of `view`, in each of the cases of this."""
        index = self._case(view.positions)
        return results if index is None else results[index]


def logits(plan: Plan, precision: Precision, numbers: Array, meter: Meter) -> list[Ball]:
    """Enclosures of the rows of logits of some inputs, given by the numbers of their tokens."""
    rows, room = Rows(plan, precision, Cases(numbers)), 0
    for place, reads in plan.reads.items():
        step = plan.program.steps[place[0]]
        view = Sight(rows, place[1], reads, plan.positions[place])
        work, found = step.work(view), rows.cases.found
        for places, operations, machine in work:
            cases = len(rows.cases.find(plan.union(list(places)) if places else view.positions)[0])
            meter.add("evaluate", operations * cases, machine * cases + ROW)
        meter.add("evaluate", 0, max(0, len(reads) - 2 * len(work)) * READ)
        meter.add("evaluate", 0, (rows.cases.found - found) * (READ + 32 * len(numbers)))
        ball = rows.balls[place] = step.enclose(view)
        bits = max(ball.most, ball.widest).bit_length()
        room += ball.centres.size * stored_bits(bits)
        if bits > MAX_NUMBER_BITS or room > MAX_ROOM:
            limits = f"max_number_bits = {MAX_NUMBER_BITS}, max_room = {MAX_ROOM}"
            raise Declined(f"evaluate: numbers of {bits} bits, limits {limits}")
    everything = Sight(rows, 0, [], tuple(range(numbers.shape[1])))
    last = len(plan.program.steps) - 1
    return [everything.ball((last, row)) for row in range(plan.program.answers)]
