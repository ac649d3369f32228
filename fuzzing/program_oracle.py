"""The truth about small programs (models of version 2), computed without any code of the kernel.

The file is read by a reader of its own, every step is a formula over Arb's balls of real numbers, and
labels come from definitions on one sequence at a time, all after `docs/semantics.md`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from flint import arb, ctx

Row = list[arb]
Value = list[Row]
# Precisions at which a margin's sign is sought, in bits.
PRECISIONS = (64, 256, 1024, 4096)


@dataclass(frozen=True)
class OracleProgram:
    """A program as its file spells it."""

    task: str
    parameters: list[int]
    sets: list[list[int]]
    tensors: list[tuple[list[list[int]], int]]
    steps: list[list[str]]


def read_program(data: bytes) -> OracleProgram:
    """The program of a well-formed file."""
    lines = iter(data.decode("ascii").splitlines())
    next(lines)
    _, task, _, *parameters = next(lines).split()
    count = int(next(lines).split()[1])
    sets = [[int(token) for token in next(lines).split()[1:]] for _ in range(count)]
    tensors = []
    for _ in range(int(next(lines).split()[1])):
        rows, _, exponent = (int(number) for number in next(lines).split()[2:])
        tensors.append(([[int(k) for k in next(lines).split()] for _ in range(rows)], exponent))
    steps = [next(lines).split() for _ in range(int(next(lines).split()[1]))]
    return OracleProgram(task, [int(number) for number in parameters], sets, tensors, steps)


def power(exponent: int) -> arb:
    return arb(2) ** exponent


def weights(program: OracleProgram, number: str) -> Value:
    rows, exponent = program.tensors[int(number)]
    return [[arb(k) * power(exponent) for k in row] for row in rows]


def total(numbers: Sequence[arb]) -> arb:
    return sum(numbers, arb(0))


def logistic(x: arb) -> arb:
    return 1 / (1 + (-x).exp())


def gelu_new(x: arb) -> arb:
    a, b = (arb(2) * arb(0.7978845608028654), arb(0.044715))
    return x * logistic(a * (x + b * x**3))


def normalized(row: Row, eps: arb) -> Row:
    sigma = (total([x * x for x in row]) / len(row) + eps).sqrt()
    return [x / sigma for x in row]


def softmax_mean(scores: Row, rows: Value) -> Row:
    top = max(scores, key=lambda score: score.mid())
    shares = [(score - top).exp() for score in scores]
    columns = zip(*rows, strict=True)
    return [total([w * y for w, y in zip(shares, column, strict=True)]) / total(shares) for column in columns]


def step_value(program: OracleProgram, step: list[str], values: list[Value], tokens: Sequence[int]) -> Value:
    """The value of a step, given those of all steps before it."""
    name, *operands = step

    def value(place: int) -> Value:
        return values[int(operands[place])]

    def seen(mask: str, row: int, rows: Value) -> Value:
        return rows[: row + 1] if mask == "causal" else rows

    match name:
        case "embed":
            table = weights(program, operands[0])
            return [table[token] for token in tokens]
        case "embed_at":
            return [weights(program, operands[1])[tokens[int(operands[0])]]]
        case "constant":
            return weights(program, operands[0])
        case "linear":
            columns = list(zip(*weights(program, operands[1]), strict=True))
            return [[total([x * w for x, w in zip(row, c, strict=True)]) for c in columns] for row in value(0)]
        case "bias":
            [shift] = weights(program, operands[1])
            return [[x + w for x, w in zip(row, shift, strict=True)] for row in value(0)]
        case "times":
            [scale] = weights(program, operands[1])
            return [[x * w for x, w in zip(row, scale, strict=True)] for row in value(0)]
        case "add":
            return [[x + y for x, y in zip(*rows, strict=True)] for rows in zip(value(0), value(1), strict=True)]
        case "product":
            return [[x * y for x, y in zip(*rows, strict=True)] for rows in zip(value(0), value(1), strict=True)]
        case "relu":
            return [[x.max(arb(0)) for x in row] for row in value(0)]
        case "silu":
            return [[x * logistic(x) for x in row] for row in value(0)]
        case "gelu_new":
            return [[gelu_new(x) for x in row] for row in value(0)]
        case "tanh":
            return [[x.tanh() for x in row] for row in value(0)]
        case "center":
            return [[x - total(row) / len(row) for x in row] for row in value(0)]
        case "rms":
            eps = arb(int(operands[1])) * power(int(operands[2]))
            return [normalized(row, eps) for row in value(0)]
        case "attend":
            mask, (number, exponent, divisor) = operands[3], (int(k) for k in operands[4:])
            factor = arb(number) * power(exponent) / arb(divisor).sqrt()
            result = []
            for j, query in enumerate(value(0)):
                keys = seen(mask, j, value(1))
                scores = [factor * total([x * y for x, y in zip(query, key, strict=True)]) for key in keys]
                result.append(softmax_mean(scores, seen(mask, j, value(2))))
            return result
        case "attend_sum":
            sums = [seen(operands[1], j, value(0)) for j in range(len(value(0)))]
            return [[total(column) for column in zip(*rows, strict=True)] for rows in sums]
        case "rows":
            return [value(0)[int(i)] for i in operands[2:]]
        case "total":
            return [[total(column) for column in zip(*value(0), strict=True)]]
    raise ValueError(name)


def values_of(program: OracleProgram, tokens: Sequence[int], bits: int) -> list[Value]:
    """Balls of the values of all steps, at so many bits of precision."""
    with ctx.workprec(bits):
        values: list[Value] = []
        for step in program.steps:
            values.append(step_value(program, step, values, tokens))
        return values


def labels_of(program: OracleProgram, tokens: Sequence[int]) -> list[int] | None:
    """The labels of a sequence, or None where the task has none for it."""
    p = program.parameters
    leading = {"kth_largest": 1, "sum_modulo": 1, "balanced": 2}.get(program.task, 0)
    if program.task == "group_product":
        leading = 1 + p[0] * p[0]
    if program.task == "automaton":
        leading = 4 + p[2] * p[3] + p[2]
    x = [tokens[j] for j in p[leading:]]
    match program.task:
        case "max":
            return [max(x)]
        case "min":
            return [min(x)]
        case "kth_largest":
            return [sorted(x, reverse=True)[p[0] - 1]]
        case "sort":
            return sorted(x)
        case "copy":
            return x
        case "most_frequent":
            most = max(x.count(token) for token in x)
            best = {token for token in x if x.count(token) == most}
            return list(best) if len(best) == 1 else None
        case "sum_modulo":
            return [sum(x) % p[0]]
        case "group_product":
            if max(x) >= p[0]:
                return None
            result = x[0]
            for token in x[1:]:
                result = p[1 + p[0] * result + token]
            return [result]
        case "induction":
            *before, last = x
            if len(set(before)) < len(before) or last not in before[:-1]:
                return None
            return [before[before.index(last) + 1]]
        case "palindrome":
            return [int(x == list(reversed(x)))]
        case "balanced":
            depth, least = 0, 0
            for token in x:
                if token not in p[:2]:
                    return None
                depth += 1 if token == p[0] else -1
                least = min(least, depth)
            return [int(depth == 0 and least == 0)]
        case "first_unique":
            once = [token for token in x if x.count(token) == 1]
            return once[:1] or None
        case "automaton":
            return automaton_labels(p, x)
    raise ValueError(program.task)


def automaton_labels(p: list[int], x: list[int]) -> list[int] | None:
    """The labels of the task `automaton`."""
    backwards, every, states, alphabet = p[:4]
    state, outputs = 0, []
    for token in reversed(x) if backwards else x:
        if token >= alphabet:
            return None
        state = p[4 + alphabet * state + token]
        outputs.append(p[4 + states * alphabet + state])
    read = outputs if every else outputs[-1:]
    return None if 0 in read else [output - 1 for output in read]


def is_correct(program: OracleProgram, tokens: Sequence[int], labels: Sequence[int]) -> bool:
    """Whether the model is right on a sequence; a margin of no certain sign counts as a tie."""
    for bits in PRECISIONS:
        with ctx.workprec(bits):
            logits = values_of(program, tokens, bits)[-1]
            if len(logits) != len(labels) or any(
                label >= len(row) for label, row in zip(labels, logits, strict=True)
            ):
                return False
            margins = [
                row[label] - other
                for label, row in zip(labels, logits, strict=True)
                for o, other in enumerate(row)
                if o != label
            ]
            if all(margin > 0 for margin in margins):
                return True
            if any(margin <= 0 for margin in margins):
                return False
    return False


def truth(data: bytes) -> list[bool | None]:
    """For every sequence in lexicographic order whether the model is right; None where it is no input."""
    program = read_program(data)
    found: list[bool | None] = []
    for tokens in product(*program.sets):
        labels = labels_of(program, tokens)
        found.append(None if labels is None else is_correct(program, tokens, labels))
    return found
