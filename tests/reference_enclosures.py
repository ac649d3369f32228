"""The enclosures of `docs/rules.md`, formula by formula on the integers of one input.

No arrays, no sharing, no words: what the kernel computes in bulk must be these numbers exactly.
"""

from math import isqrt

from checker.models.activations import GELU_A, GELU_B
from checker.numbers.dyadic import Dyadic
from checker.numbers.rounding import exponential_factors, root, shift_down, shift_up

Row = tuple[list[int], int]


def up(a: int, b: int) -> int:
    return -(-a // b)


class Reference:
    """The enclosures of a program's values at a precision (p, w, e)."""

    def __init__(self, tensors: tuple[Dyadic, ...], sizes: tuple[int, int, int]) -> None:
        self.tensors = tensors
        self.p, self.w, self.e = sizes
        self.factors = exponential_factors(self.p, self.e, self.p + 13)

    def at(self, tensor: int, bits: int) -> tuple[list[list[int]], int]:
        matrix = self.tensors[tensor]
        shift = matrix.exponent + bits
        rows = [[shift_down(int(k), shift) for k in row] for row in matrix.integers.table()]
        return rows, int(shift < 0)

    def exp_lower(self, k: int) -> int:
        result = 1 << self.e
        for i, (low, _) in enumerate(self.factors):
            result = result * low >> self.e if k >> i & 1 else result
        return 0 if k >> len(self.factors) else result

    def exp_upper(self, k: int) -> int:
        result = 1 << self.e
        for i, (_, high) in enumerate(self.factors):
            result = -(-result * high >> self.e) if k >> i & 1 else result
        return 1 if k >> len(self.factors) else result

    def logistic(self, t: int) -> tuple[int, int]:
        a, b = self.exp_lower(max(0, -t)), self.exp_upper(max(0, t))
        c, d = self.exp_upper(max(0, -t)), self.exp_lower(max(0, t))
        return (a << self.e) // (a + b), up(c << self.e, c + d)

    def gate(self, t: int, upper: bool) -> int:
        p, w, m = self.p, self.w, abs(t)
        if upper == (t >= 0):
            a, b = (shift_up(k, x + w) for k, x in (GELU_A, GELU_B))
            factor = (1 << p) + up(b * up(m * m, 1 << p), 1 << w)
            result = up(a * up(m * factor, 1 << p), 1 << w)
        else:
            a, b = (shift_down(k, x + w) for k, x in (GELU_A, GELU_B))
            factor = (1 << p) + (b * (m * m >> p) >> w)
            result = a * (m * factor >> p) >> w
        return result if t >= 0 else -result

    def gated(self, row: Row, gelu: bool) -> Row:
        (c, r), e = row, self.e
        centres, radii = [], []
        for k in c:
            low, high = k - r, k + r
            if gelu:
                low, high = self.gate(low, False), self.gate(high, True)
            u, v = self.logistic(low)[0], self.logistic(high)[1]
            centres.append(k * (u + v) >> e + 1)
            radii.append(up(2 * r * v + abs(k) * (v - u), 1 << e + 1) + 1)
        return centres, max(radii)

    def tanh(self, row: Row) -> Row:
        (c, r), scale = row, 1 << self.e - self.p + 1
        lows = [2 * self.logistic(2 * (k - r))[0] - (1 << self.e) for k in c]
        highs = [2 * self.logistic(2 * (k + r))[1] - (1 << self.e) for k in c]
        ends = list(zip(lows, highs, strict=True))
        return [(low + high) // scale for low, high in ends], max(up(high - low, scale) + 1 for low, high in ends)

    def linear(self, row: Row, tensor: int) -> Row:
        (c, r), (matrix, o) = row, self.at(tensor, self.w)
        columns = list(zip(*matrix, strict=True))
        norm = max(sum(map(abs, column)) for column in columns)
        centres = [sum(x * v for x, v in zip(c, column, strict=True)) >> self.w for column in columns]
        return centres, up(r * (norm + len(c) * o) + sum(map(abs, c)) * o, 1 << self.w) + 1

    def times(self, row: Row, tensor: int) -> Row:
        (c, r), ([v], o) = row, self.at(tensor, self.w)
        most, largest = max(map(abs, v)), max(map(abs, c))
        centres = [x * y >> self.w for x, y in zip(c, v, strict=True)]
        return centres, up(r * (most + o) + largest * o, 1 << self.w) + 1

    def product(self, left: Row, right: Row) -> Row:
        (c, r), (d, s) = left, right
        a, b = max(map(abs, c)), max(map(abs, d))
        return [x * y >> self.p for x, y in zip(c, d, strict=True)], up(a * s + b * r + r * s, 1 << self.p) + 1

    def rms(self, row: Row, eps: int, exponent: int) -> Row:
        (c, r), d, p = row, len(row[0]), self.p
        sigma = isqrt((sum(x * x for x in c) + shift_down(d * eps, exponent + 2 * p)) // d)
        b = r + 1
        if sigma <= b:
            return [0] * d, d << p
        result = [(x << p) // sigma for x in c]
        size = max(map(abs, result)) + 1
        return result, up((r << p) + size * b, sigma - b) + 1

    def attend(self, q: Row, keys: list[Row], values: list[Row], scale: tuple[int, int, int]) -> Row:
        h, p, e = len(q[0]), self.p, self.e
        s, exponent, m = scale
        g, ends = root([s], exponent + e, m)[0][0], []
        for k, r in keys:
            dot = sum(x * y for x, y in zip(q[0], k, strict=True)) >> p
            error = q[1] * sum(map(abs, k)) + r * sum(map(abs, q[0])) + h * q[1] * r
            error = up(error, 1 << p) + 1
            centre = dot * g >> e
            radius = up(error * (abs(g) + 1) + abs(dot), 1 << e) + 1
            ends.append((centre - radius, centre + radius))
        top = max(end for _, end in ends)
        low = [self.exp_lower(top - end) for end, _ in ends]
        high = [self.exp_upper(top - end) for _, end in ends]
        most = max(abs(x) for row, _ in values for x in row)
        widest = max(r for _, r in values)
        if not sum(low):
            return [0] * len(values[0][0]), widest + most
        total = sum(low) + sum(high)
        columns = zip(*(row for row, _ in values), strict=True)
        mixed = [
            sum((a + b) * x for a, b, x in zip(low, high, column, strict=True)) // total for column in columns
        ]
        return mixed, widest + up((sum(high) - sum(low)) * most, sum(low)) + 1

    def plus(self, rows: list[Row]) -> Row:
        return [sum(c) for c in zip(*(row for row, _ in rows), strict=True)], sum(r for _, r in rows)

    def value(self, step: list[str], values: list[list[Row]], tokens: list[int]) -> list[Row]:
        """The enclosure of a step's value; `step` is its words in the file."""
        name, *words = step
        numbers = [int(word) if word not in ("causal", "full") else 0 for word in words]
        rows = values[numbers[0]] if name not in ("embed", "embed_at", "constant") else []

        def seen(mask: str, j: int, of: list[Row]) -> list[Row]:
            return of[: j + 1] if mask == "causal" else of

        match name:
            case "embed" | "embed_at" | "constant":
                table, o = self.at(numbers[-1], self.p)
                chosen = range(len(table)) if name == "constant" else tokens
                chosen = [tokens[numbers[0]]] if name == "embed_at" else chosen
                return [(table[i], o) for i in chosen]
            case "linear":
                return [self.linear(row, numbers[1]) for row in rows]
            case "bias":
                [shift], o = self.at(numbers[1], self.p)
                return [([x + y for x, y in zip(c, shift, strict=True)], r + o) for c, r in rows]
            case "times":
                return [self.times(row, numbers[1]) for row in rows]
            case "add":
                return [self.plus([a, b]) for a, b in zip(rows, values[numbers[1]], strict=True)]
            case "product":
                return [self.product(a, b) for a, b in zip(rows, values[numbers[1]], strict=True)]
            case "relu":
                return [([max(x, 0) for x in c], r) for c, r in rows]
            case "silu" | "gelu_new":
                return [self.gated(row, name == "gelu_new") for row in rows]
            case "tanh":
                return [self.tanh(row) for row in rows]
            case "center":
                return [([x - sum(c) // len(c) for x in c], 2 * r + 1) for c, r in rows]
            case "rms":
                return [self.rms(row, *numbers[1:]) for row in rows]
            case "attend":
                keys, of = values[numbers[1]], values[numbers[2]]
                s, exponent, m = numbers[4:]
                return [
                    self.attend(q, seen(words[3], j, keys), seen(words[3], j, of), (s, exponent, m))
                    for j, q in enumerate(rows)
                ]
            case "attend_sum":
                return [self.plus(seen(words[1], j, rows)) for j in range(len(rows))]
            case "rows":
                return [rows[i] for i in numbers[2:]]
            case "total":
                return [self.plus(rows)]
        raise ValueError(name)
