"""A model of max-of-K as a program: the same function, one step for each line of its definition."""

from checker.inputs import Inputs
from checker.models.affine import Linear
from checker.models.attention import Attend
from checker.models.attention_only import TENSORS, ExactModel
from checker.models.lookup import Add, Constant, Embed, Rows
from checker.models.program import Program
from checker.models.syntax import Sizes, Step
from checker.tasks.extrema import Max

FULL = "full"


def program_of(model: ExactModel) -> Program:
    """The program that gives the logits of `model` (`docs/semantics.md`), and its inputs."""
    every, positions = tuple(range(model.vocabulary)), tuple(range(model.positions))
    inputs = Inputs((every,) * model.positions, Max((), positions))
    steps: tuple[Step, ...] = (
        Embed(0),
        Constant(1),
        Add(0, 1),
        *(Linear(2, 2), Linear(2, 3), Linear(2, 4)),
        Attend(3, 4, 5, FULL, 1, 0, model.head_width),
        Linear(6, 5),
        Add(2, 7),
        Rows(8, (model.positions - 1,)),
        Linear(9, 6),
    )
    tensors = tuple(model.weights[name] for name in TENSORS)
    sizes = Sizes(inputs.sets, tensors, [])
    for step in steps:
        sizes.shapes.append(step.shape(sizes))
    return Program(inputs, tensors, steps, tuple(sizes.shapes))
