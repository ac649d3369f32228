"""What a task is."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from checker.errors import Declined
from checker.numbers.rounding import Array
from checker.text import MAX_POSITIONS

# The labels [sequences, answers], and for each sequence whether it has labels at all; where it has
# none, its row of labels means nothing.
Labels = tuple[Array, Array]
# The most positions that a task reads, each as often as it is named.
MAX_READ = MAX_POSITIONS


@dataclass(frozen=True)
class Task:
    """A task with its parameters, which reads the tokens at some positions, x."""

    parameters: tuple[int, ...]
    read: tuple[int, ...]

    name: ClassVar[str]
    # Whether every sequence has labels.
    total: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Raises `Declined` for too many positions."""
        count = len(self.read)
        if count > MAX_READ:
            what = f"model: task {self.name}: {count} positions"
            raise Declined(f"{what}, limit max_read = {MAX_READ}")

    @staticmethod
    def leading(parameters: list[int]) -> int:
        """How many parameters stand before the positions to read."""
        return 0

    def fits(self) -> bool:
        """Whether the parameters mean something."""
        return True

    def labels(self, x: Array) -> Labels:
        """The labels of sequences; `x` [sequences, positions] has the tokens that are read."""
        raise NotImplementedError

    def words(self) -> str:
        """The task in words, of the tokens that it reads."""
        raise NotImplementedError

    def __str__(self) -> str:
        return f"{self.words()} at positions {' '.join(map(str, self.read))}"


def always(labels: Array) -> Labels:
    """Labels that every sequence has."""
    return labels, np.ones(len(labels), dtype=bool)
