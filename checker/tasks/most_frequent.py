"""The task `most_frequent`: the token that occurs most often, where there is only one."""

import numpy as np

from checker.arithmetic import Array
from checker.tasks.task import Labels, Task


class MostFrequent(Task):
    """The token that occurs more often than every other."""

    name = "most_frequent"
    total = False

    def labels(self, x: Array) -> Labels:
        counts = np.stack([(x == x[:, [j]]).sum(axis=1) for j in range(x.shape[1])], axis=1)
        label = x[np.arange(len(x)), counts.argmax(axis=1)]
        # Another token that occurs as often.
        tie = (counts == counts.max(axis=1, keepdims=True)) & (x != label[:, None])
        return label[:, None], ~tie.any(axis=1)

    def words(self) -> str:
        return "the most frequent, if it is one, of the tokens"
