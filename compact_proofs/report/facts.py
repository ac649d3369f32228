"""The facts about a model that a report shows: its parts, its margins, where it is wrong, and what is proved of it.

What is said of margins and circuits is in floating point, and proves nothing; that an input is wrong is certain where
ball arithmetic confirms it (`compact_proofs.report.balls`); and a verdict is the kernel's.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from checker.header import model_hash
from checker.models.attention_only import ExactModel, parse_model
from checker.models.program import Program, parse_program
from checker.rules.examine import PROGRAM
from compact_proofs.report.balls import Margin, margins_in_balls
from compact_proofs.report.worst_inputs import WorstInputs, worst_inputs
from model_export.errors import UnsupportedWeights
from model_export.floating_point import Forward, float_weights, labels_of, margins
from model_export.program_floating_point import ProgramForward, program_margins

Array = npt.NDArray[np.float64]

# Random inputs whose margins are looked at, where not all are; and where they start.
SAMPLES, SEED = 10_000, 1
# Inputs of a program that are all looked at.
MAX_ALL = 2**16
# Inputs that are named as wrong, and multiplications of balls to confirm them with.
MAX_WRONG, MAX_CONFIRMED = 20, 2**22
# Singular values as a share of the largest below which they are rounding errors.
NOISE = 1e-10
QUANTILES = (0.0, 0.001, 0.01, 0.1, 0.5, 0.9, 1.0)


@dataclass(frozen=True)
class Matrix:
    """A matrix of a model: a circuit, in the names of TransformerLens and the paper, or a tensor.

    `values` [rows, columns] are in floating point; `singular_values` descend, and those from number `rank` on are
    rounding errors.
    """

    name: str
    meaning: str
    rows: str
    columns: str
    values: Array
    singular_values: Array

    @property
    def rank(self) -> int:
        return int(np.count_nonzero(self.singular_values > NOISE * self.singular_values[0]))


@dataclass(frozen=True)
class WrongInput:
    """An input that the model gets wrong in floating point, and whether balls confirm it; `margin` is in logits."""

    input: list[int]
    label: list[int]
    answer: list[int]
    margin: float
    confirmed: bool


@dataclass(frozen=True)
class Margins:
    """Margins of inputs, in logits: those of all inputs, or of random ones.

    `labels` are the first answers' labels of the inputs whose `values` these are; `right` of them are above 0.
    """

    values: Array
    labels: npt.NDArray[np.integer[Any]]
    every_input: bool

    @property
    def right(self) -> int:
        return int(np.count_nonzero(self.values > 0))

    @property
    def quantiles(self) -> dict[float, float]:
        """The margin below which each of `QUANTILES` of the inputs lies."""
        if not len(self.values):
            return {}
        return dict(zip(QUANTILES, np.quantile(self.values, QUANTILES, method="lower").tolist(), strict=True))


NO_MARGINS = Margins(np.empty(0), np.empty(0, dtype=np.int64), every_input=False)


@dataclass(frozen=True)
class ModelFacts:
    """What is found about a model file without any certificate.

    `sizes` are named numbers, and `tensors` the shapes (rows, columns) by name. `worst`, for models of the task max
    of version 1, has the worst input of each query and label that was found. `note` says why nothing is said in
    floating point, if so.
    """

    name: str
    path: str
    data: bytes
    sha256: str
    model: ExactModel | Program
    task: str
    inputs: str
    sizes: dict[str, int]
    tensors: dict[str, tuple[int, int]]
    matrices: list[Matrix] = field(default_factory=list)
    margins: Margins = NO_MARGINS
    worst: WorstInputs | None = None
    wrong: list[WrongInput] = field(default_factory=list)
    wrong_found: int = 0
    note: str = ""

    @property
    def is_program(self) -> bool:
        return isinstance(self.model, Program)


def model_facts(name: str, path: str, data: bytes) -> ModelFacts:
    """The facts of the exact model with the bytes `data` of the file `path`; where floating point does not reach, less
    of them. Raises `Declined` for what is no model."""
    facts = _program(name, path, data) if data.startswith(PROGRAM) else _max(name, path, data)
    try:
        if isinstance(facts.model, Program):
            return _with_program_margins(facts, facts.model)
        return _with_margins_of_max(facts, facts.model)
    except UnsupportedWeights as error:
        return replace(facts, note=str(error))


def _matrix(name: str, meaning: str, rows: str, columns: str, values: npt.NDArray[Any]) -> Matrix:
    singular_values = np.linalg.svd(values, compute_uv=False)
    return Matrix(name, meaning, rows, columns, values, np.asarray(singular_values, dtype=np.float64))


def _max(name: str, path: str, data: bytes) -> ModelFacts:
    model = parse_model(data)
    return ModelFacts(
        name=name,
        path=path,
        data=data,
        sha256=model_hash(data),
        model=model,
        task=f"{model.task} of {model.positions} tokens",
        inputs=f"{model.positions} tokens below {model.vocabulary}",
        sizes={
            "positions": model.positions,
            "vocabulary": model.vocabulary,
            "outputs": model.outputs,
            "width": model.width,
            "head width": model.head_width,
        },
        tensors={key: (tensor.rows, tensor.columns) for key, tensor in model.weights.items()},
    )


def _with_margins_of_max(facts: ModelFacts, model: ExactModel) -> ModelFacts:
    forward = Forward(float_weights(model))
    positions = forward.qk_positions - forward.qk_positions.mean(axis=1, keepdims=True)
    matrices = [
        _matrix("EQKE", "score of a token for a query", "query", "token", forward.qk_tokens),
        _matrix("EVOU", "what attending to a token adds to an output", "token", "output", forward.ov_tokens),
        _matrix("EU", "what the query itself adds to an output", "query", "output", forward.eu),
        # Scores matter up to a constant for each query, next to which positions may hardly differ.
        _matrix("EQKP", "score of a position for a query, less the query's mean", "query", "position", positions),
        _matrix("PVOU", "what attending to a position adds to an output", "position", "output", forward.ov_positions),
    ]
    drawn = list(forward.random_inputs(SAMPLES, SEED))
    values = [margins(forward.logits(tokens), labels_of(tokens)) for tokens in drawn]
    worst = worst_inputs(forward)
    tokens = np.concatenate([*drawn, worst.inputs])
    found = np.concatenate([*values, worst.margins])
    wrong, wrong_found = _wrong_inputs(
        facts, tokens[found <= 0], found[found <= 0], lambda some: forward.logits(some)[:, None, :], MAX_WRONG
    )
    return replace(
        facts,
        matrices=matrices,
        margins=Margins(np.concatenate(values), labels_of(np.concatenate(drawn)), every_input=False),
        worst=worst,
        wrong=wrong,
        wrong_found=wrong_found,
    )


def _program(name: str, path: str, data: bytes) -> ModelFacts:
    program = parse_program(data)
    inputs = program.inputs
    return ModelFacts(
        name=name,
        path=path,
        data=data,
        sha256=model_hash(data),
        model=program,
        task=str(inputs.task),
        inputs=str(inputs),
        sizes={
            "positions": len(inputs.sets),
            "answers": program.answers,
            "outputs": program.outputs,
            "steps": len(program.steps),
        },
        tensors={str(number): (tensor.rows, tensor.columns) for number, tensor in enumerate(program.tensors)},
    )


def _with_program_margins(facts: ModelFacts, program: Program) -> ModelFacts:
    forward = ProgramForward(program)
    every = program.inputs.sequences <= MAX_ALL
    batches = list(_all_inputs(forward)) if every else list(forward.random_inputs(SAMPLES, SEED))
    tokens = np.concatenate([np.empty((0, len(program.inputs.sets)), dtype=np.int64), *batches])
    labels = [forward.labels(batch)[0] for batch in batches]
    values = [program_margins(forward.logits(b), c) for b, c in zip(batches, labels, strict=True)]
    found = np.concatenate([np.empty(0), *values])
    first = np.concatenate([np.empty(0, dtype=np.int64), *(label[:, 0] for label in labels)])
    wrong, wrong_found = _wrong_inputs(
        facts, tokens[found <= 0], found[found <= 0], forward.logits, MAX_CONFIRMED // _work(program)
    )
    matrices = [
        _matrix(f"tensor {number}", "weights of the program", "row", "column", tensor)
        for number, tensor in enumerate(forward.tensors)
        if min(tensor.shape) > 1
    ]
    return replace(
        facts,
        matrices=matrices,
        margins=Margins(found, first, every),
        wrong=wrong,
        wrong_found=wrong_found,
    )


def _work(program: Program) -> int:
    """About how many multiplications a program takes for one input."""
    steps: tuple[Any, ...] = program.steps
    columns = [columns for _, columns in program.shapes]
    products = [
        rows * wide * columns[step.value]
        for step, (rows, wide) in zip(steps, program.shapes, strict=True)
        if step.name == "linear"
    ]
    return 1 + sum(products) + sum(rows * wide for rows, wide in program.shapes)


def _all_inputs(forward: ProgramForward) -> Any:
    """All inputs of a program, [inputs, positions], some at a time."""
    sets = forward.program.inputs.arrays
    sequences = np.stack(np.meshgrid(*sets, indexing="ij"), axis=-1).reshape(-1, len(sets))
    for start in range(0, len(sequences), forward.batch):
        batch = sequences[start : start + forward.batch]
        batch = batch[forward.labels(batch)[1]]
        if len(batch):
            yield batch


def _wrong_inputs(
    facts: ModelFacts,
    tokens: npt.NDArray[Any],
    values: Array,
    logits: Any,
    most: int,
) -> tuple[list[WrongInput], int]:
    """Those of the inputs [inputs, positions] that are furthest from right, and how many different ones there are."""
    if not len(tokens):
        return [], 0
    tokens, first = np.unique(tokens, axis=0, return_index=True)
    order = np.argsort(values[first], kind="stable")[:MAX_WRONG]
    chosen, about = tokens[order], values[first][order]
    labels = _labels(facts.model, chosen)
    answers = logits(chosen).argmax(axis=2)
    confirmed: list[Margin | None] = [None] * len(chosen)
    if most:
        confirmed[:most] = margins_in_balls(facts.data, chosen[:most].tolist())
    wrong = [
        WrongInput(input.tolist(), label.tolist(), answer.tolist(), margin, ball is not None and ball.wrong)
        for input, label, answer, margin, ball in zip(chosen, labels, answers, about.tolist(), confirmed, strict=True)
        if ball is None or not ball.right
    ]
    return wrong, len(tokens) - sum(ball is not None and ball.right for ball in confirmed)


def _labels(model: ExactModel | Program, tokens: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The labels [input, answer] of inputs."""
    if isinstance(model, ExactModel):
        return np.asarray(labels_of(tokens))[:, None]
    return np.asarray(model.inputs.task.labels(tokens[:, list(model.inputs.task.read)])[0])
