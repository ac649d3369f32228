"""The task `first_unique`: the first token that occurs only once."""

import numpy as np

from checker.numbers.rounding import Array
from checker.tasks.task import Labels, Task


class FirstUnique(Task):
    """The first token that occurs only once."""

    name = "first_unique"
    total = False

    def labels(self, x: Array) -> Labels:
        # In ascending order, a token that occurs once differs from both neighbours.
        order, rows = np.argsort(x, axis=1, kind="stable"), np.arange(len(x))[:, None]
        ordered = x[rows, order]
        differs = np.ones((x.shape[0], x.shape[1] + 1), dtype=bool)
        differs[:, 1:-1] = ordered[:, 1:] != ordered[:, :-1]
        once: Array = np.zeros(x.shape, dtype=bool)
        once[rows, order] = differs[:, 1:] & differs[:, :-1]
        return x[rows, once.argmax(axis=1)[:, None]], once.sum(axis=1) > 0

    def words(self) -> str:
        return "the first that occurs only once of the tokens"
