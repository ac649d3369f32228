"""The task `copy`: the tokens themselves, as many answers as positions."""

from checker.numbers.rounding import Array
from checker.tasks.task import Labels, Task, always


class Copy(Task):
    """The tokens themselves."""

    name = "copy"

    def labels(self, x: Array) -> Labels:
        return always(x)

    def words(self) -> str:
        return "the tokens"
