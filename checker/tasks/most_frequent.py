"""The task `most_frequent`: the token that occurs most often, where there is only one."""

import numpy as np

from checker.numbers.rounding import Array
from checker.tasks.task import Labels, Task


class MostFrequent(Task):
    """The token that occurs more often than every other."""

    name = "most_frequent"
    total = False

    def labels(self, x: Array) -> Labels:
        # In order, the last of each run of equal tokens ends a count of them.
        ordered, places = np.sort(x, axis=1), np.arange(x.shape[1])
        starts = np.zeros(x.shape, dtype=np.int64)
        starts[:, 1:] = np.where(ordered[:, 1:] != ordered[:, :-1], places[1:], 0)
        counts = places - np.maximum.accumulate(starts, axis=1)
        most = counts == counts.max(axis=1, keepdims=True)
        label = ordered[np.arange(len(x)), most.argmax(axis=1)]
        return label[:, None], most.sum(axis=1) == 1

    def words(self) -> str:
        return "the most frequent, if it is one, of the tokens"
