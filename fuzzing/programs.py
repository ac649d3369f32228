"""Random small programs (models of version 2) and certificates for them, as bytes."""

import random
from collections.abc import Callable, Sequence
from hashlib import sha256

Shape = tuple[int, int]
Pass = tuple[int, int, int]

TASKS = (
    *("max", "min", "kth_largest", "sort", "copy", "most_frequent", "sum_modulo", "group_product"),
    *("induction", "palindrome", "balanced", "automaton", "first_unique"),
)
MAX_TOKENS = 4


class Draft:
    """A program in the making, with the shapes of its values."""

    def __init__(self, rng: random.Random, sets: list[list[int]]) -> None:
        self.rng, self.sets = rng, sets
        self.tensors: list[str] = []
        self.tensor_shapes: list[Shape] = []
        self.steps: list[str] = []
        self.shapes: list[Shape] = []

    def tensor(self, rows: int, columns: int) -> int:
        """A tensor of small random numbers, some of many bits, some of zeros."""
        rng = self.rng
        exponent, size = rng.choice((0, -1, -3, -8, -30)), rng.choice((0, *(1, 3, 10) * 7))
        if rng.random() < 0.02:
            exponent = rng.choice((-200, 30, 60, 300))
        size <<= max(0, -exponent - 3)
        entries = [[rng.randint(-size, size) for _ in range(columns)] for _ in range(rows)]
        zero = not any(any(row) for row in entries)
        while not zero and not any(k % 2 for row in entries for k in row):
            entries, exponent = [[k // 2 for k in row] for row in entries], exponent + 1
        lines = [f"tensor {len(self.tensors)} {rows} {columns} {0 if zero else exponent}"]
        self.tensors.append("\n".join([*lines, *(" ".join(map(str, row)) for row in entries)]))
        self.tensor_shapes.append((rows, columns))
        return len(self.tensors) - 1

    def step(self, shape: Shape, name: str, *operands: object) -> int:
        self.steps.append(" ".join(map(str, (name, *operands))))
        self.shapes.append(shape)
        return len(self.steps) - 1

    def pick(self, fits: Callable[[Shape], bool] = lambda shape: True) -> int | None:
        """A random value whose shape fits, mostly a late one."""
        found = [i for i, shape in enumerate(self.shapes) if fits(shape)]
        return self.rng.choice(found[-3:] * 2 + found) if found else None

    def embed(self) -> None:
        rng, width = self.rng, self.rng.randint(1, 3)
        tokens = 1 + max(max(s) for s in self.sets)
        match rng.choice(("embed", "embed", "embed_at", "constant")):
            case "embed":
                self.step((len(self.sets), width), "embed", self.tensor(tokens, width))
            case "embed_at":
                position = rng.randrange(len(self.sets))
                self.step((1, width), "embed_at", position, self.tensor(tokens, width))
            case _:
                rows = rng.choice((1, len(self.sets)))
                self.step((rows, width), "constant", self.tensor(rows, width))

    def grow(self, name: str) -> None:
        """One more step of this name, if there is a value for it."""
        rng = self.rng
        x = self.pick()
        if x is None:
            return
        rows, columns = self.shapes[x]
        same = self.pick(lambda shape: shape == (rows, columns))
        match name:
            case "linear":
                width = rng.randint(1, 3)
                self.step((rows, width), name, x, self.tensor(columns, width))
            case "bias" | "times":
                self.step((rows, columns), name, x, self.tensor(1, columns))
            case "add" | "product":
                self.step((rows, columns), name, x, same)
            case "relu" | "silu" | "gelu_new" | "tanh" | "center":
                self.step((rows, columns), name, x)
            case "rms":
                eps = rng.choice((1, 3, 2**20 + 1)), rng.choice((-30, -10, 0))
                self.step((rows, columns), name, x, *eps)
            case "attend":
                v = self.pick(lambda shape: shape[0] == rows)
                scale = rng.choice((1, -1, 3)), rng.choice((-2, 0, 1)), rng.randint(1, 4)
                mask = rng.choice(("causal", "full"))
                width = self.shapes[v or 0][1] if v is not None else 0
                self.step((rows, width), name, x, same, v, mask, *scale)
            case "attend_sum":
                self.step((rows, columns), name, x, rng.choice(("causal", "full")))
            case "rows":
                chosen = [rng.randrange(rows) for _ in range(rng.randint(1, 2))]
                self.step((len(chosen), columns), name, x, len(chosen), *chosen)
            case "total":
                self.step((1, columns), name, x)


STEPS = (
    *("linear", "linear", "bias", "times", "add", "product", "relu", "silu", "gelu_new", "tanh"),
    *("center", "rms", "attend", "attend", "attend_sum", "rows", "total"),
)


def random_task(rng: random.Random, positions: int, name: str = "") -> list[int | str]:
    """A task for so many positions: its name, any if none is given, then how many parameters and which."""
    name = name or rng.choice(TASKS if positions > 2 else [task for task in TASKS if task != "induction"])
    read = [rng.randrange(positions) for _ in range(rng.randint(1, positions))]
    if name == "induction" or rng.random() < 0.5:
        read = list(range(positions))
    leading: list[int] = []
    match name:
        case "kth_largest":
            leading = [rng.randint(1, len(read))]
        case "sum_modulo":
            leading = [rng.randint(1, 4)]
        case "balanced":
            leading = rng.sample(range(3), 2)
        case "group_product":
            order = rng.randint(1, 3)
            leading = [order, *(rng.randrange(order) for _ in range(order * order))]
        case "automaton":
            states, tokens = rng.randint(1, 3), rng.randint(1, 3)
            leading = [rng.randrange(2), rng.randrange(2), states, tokens]
            leading += [rng.randrange(states) for _ in range(states * tokens)]
            leading += [rng.randrange(4) for _ in range(states)]
    return [name, len(leading) + len(read), *leading, *read]


def answers(task: list[int | str]) -> int:
    """How many labels an input of this task has."""
    name, count, *parameters = task
    if name in ("sort", "copy"):
        return int(count)
    if name == "automaton" and parameters[1]:
        _, _, states, tokens = (int(number) for number in parameters[:4])
        return int(count) - 4 - states * tokens - states
    return 1


def random_program(rng: random.Random) -> bytes:
    """A model file of a few steps over a few tokens, with up to two answers."""
    positions = rng.randint(1, 4)
    sets = [sorted(rng.sample(range(MAX_TOKENS), rng.randint(1, 3))) for _ in range(positions)]
    draft = Draft(rng, sets)
    draft.embed()
    for _ in range(rng.randint(0, 8)):
        if rng.random() < 0.2:
            draft.embed()
        draft.grow(rng.choice(STEPS))
    task = random_task(rng, positions)
    # Logits, mostly in as many rows as the task has answers.
    last = len(draft.steps) - 1
    rows, columns = draft.shapes[last]
    if rng.random() < 0.9:
        chosen = [rng.randrange(rows) for _ in range(answers(task))]
        last, rows = draft.step((len(chosen), columns), "rows", last, len(chosen), *chosen), len(chosen)
    outputs = rng.choice((rng.randint(1, MAX_TOKENS), 2, MAX_TOKENS))
    draft.step((rows, outputs), "linear", last, draft.tensor(columns, outputs))
    lines = ["compact-proofs-model 2", " ".join(map(str, ["task", *task])), f"positions {positions}"]
    lines += [" ".join(map(str, [len(s), *s])) for s in sets]
    lines += [f"tensors {len(draft.tensors)}", *draft.tensors]
    return "\n".join([*lines, f"steps {len(draft.steps)}", *draft.steps, "end", ""]).encode("ascii")


def random_passes(rng: random.Random) -> list[Pass]:
    """One to three passes, of few or many bits."""
    passes = []
    for _ in range(rng.randint(1, 3)):
        bits = rng.choice((rng.randint(1, 12), rng.randint(10, 30), rng.randint(28, 80)))
        if rng.random() < 0.05:
            bits = rng.randint(80, 256)
        weight_bits = rng.choice((bits, bits + 4, rng.randint(1, 60), rng.randint(1, 300)))
        passes.append((bits, weight_bits, bits + rng.choice((0, 2, 9))))
    return passes


def program_certificate(model: bytes, passes: Sequence[Pass], intervals: Sequence[Sequence[int]]) -> bytes:
    """A certificate file for a program; `intervals` are first, last and claimed count each."""
    lines = ["compact-proofs-certificate 2", f"model {sha256(model).hexdigest()}"]
    lines += [f"correct {sum(claim for *_, claim in intervals)}", "rule evaluate"]
    lines += [f"passes {len(passes)}", *(" ".join(map(str, sizes)) for sizes in passes)]
    lines += [f"intervals {len(intervals)}", *(" ".join(map(str, i)) for i in intervals)]
    return "\n".join([*lines, "end", ""]).encode("ascii")
