"""Logits of a program in floating point, to be looked at and to estimate with; they prove nothing.

The steps are those of `docs/semantics.md`, computed in float64 for some inputs at a time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from checker.models.activations import GELU_A, GELU_B
from checker.models.program import Program
from model_export.errors import UnsupportedWeights
from model_export.floating_point import NUMBERS_PER_BATCH, Array, Tokens, margins, rounded

# How many sequences are drawn for each random input at most, where a task has labels for few.
DRAWN = 100
# The value of a step, from the step, the forward pass, the values before and the tokens.
Evaluation = Callable[[Any, "ProgramForward", list[Array], Tokens], Array]


def _gelu_new(x: Array) -> Array:
    a, b = (np.ldexp(float(integer), exponent) for integer, exponent in (GELU_A, GELU_B))
    return x / (1 + np.exp(-a * (x + b * x**3)))


def _attend(step: Any, values: list[Array]) -> Array:
    queries, keys = values[step.queries], values[step.keys]
    factor = np.ldexp(float(step.scale), step.exponent) / np.sqrt(step.divisor)
    scores = factor * (queries @ keys.transpose(0, 2, 1))
    if step.mask == "causal":
        scores = np.where(np.tri(scores.shape[1], dtype=bool), scores, -np.inf)
    pattern = np.exp(scores - scores.max(axis=2, keepdims=True))
    return np.asarray(pattern / pattern.sum(axis=2, keepdims=True) @ values[step.values])


def _attend_sum(step: Any, value: Array) -> Array:
    return value.cumsum(axis=1) if step.mask == "causal" else value.sum(axis=1, keepdims=True) + 0 * value


def _rms(step: Any, value: Array) -> Array:
    eps = np.ldexp(float(step.eps), step.exponent)
    return np.asarray(value / np.sqrt((value**2).mean(axis=2, keepdims=True) + eps))


# Values are [inputs, rows, columns], or [1, rows, columns] where all inputs have the same.
STEPS: dict[str, Evaluation] = {
    "embed": lambda s, f, v, tokens: f.tensors[s.weights][tokens],
    "embed_at": lambda s, f, v, tokens: f.tensors[s.weights][tokens[:, [s.position]]],
    "constant": lambda s, f, v, tokens: f.tensors[s.weights][None],
    "linear": lambda s, f, v, tokens: v[s.value] @ f.tensors[s.weights],
    "bias": lambda s, f, v, tokens: v[s.value] + f.tensors[s.weights],
    "times": lambda s, f, v, tokens: v[s.value] * f.tensors[s.weights],
    "add": lambda s, f, v, tokens: v[s.left] + v[s.right],
    "product": lambda s, f, v, tokens: v[s.left] * v[s.right],
    "relu": lambda s, f, v, tokens: np.maximum(v[s.value], 0),
    "gelu_new": lambda s, f, v, tokens: _gelu_new(v[s.value]),
    "silu": lambda s, f, v, tokens: v[s.value] / (1 + np.exp(-v[s.value])),
    "tanh": lambda s, f, v, tokens: np.tanh(v[s.value]),
    "center": lambda s, f, v, tokens: v[s.value] - v[s.value].mean(axis=2, keepdims=True),
    "rms": lambda s, f, v, tokens: _rms(s, v[s.value]),
    "attend": lambda s, f, v, tokens: _attend(s, v),
    "attend_sum": lambda s, f, v, tokens: _attend_sum(s, v[s.value]),
    "rows": lambda s, f, v, tokens: v[s.value][:, list(s.chosen)],
    "total": lambda s, f, v, tokens: v[s.value].sum(axis=1, keepdims=True),
}


class ProgramForward:
    """The forward pass of a program."""

    def __init__(self, program: Program) -> None:
        """Round the weights. Raises `UnsupportedWeights` where one is too large."""
        self.program = program
        self.tensors: list[Array] = [rounded(str(number), tensor) for number, tensor in enumerate(program.tensors)]
        self.batch = max(1, NUMBERS_PER_BATCH // sum(rows * columns for rows, columns in program.shapes))

    def logits(self, tokens: Tokens) -> Array:
        """The logits [input, answer, output] of `tokens` [input, position].

        Raises `UnsupportedWeights` where floating point does not reach.
        """
        values: list[Array] = []
        with np.errstate(all="ignore"):
            for step in self.program.steps:
                try:
                    values.append(STEPS[step.name](step, self, values, tokens))
                except OverflowError as error:
                    raise UnsupportedWeights(f"step {len(values)}: out of the range of floating point") from error
        if not np.isfinite(values[-1]).all():
            raise UnsupportedWeights("the logits are out of the range of floating point")
        return np.broadcast_to(values[-1], (len(tokens), *values[-1].shape[1:]))

    def labels(self, tokens: Tokens) -> tuple[Tokens, Tokens]:
        """The labels [input, answer] of `tokens` [input, position], and which of them are inputs of the task."""
        task = self.program.inputs.task
        return task.labels(tokens[:, list(task.read)])

    def random_inputs(self, count: int, seed: int) -> Iterator[Tokens]:
        """At most `count` uniform random inputs [input, position], in batches that fit in memory; fewer only where
        the task has labels for hardly any sequence."""
        generator, sets = np.random.default_rng(seed), self.program.inputs.arrays
        left = count
        for _ in range(DRAWN * -(-count // self.batch)):
            if not left:
                break
            size = min(self.batch, count)
            tokens = np.stack([generator.choice(tokens, size) for tokens in sets], axis=1)
            tokens = tokens[self.labels(tokens)[1]][:left]
            left -= len(tokens)
            if len(tokens):
                yield tokens


@dataclass(frozen=True)
class ProgramAnswer:
    """What a program says to one input, in floating point: for each answer its label, what is said (`None` where
    several outputs are largest) and its logits. `margin` is the least over the answers of the label's logit less
    the largest other, or `None` where there is no other or no such output.
    """

    input: list[int]
    label: list[int]
    answer: list[int | None]
    correct: bool
    margin: float | None
    logits: list[list[float]]


def program_margins(logits: Array, labels: Tokens) -> Array:
    """The least margin of each input; -inf where a label is no output, or the task has other answers."""
    inputs, answers, outputs = logits.shape
    if labels.shape[1] != answers:
        return np.full(inputs, -np.inf)
    found = margins(logits.reshape(-1, outputs), np.minimum(labels, outputs - 1).ravel()).reshape(inputs, answers)
    return np.asarray(np.where(labels < outputs, found, -np.inf).min(axis=1))


def program_accuracy(program: Program, samples: int, seed: int) -> tuple[int, int]:
    """How many of how many uniform random inputs the program answers correctly: an estimate."""
    forward, correct, found = ProgramForward(program), 0, 0
    for tokens in forward.random_inputs(samples, seed):
        found += len(tokens)
        correct += int(np.count_nonzero(program_margins(forward.logits(tokens), forward.labels(tokens)[0]) > 0))
    return correct, found


def program_answers(
    program: Program, inputs: Sequence[Sequence[int]], random: int = 0, seed: int = 0
) -> list[ProgramAnswer]:
    """The program's answers to `inputs`, and to `random` random ones.

    Raises `ValueError` for a sequence that is not an input, and `UnsupportedWeights` where floating point does not
    reach.
    """
    forward, sets = ProgramForward(program), program.inputs.sets
    for tokens in inputs:
        written = f"input {','.join(map(str, tokens))}"
        if len(tokens) != len(sets):
            raise ValueError(f"{written}: {len(tokens)} tokens, expected {len(sets)}")
        for position, (token, known) in enumerate(zip(tokens, sets, strict=True)):
            if token not in known:
                raise ValueError(f"{written}: no input has token {token} at position {position}")
        if not forward.labels(np.array([tokens]))[1][0]:
            raise ValueError(f"{written}: the task has no label for it")
    chosen = [np.array([tokens]) for tokens in inputs]
    return [answer for batch in [*chosen, *forward.random_inputs(random, seed)] for answer in _answers(forward, batch)]


def _answers(forward: ProgramForward, tokens: Tokens) -> Iterator[ProgramAnswer]:
    logits, labels = forward.logits(tokens), forward.labels(tokens)[0]
    for row, label, said, margin in zip(tokens, labels, logits, program_margins(logits, labels), strict=True):
        best = [np.flatnonzero(one == one.max()) for one in said]
        yield ProgramAnswer(
            input=row.tolist(),
            label=label.tolist(),
            answer=[int(b[0]) if len(b) == 1 else None for b in best],
            correct=bool(margin > 0),
            margin=float(margin) if np.isfinite(margin) else None,
            logits=said.tolist(),
        )
