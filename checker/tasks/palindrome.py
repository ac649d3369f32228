"""The task `palindrome`: 1 if the tokens read the same from both ends, else 0."""

import numpy as np

from checker.numbers.rounding import Array
from checker.tasks.task import Labels, Task, always


class Palindrome(Task):
    """1 if the tokens read the same from both ends, else 0."""

    name = "palindrome"

    def labels(self, x: Array) -> Labels:
        return always((x == x[:, ::-1]).all(axis=1, keepdims=True).astype(np.int64))

    def words(self) -> str:
        return "1 for a palindrome, else 0, of the tokens"
