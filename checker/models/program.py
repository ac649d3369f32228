"""Model files of version 2: a task, token sets, weights and steps (`docs/formats.md`)."""

from collections import Counter
from dataclasses import dataclass

from checker.inputs import Inputs, parse_inputs
from checker.models.registry import CONSTRUCTORS
from checker.models.syntax import (
    MASK,
    MASKS,
    MAX_SIZE,
    MAX_STEPS,
    MAX_TENSORS,
    ROWS,
    VALUE,
    WEIGHTS,
    Shape,
    Sizes,
    Step,
)
from checker.numbers.dyadic import Dyadic, parse_sized_tensor
from checker.text import Reader


@dataclass(frozen=True)
class Program:
    """A model: inputs with their labels, weights, steps, and the shapes of the steps' values."""

    inputs: Inputs
    tensors: tuple[Dyadic, ...]
    steps: tuple[Step, ...]
    shapes: tuple[Shape, ...]

    answers = property(lambda self: self.shapes[-1][0])
    outputs = property(lambda self: self.shapes[-1][1])

    def __str__(self) -> str:
        """The model in words."""
        counts = Counter(step.name for step in self.steps)
        names = ", ".join(f"{name} {count}" for name, count in counts.items())
        weights = sum(tensor.rows * tensor.columns for tensor in self.tensors)
        answers = "1 answer" if self.answers == 1 else f"{self.answers} answers"
        size = f"program of {weights} weights and {len(self.steps)} steps ({names})"
        return f"{size}, {answers} of {self.outputs} outputs"


def _parse_step(reader: Reader, number: int, tensors: int) -> Step:
    """A step, which may name the values of earlier steps and the tensors before."""
    name = reader.word(*(constructor.name for constructor in CONSTRUCTORS))
    [constructor] = [c for c in CONSTRUCTORS if c.name == name]
    operands: list[object] = []
    for operand in constructor.operands:
        if operand == MASK:
            operands.append(reader.word(*MASKS))
        elif operand == ROWS:
            [count] = reader.take((1, MAX_SIZE, "max_size"))
            operands.append(tuple(reader.integers(count, (0, MAX_SIZE))))
        elif operand in (VALUE, WEIGHTS):
            operands += reader.take((0, (number if operand == VALUE else tensors) - 1))
        else:
            operands += reader.take(operand)
    reader.take("\n")
    return constructor(*operands)


def parse_program(data: bytes) -> Program:
    """The program that `data` denotes. Raises `Declined` on anything but one canonical program."""
    reader = Reader(data, "model")
    reader.take("compact-proofs-model", "2", "\n")
    inputs = parse_inputs(reader)
    size = (1, MAX_SIZE, "max_size")
    [count] = reader.take("tensors", (0, MAX_TENSORS, "max_tensors"), "\n")
    tensors = tuple(parse_sized_tensor(reader, str(i), size, size) for i in range(count))
    [count] = reader.take("steps", (1, MAX_STEPS, "max_steps"), "\n")
    sizes, steps = Sizes(inputs.sets, tensors, []), []
    for i in range(count):
        steps.append(_parse_step(reader, i, len(tensors)))
        rows, columns = steps[-1].shape(sizes)
        sizes.below("rows of the value", rows - 1, MAX_SIZE)
        sizes.shapes.append((rows, columns))
    reader.end()
    return Program(inputs, tensors, tuple(steps), tuple(sizes.shapes))
