"""The tasks, one line each, and how a model file names one."""

from checker.errors import Declined
from checker.tasks.automaton import Automaton
from checker.tasks.balanced import Balanced
from checker.tasks.copy import Copy
from checker.tasks.extrema import KthLargest, Max, Min, Sort
from checker.tasks.first_unique import FirstUnique
from checker.tasks.group_product import GroupProduct
from checker.tasks.induction import Induction
from checker.tasks.most_frequent import MostFrequent
from checker.tasks.palindrome import Palindrome
from checker.tasks.sum_modulo import SumModulo
from checker.tasks.task import Task

TASKS: tuple[type[Task], ...] = (
    Max,
    Min,
    KthLargest,
    Sort,
    Copy,
    MostFrequent,
    SumModulo,
    GroupProduct,
    Induction,
    Palindrome,
    Balanced,
    Automaton,
    FirstUnique,
)
MAX_PARAMETERS = 2**20
MAX_PARAMETER = 2**31 - 1


def make_task(name: str, parameters: list[int], positions: int) -> Task:
    """The task of that name for so many positions; its parameters end with the positions that it
    reads. Raises `Declined` where they do not fit."""
    [task] = [task for task in TASKS if task.name == name]
    try:
        leading = task.leading(parameters)
    except (IndexError, ValueError):
        leading = len(parameters)
    read = parameters[leading:]
    if read and max(read) < positions:
        made = task(tuple(parameters[:leading]), tuple(read))
        if made.fits():
            return made
    raise Declined(f"model: task {name}: expected other parameters, found {parameters[:8]}")
