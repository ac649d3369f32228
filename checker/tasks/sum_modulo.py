"""The task `sum_modulo p`: the sum of the tokens modulo p."""

from checker.numbers.rounding import Array
from checker.tasks.task import Labels, Task, always


class SumModulo(Task):
    """The sum of the tokens modulo p."""

    name = "sum_modulo"

    @staticmethod
    def leading(parameters: list[int]) -> int:
        return 1

    def fits(self) -> bool:
        return self.parameters[0] >= 1

    def labels(self, x: Array) -> Labels:
        return always(x.sum(axis=1, keepdims=True) % self.parameters[0])

    def words(self) -> str:
        return f"the sum modulo {self.parameters[0]} of the tokens"
