"""The task `group_product g table`: the product of the tokens by a table of g rows."""

from functools import cached_property

import numpy as np

from checker.numbers.rounding import Array
from checker.tasks.task import Labels, Task


class GroupProduct(Task):
    """((x0 x1) x2) ... where x y is entry [x, y] of the table; tokens below g only."""

    name = "group_product"
    total = False

    @staticmethod
    def leading(parameters: list[int]) -> int:
        return 1 + parameters[0] ** 2

    def fits(self) -> bool:
        order, *table = self.parameters
        return order >= 1 and max(table) < order

    @cached_property
    def table(self) -> Array:
        """The products [order, order]."""
        order, *entries = self.parameters
        return np.array(entries, dtype=np.int64).reshape(order, order)

    def labels(self, x: Array) -> Labels:
        order, table = self.parameters[0], self.table
        elements = np.minimum(x, order - 1)
        product = elements[:, 0]
        for j in range(1, x.shape[1]):
            product = table[product, elements[:, j]]
        return product[:, None], np.all(x < order, axis=1)

    def words(self) -> str:
        return f"the product, by a table of {self.parameters[0]} elements, of the tokens"
