"""The enclosures of a program's logits for some inputs, all at once.

Each row of each value depends on the tokens at some positions only. It is computed once for each
distinct choice of these tokens among the inputs at hand, and only where the logits need it.
"""

from dataclasses import dataclass, field

import numpy as np

from checker.arithmetic import Array
from checker.errors import Declined
from checker.meter import PYTHON, Meter
from checker.models.program import Program
from checker.models.syntax import Place, View
from checker.numbers.balls import Ball, Precision

Positions = tuple[int, ...]
# Distinct cases are found with a table up to this size, and by sorting above.
TABLE_SIZE = 2**22
# Numbers in the enclosures of some inputs at a time; bits of one number, and of all.
MAX_NUMBERS = 2**24
MAX_NUMBER_BITS = 4096
MAX_ROOM = 2**32
# Values of more bits mostly need more than a word, and so eight times the room.
WORD_BITS = 28
# What the interpreter takes for a row, besides its numbers.
ROW = 64 * PYTHON


class Plan:
    """The rows that the logits need, in order of computation, and the positions each depends on."""

    def __init__(self, program: Program, meter: Meter) -> None:
        self.program, self.numbers = program, 0
        last = len(program.steps) - 1
        needed = {(last, row) for row in range(program.answers)}
        reads: dict[Place, list[Place]] = {}
        for number in range(last, -1, -1):
            for place in sorted(p for p in needed if p[0] == number):
                reads[place] = program.steps[number].reads(place[1], program.shapes)
                needed.update(reads[place])
                self.numbers += program.shapes[number][1] + 1
                if self.numbers > MAX_NUMBERS:
                    raise Declined(f"evaluate: more than max_numbers = {MAX_NUMBERS} for one input")
                meter.add("evaluate", 0, PYTHON * (1 + len(reads[place])))
        self.reads = dict(sorted(reads.items()))
        self.positions: dict[Place, Positions] = {}
        for place, sources in self.reads.items():
            looked_up = program.steps[place[0]].looks_up(place[1])
            self.positions[place] = self.union(sources, looked_up)

    def inputs(self, precision: Precision) -> int:
        """How many inputs at a time keep the memory within bounds."""
        most = MAX_NUMBERS if precision.bits <= WORD_BITS else MAX_NUMBERS // 8
        return max(1, most // self.numbers)

    def union(self, places: list[Place], others: Positions = ()) -> Positions:
        """The positions that some rows depend on, ascending."""
        return tuple(sorted({*others, *(p for place in places for p in self.positions[place])}))


def stored_bits(bits: int) -> int:
    """The memory that an integer of so many bits takes in an array, in bits."""
    return 64 if bits < 62 else 512 + bits


class Cases:
    """The distinct choices of tokens at some positions among some inputs."""

    def __init__(self, numbers: Array) -> None:
        self.numbers = numbers
        self.known: dict[Positions, tuple[Array, Array]] = {}

    def find(self, positions: Positions) -> tuple[Array, Array]:
        """An input for each case [cases], and the case of each input [inputs]."""
        if positions not in self.known:
            self.known[positions] = self._find(positions)
        return self.known[positions]

    def _find(self, positions: Positions) -> tuple[Array, Array]:
        inputs = np.arange(len(self.numbers))
        if not positions:
            return inputs[:1], inputs * 0
        if len(positions) == self.numbers.shape[1]:
            return inputs, inputs
        column = self.numbers[:, positions[-1]]
        code = self.find(positions[:-1])[1] * (int(column.max()) + 1) + column
        if int(code.max()) >= TABLE_SIZE:
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
        for places, operations, machine in step.work(view):
            cases = len(rows.cases.find(plan.union(list(places)) if places else view.positions)[0])
            meter.add("evaluate", operations * cases, machine * cases + ROW)
        ball = rows.balls[place] = step.enclose(view)
        bits = max(ball.most, ball.widest).bit_length()
        room += ball.centres.size * stored_bits(bits)
        if bits > MAX_NUMBER_BITS or room > MAX_ROOM:
            limits = f"max_number_bits = {MAX_NUMBER_BITS}, max_room = {MAX_ROOM}"
            raise Declined(f"evaluate: numbers of {bits} bits, limits {limits}")
    everything = Sight(rows, 0, [], tuple(range(numbers.shape[1])))
    last = len(plan.program.steps) - 1
    return [everything.ball((last, row)) for row in range(plan.program.answers)]
