"""Tasks that order tokens: `max`, `min`, `kth_largest`, `sort`."""

import numpy as np

from checker.numbers.rounding import Array
from checker.tasks.task import Labels, Task, always


class Max(Task):
    """The largest token."""

    name = "max"

    def labels(self, x: Array) -> Labels:
        return always(x.max(axis=1, keepdims=True))

    def words(self) -> str:
        return "the largest of the tokens"


class Min(Task):
    """The smallest token."""

    name = "min"

    def labels(self, x: Array) -> Labels:
        return always(x.min(axis=1, keepdims=True))

    def words(self) -> str:
        return "the smallest of the tokens"


class KthLargest(Task):
    """The k-th largest token, from k = 1; equal tokens count as often as they occur."""

    name = "kth_largest"

    @staticmethod
    def leading(parameters: list[int]) -> int:
        return 1

    def fits(self) -> bool:
        return 1 <= self.parameters[0] <= len(self.read)

    def labels(self, x: Array) -> Labels:
        return always(np.sort(x, axis=1)[:, [-self.parameters[0]]])

    def words(self) -> str:
        return f"number {self.parameters[0]} from above of the tokens"


class Sort(Task):
    """All tokens in ascending order: as many answers as tokens."""

    name = "sort"

    def labels(self, x: Array) -> Labels:
        return always(np.sort(x, axis=1))

    def words(self) -> str:
        return "in ascending order the tokens"
