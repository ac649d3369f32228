"""Inputs: the sequences over given token sets that a task has labels for, in lexicographic order.

Sequence number c of the product of the sets has at position j the token number
(c // (product of the sizes after j)) % (size j) of set j.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from checker.errors import Declined
from checker.meter import PYTHON, Meter
from checker.numbers.rounding import Array
from checker.tasks.registry import MAX_PARAMETER, MAX_PARAMETERS, TASKS, make_task
from checker.tasks.task import Labels, Task
from checker.text import MAX_POSITIONS, Reader

MAX_TOKEN = 4095
# The most sequences that are listed, and how many tokens at a time.
MAX_SEQUENCES = 2**28
LISTED = 2**20


@dataclass(frozen=True)
class Listed:
    """Some inputs: the numbers of their tokens in the sets [inputs, positions], and their labels
    [inputs, answers]."""

    numbers: Array
    labels: Array


@dataclass(frozen=True)
class Inputs:
    """The token set of each position, ascending, and the task."""

    sets: tuple[tuple[int, ...], ...]
    task: Task

    # How many sequences there are, with labels or without.
    sequences = property(lambda self: prod(len(tokens) for tokens in self.sets))
    arrays = cached_property(lambda self: [np.array(s, dtype=np.int64) for s in self.sets])

    def __str__(self) -> str:
        """The set of inputs in words."""
        parts: list[tuple[str, str]] = []
        for j, tokens in enumerate(self.sets):
            span = tokens[-1] - tokens[0] + 1 == len(tokens)
            words = f"{tokens[0]}-{tokens[-1]}" if span else ",".join(map(str, tokens[:8]))
            words = words if len(tokens) > 1 else str(tokens[0])
            words += ",..." if not span and len(tokens) > 8 else ""
            if parts and parts[-1][1] == words:
                parts[-1] = (parts[-1][0].split("-")[0] + f"-{j}", words)
            else:
                parts.append((str(j), words))
        lines = []
        for place, words in parts:
            where = "positions" if "-" in place else "position"
            lines.append(f"{where} {place}: {'token' if words.isdigit() else 'tokens'} {words}")
        return "; ".join(lines)

    def listed(self, first: int, last: int, meter: Meter) -> Iterator[Listed]:
        """The inputs among the sequences from number `first` to number `last`, some at a time."""
        count = last - first + 1
        if count > MAX_SEQUENCES:
            raise Declined(f"inputs: {count} sequences, limit max_sequences = {MAX_SEQUENCES}")
        width = max(len(self.sets), len(self.task.read))
        step = LISTED // width
        # Python takes some calls for each position, each time, however few the sequences are.
        calls = (count // step + 1) * PYTHON
        meter.add("inputs", count, (count + calls) * 16 * width)
        for start in range(first, last + 1, step):
            end = min(start + step, last + 1)
            numbers = self._numbers(start, end)
            labels, labelled = self.labels(numbers)
            yield Listed(numbers[labelled], labels[labelled])

    def _numbers(self, start: int, end: int) -> Array:
        """The token numbers of sequences `start` to `end - 1`, [sequences, positions]."""
        columns, remaining = [], np.arange(end - start)
        carry = start
        for tokens in reversed(self.sets):
            # `carry` may be larger than a word; what varies is small.
            carry, digit = divmod(carry, len(tokens))
            remaining = remaining + digit
            remaining, column = np.divmod(remaining, len(tokens))
            columns.append(column)
        return np.stack(columns[::-1], axis=1)

    def labels(self, numbers: Array) -> Labels:
        """The labels of sequences, given by the numbers of their tokens [sequences, positions]."""
        read = [self.arrays[j][numbers[:, j]] for j in self.task.read]
        return self.task.labels(np.stack(read, axis=1))

    def numbered(self, chosen: Sequence[int]) -> Array:
        """The token numbers of the sequences of the `chosen` numbers, [sequences, positions]."""
        rows = np.zeros((len(chosen), len(self.sets)), dtype=np.int64)
        for row, number in zip(rows, chosen, strict=True):
            for j in range(len(self.sets) - 1, -1, -1):
                number, row[j] = divmod(number, len(self.sets[j]))
        return rows

    def count(self, meter: Meter, first: int = 0, last: int | None = None) -> int:
        """How many inputs there are, of all sequences or those from number `first` to `last`."""
        last = self.sequences - 1 if last is None else last
        if self.task.total:
            return last - first + 1
        return sum(len(some.labels) for some in self.listed(first, last, meter))


def parse_inputs(reader: Reader) -> Inputs:
    """A task, and a set of tokens for each position."""
    reader.take("task")
    name = reader.word(*(task.name for task in TASKS))
    [count] = reader.take((0, MAX_PARAMETERS, "max_parameters"))
    parameters = reader.integers(count, (0, MAX_PARAMETER, "max_parameter"))
    reader.take("\n")
    [positions] = reader.take("positions", (1, MAX_POSITIONS, "max_positions"), "\n")
    sets = []
    for _ in range(positions):
        sets.append(reader.ascending((1, MAX_TOKEN + 1), (0, MAX_TOKEN, "max_token")))
        reader.take("\n")
    return Inputs(tuple(sets), make_task(name, parameters, positions))
