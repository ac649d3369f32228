"""The task `induction`: what followed the last token where it occurred before."""

import numpy as np

from checker.numbers.rounding import Array
from checker.tasks.task import Labels, Task


class Induction(Task):
    """The token after the earlier occurrence of the last one; the tokens before the last must be
    distinct, and the last one equal to one of them other than its neighbour."""

    name = "induction"
    total = False

    def fits(self) -> bool:
        return len(self.read) >= 3

    def labels(self, x: Array) -> Labels:
        before, last = np.sort(x[:, :-1], axis=1), x[:, [-1]]
        earlier = x[:, :-2] == last
        found = earlier.argmax(axis=1)
        distinct = (before[:, 1:] != before[:, :-1]).all(axis=1)
        return x[np.arange(len(x)), found + 1][:, None], distinct & earlier.any(axis=1)

    def words(self) -> str:
        what = "the successor of the earlier occurrence of the last"
        return f"{what} (induction; others distinct) of the tokens"
