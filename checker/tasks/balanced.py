"""The task `balanced open close`: 1 if brackets are balanced, else 0."""

import numpy as np

from checker.numbers.rounding import Array
from checker.tasks.task import Labels, Task


class Balanced(Task):
    """1 if every prefix has at least as many opening as closing brackets and the whole as many of
    both, else 0; sequences of the two brackets only."""

    name = "balanced"
    total = False

    @staticmethod
    def leading(parameters: list[int]) -> int:
        return 2

    def fits(self) -> bool:
        return self.parameters[0] != self.parameters[1]

    def labels(self, x: Array) -> Labels:
        opens, closes = (x == token for token in self.parameters)
        depth = np.cumsum(opens.astype(np.int64) - closes, axis=1)
        balanced = (depth >= 0).all(axis=1) & (depth[:, -1] == 0)
        return balanced[:, None].astype(np.int64), (opens | closes).all(axis=1)

    def words(self) -> str:
        return "1 for balanced brackets ({} opens, {} closes), else 0, of the tokens".format(
            *self.parameters
        )
