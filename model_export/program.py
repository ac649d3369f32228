"""From weights and a configuration to a program, the exact model of version 2 (`docs/formats.md`).

The configuration is one JSON object: the keys of TransformerLens (`HookedTransformerConfig`) as far
as the format of the weights needs them, and

    task      the task and its parameters, "sum_modulo:59" (`TASK_WORDS`)
    tokens    the token set of each position, "0-58 x2, 59" (`token_sets`)
    read      the positions of the answers: "last", "sum", "all", or "2,3"
    format    which format the weights have (`model_export.families`), "transformer_lens" if none

Every float is converted exactly; nothing is rounded.
"""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from checker.errors import Declined
from checker.models.program import Program, parse_program
from checker.numbers.dyadic import Dyadic
from checker.tasks.registry import TASKS
from checker.text import MAX_FILE_BYTES
from model_export.errors import UnsupportedWeights
from model_export.exact_model import _dyadic
from model_export.exact_model_file import format_tensor
from model_export.output_files import write_whole

Array = npt.NDArray[np.float64]
Weights = Mapping[str, npt.NDArray[np.generic]]
# The number of a step's value.
Value = int

PROGRAM_KEYS = ("task", "tokens", "read", "format")
# What TransformerLens 1 writes over scores that are masked; later versions write -inf.
MASKED_SCORE = -1e5
TASK_WORDS = {"first": ("copy", "first"), "last": ("copy", "last")}


class Settings:
    """A configuration, of which every key must be understood by somebody."""

    def __init__(self, configuration: Mapping[str, object]) -> None:
        self._values, self._used = dict(configuration), set[str]()
        self._assumed: dict[str, object] = {}

    def take(self, name: str, *default: object) -> object:
        """The value of a key; a key without a default must be there."""
        self._used.add(name)
        if name not in self._values and not default:
            raise UnsupportedWeights(f"configuration: {name}: expected a value, found no such key")
        if name not in self._values:
            self._assumed[name] = default[0]
        return self._values.get(name, *default)

    def number(self, name: str, *default: float) -> float:
        """A number that is not a truth value."""
        value = self.take(name, *default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UnsupportedWeights(f"configuration: {name}: expected a number, found {value!r}")
        if not abs(value) <= sys.float_info.max:  # as JSON's Infinity, NaN and 1e400
            raise UnsupportedWeights(f"configuration: {name}: expected a finite number of float64")
        return value

    def text(self, name: str) -> str:
        """A string."""
        value = self.take(name)
        if not isinstance(value, str):
            raise UnsupportedWeights(f"configuration: {name}: expected a string, found {value!r}")
        return value

    def size(self, name: str, *default: int) -> int:
        """An integer of at least 1."""
        value = self.number(name, *default)
        if value != int(value) or value < 1:
            raise UnsupportedWeights(f"configuration: {name}: expected a size, found {value!r}")
        return int(value)

    def choice(self, name: str, values: Sequence[object], *default: object) -> object:
        """One of `values`."""
        value = self.take(name, *default)
        for known in values:
            if value == known and isinstance(value, bool) is isinstance(known, bool):
                return value
        expected = " or ".join(map(repr, values))
        raise UnsupportedWeights(f"configuration: {name}: expected {expected}, found {value!r}")

    def expect(self, name: str, found: int) -> None:
        """The size `name`, where the configuration has it, must be that of the weights."""
        if name in self._values and self.size(name) != found:
            raise UnsupportedWeights(f"configuration: {name}: expected {found}, as in the weights")

    def off(self, names: Iterable[str], *also: object) -> None:
        """Keys of what is not built: where the configuration has them, they must be off, or one of `also`."""
        for name in names:
            if name in self._values and self.take(name) not in (None, False, *also):
                raise UnsupportedWeights(f"configuration: {name}: expected null or false, found {self._values[name]!r}")

    def ignore(self, names: str) -> None:
        """Keys that do not change the function."""
        self._used.update(names.split())

    def assumed(self) -> tuple[str, ...]:
        """In words, the values of the keys that were asked for and are not there; last, what is off."""
        off = [name for name, value in self._assumed.items() if value in (None, False) or name.endswith("soft_cap")]
        words = [f"{name} {value}" for name, value in self._assumed.items() if name not in off]
        return (*words, *([f"without {' '.join(off)}"] if off else []))

    def finish(self) -> None:
        """Refuses what nobody asked for: it might change the model."""
        for name in sorted(self._values.keys() - self._used):
            raise UnsupportedWeights(f"configuration: {name}: unknown key, which might change the model")


class Tensors:
    """Weights by name, of which every one must be used."""

    def __init__(self, weights: Weights) -> None:
        self._weights, self._used = weights, set[str]()

    def __contains__(self, name: str) -> bool:
        return name in self._weights

    def take(self, name: str, *axes: int | None) -> Array:
        """The tensor of this name, whose sizes must be `axes` where these are not None."""
        self._used.add(name)
        if name not in self._weights:
            raise UnsupportedWeights(f"tensor {name}: missing")
        tensor = self._weights[name]
        sizes = zip(tensor.shape, axes, strict=False)
        if tensor.ndim != len(axes) or any(b is not None and a != b for a, b in sizes):
            expected = list(axes)
            raise UnsupportedWeights(f"tensor {name}: expected axes {expected}, found {list(tensor.shape)}")
        if not np.isfinite(tensor.astype(np.float64)).all():
            raise UnsupportedWeights(f"tensor {name}: not all entries are finite")
        return tensor.astype(np.float64)

    def names(self) -> list[str]:
        """The names of all tensors."""
        return list(self._weights)

    def any(self, name: str) -> Array:
        """The tensor of this name, of any shape."""
        return self.take(name, *(None for _ in self._weights[name].shape))

    def mask(self, name: str, positions: int, direction: str) -> None:
        """A stored mask (true where a row may attend) must be the causal one or, where attention is not causal,
        one of all; an empty one is the placeholder of versions that build it while they run. TransformerLens
        stores a causal mask with either `direction`, and applies it if that is causal."""
        if name not in self._weights:
            return
        self._used.add(name)
        mask = self._weights[name]
        if mask.shape == (0, 0):
            return
        if mask.dtype != np.bool_ or mask.shape != (positions, positions):
            expected = f"[{positions}, {positions}] of bool"
            raise UnsupportedWeights(f"tensor {name}: expected {expected}, found {list(mask.shape)} of {mask.dtype}")
        if not np.array_equal(mask, np.tri(positions, dtype=bool)) and not (direction == "full" and mask.all()):
            raise UnsupportedWeights(f"tensor {name}: expected a causal mask, found another one")

    def masked_score(self, name: str) -> None:
        """What is written over masked scores must be one number so low that they get no attention."""
        if name in self._weights:
            self._used.add(name)
            score = self._weights[name]
            if score.size != 1 or not score.item() <= MASKED_SCORE:
                raise UnsupportedWeights(f"tensor {name}: expected one number of at most {MASKED_SCORE}")

    def ignore(self, pattern: str) -> None:
        """Tensors that do not change the function."""
        self._used.update(name for name in self._weights if re.fullmatch(pattern, name))

    def finish(self) -> None:
        """Refuses what nobody used: it might change the model."""
        for name in sorted(self._weights.keys() - self._used):
            raise UnsupportedWeights(f"tensor {name}: not understood by this format")


class Builder:
    """A program in the making: each method adds a step and returns its value."""

    def __init__(self, positions: int) -> None:
        self.positions = positions
        self.tensors: list[Dyadic] = []
        self.steps: list[str] = []

    def tensor(self, matrix: Array) -> int:
        """The number of a matrix, or of a vector as one row."""
        self.tensors.append(_dyadic(str(len(self.tensors)), np.atleast_2d(matrix)))
        return len(self.tensors) - 1

    def step(self, name: str, *operands: object) -> Value:
        """A step of the grammar."""
        self.steps.append(" ".join(map(str, (name, *operands))))
        return len(self.steps) - 1

    def embed(self, matrix: Array) -> Value:
        """Rows of `matrix` [tokens, width], one for each position."""
        return self.step("embed", self.tensor(matrix))

    def constant(self, matrix: Array) -> Value:
        """The rows of `matrix`."""
        return self.step("constant", self.tensor(matrix))

    def linear(self, value: Value, matrix: Array, bias: Array | None = None) -> Value:
        """Every row times `matrix` [inputs, outputs], plus a bias unless it is zero."""
        result = self.step("linear", value, self.tensor(matrix))
        return self.bias(result, bias)

    def bias(self, value: Value, bias: Array | None) -> Value:
        """Every row plus `bias`, unless it is zero."""
        if bias is None or not bias.any():
            return value
        return self.step("bias", value, self.tensor(bias))

    def sum(self, *values: Value) -> Value:
        """The sum of values."""
        result = values[0]
        for value in values[1:]:
            result = self.step("add", result, value)
        return result

    def norm(self, value: Value, kind: str | None, eps: float, weights: Sequence[Array | None]) -> Value:
        """LayerNorm (LN), RMSNorm (RMS), or the same without weights (LNPre, RMSPre), or nothing."""
        if kind is None:
            return value
        if kind in ("LN", "LNPre"):
            value = self.step("center", value)
        integer, divisor = float(eps).as_integer_ratio()
        exponent = 1 - divisor.bit_length()
        while integer and integer % 2 == 0:
            integer, exponent = integer // 2, exponent + 1
        value = self.step("rms", value, integer, exponent)
        scale, shift = weights
        if scale is not None:
            value = self.step("times", value, self.tensor(scale))
        return self.bias(value, shift)

    def attend(self, query: Value, key: Value, values: Value, mask: str, scale: tuple[int, int, int]) -> Value:
        """Attention of one head; scores times scale[0] 2**scale[1] / sqrt(scale[2])."""
        return self.step("attend", query, key, values, mask, *scale)

    def read(self, value: Value, settings: Settings) -> Value:
        """The rows of `value` that the answers are read from."""
        where = settings.take("read", "last")
        if where == "sum":
            return self.step("total", value)
        if where == "all":
            return value
        rows = [self.positions - 1] if where == "last" else _numbers(str(where), "read")
        return self.step("rows", value, len(rows), *rows)


def _numbers(text: str, name: str) -> list[int]:
    if not re.fullmatch(r"\d{1,9}(,\d{1,9})*", text):
        raise UnsupportedWeights(f"configuration: {name}: expected numbers with commas between, found {text!r}")
    return [int(number) for number in text.split(",")]


def token_sets(text: str) -> list[list[int]]:
    """The set of tokens of each position: parts with commas between, each a token 59, a range 0-58,
    a choice 0|2|5, and after a blank perhaps how many positions have it, x2: "0-58 x2, 59"."""
    sets: list[list[int]] = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d{1,4})(?:-(\d{1,4})|((?:\|\d{1,4})*))(?:\s+x(\d{1,3}))?\s*", part)
        if not found:
            raise UnsupportedWeights(f"configuration: tokens: expected sets such as 0-58 x2, found {part!r}")
        first, last, others, times = found.groups()
        tokens = set(range(int(first), int(last) + 1)) if last else {int(first)}
        tokens |= {int(token) for token in (others or "").split("|") if token}
        if not tokens:
            raise UnsupportedWeights(f"configuration: tokens: expected some tokens, found {part!r}")
        sets += [sorted(tokens)] * int(times or 1)
    return sets


def task_line(text: str, sets: Sequence[Sequence[int]]) -> str:
    """The line of a model file for a task NAME[:PARAMETERS][@POSITIONS], the parameters with commas
    between; without positions, those that more than one token can be at."""
    found = re.fullmatch(r"([a-z_]+)(?::([\d,]*))?(?:@([\d,]+))?", text)
    name = found[1] if found else ""
    free = [j for j, tokens in enumerate(sets) if len(tokens) > 1] or list(range(len(sets)))
    if name in TASK_WORDS:
        name, end = TASK_WORDS[name]
        free = free[:1] if end == "first" else free[-1:]
    if not found or name not in {task.name for task in TASKS}:
        known = ", ".join([task.name for task in TASKS] + list(TASK_WORDS))
        raise UnsupportedWeights(f"configuration: task: expected one of {known}, found {text!r}")
    parameters = _numbers(found[2], "task") if found[2] else []
    read = _numbers(found[3], "task") if found[3] else free
    if name == "balanced" and not parameters:
        parameters = [0, 1]
    numbers = [*parameters, *read]
    return " ".join(map(str, ["task", name, len(numbers), *numbers]))


def program_text(weights: Weights, configuration: Mapping[str, object]) -> str:
    """The text of the program of these weights. Raises `UnsupportedWeights` for what is not understood."""
    return _program_text(weights, Settings(configuration))


def _program_text(weights: Weights, settings: Settings) -> str:
    from model_export.families.registry import FORMATS

    sets = token_sets(settings.text("tokens"))
    task = task_line(settings.text("task"), sets)
    form = str(settings.choice("format", list(FORMATS), "transformer_lens"))
    builder, tensors = Builder(len(sets)), Tensors(weights)
    FORMATS[form](builder, tensors, settings)
    settings.finish()
    tensors.finish()
    lines = ["compact-proofs-model 2", task, f"positions {len(sets)}"]
    lines += [" ".join(map(str, [len(tokens), *tokens])) for tokens in sets]
    lines.append(f"tensors {len(builder.tensors)}")
    for number, tensor in enumerate(builder.tensors):
        lines += format_tensor(str(number), tensor)
    return "\n".join([*lines, f"steps {len(builder.steps)}", *builder.steps, "end", ""])


@dataclass(frozen=True)
class ExportedProgram:
    """A program as the checker reads it, in words what its configuration did not say and was assumed, and the text of
    its model file."""

    program: Program
    assumed: tuple[str, ...]
    text: str = field(repr=False)


def export_program(weights: Weights, configuration: Mapping[str, object], output: Path) -> ExportedProgram:
    """Write the program of these weights to `output`, and return it."""
    exported = exported_program(weights, configuration)
    write_whole(output, exported.text.encode("ascii"))
    return exported


def exported_program(weights: Weights, configuration: Mapping[str, object]) -> ExportedProgram:
    """The program of these weights. Raises `UnsupportedWeights` for what is not understood, or what the checker would
    decline."""
    settings = Settings(configuration)
    text = _program_text(weights, settings)
    if len(text) > MAX_FILE_BYTES:
        raise UnsupportedWeights(f"the model has {len(text)} characters, the checker reads {MAX_FILE_BYTES}")
    try:
        program = parse_program(text.encode("ascii"))
    except Declined as error:
        raise UnsupportedWeights(f"the checker would decline the model: {error}") from error
    return ExportedProgram(program, settings.assumed(), text)
