"""Kernel parts to test by themselves: a meter that remembers its calls, and small models in every form."""

from collections.abc import Sequence
from fractions import Fraction

from checker.certificate import Certificate, Table
from checker.certificate_file import parse_certificate
from checker.meter import PYTHON, Meter, long_price, product_price, words
from checker.models.attention_only import ExactModel, parse_model
from checker.models.tables import Tables
from checker.models.terms import Terms
from fuzzing.certificates import EXACT_TABLES, certificate_file
from fuzzing.models import Model, matrix, model_file
from fuzzing.oracle import Matrix

# The price list of the kernel: what its work costs in machine operations, where that depends on more than a size.


def shifting_price(numbers: int, bits: int) -> int:
    """Both ends of `numbers` entries of so many bits at the most."""
    return 2 * numbers * (PYTHON + 8 * words(bits))


def rooting_price(numbers: int, bits: int) -> int:
    """The same of entries that are divided by a root."""
    return 2 * numbers * (2 * PYTHON + 6 * words(bits) ** 2)


def exponential_price(numbers: int, factors: int, squarings: int, bits: int, longest: int) -> int:
    """Both ends of `numbers` exponentials in fixed point of `bits` bits, of scores of up to `longest` bits."""
    each = factors * (40 + long_price(words(bits), words(bits))) + 4 * words(longest)
    return 2 * numbers * each + 4 * squarings * product_price(2 * bits, 2 * bits)


def counting_price(classes: int, others: int, longest: int = 0) -> int:
    """One branch of a count by levels, of bounds of up to `longest` bits."""
    return (16 + classes + others) * PYTHON // 4 + classes * (longest // 16)


def interval_price(numbers: int, free: int) -> int:
    """So many terms of a sum of products of powers."""
    return numbers * (PYTHON + 6 * free)


def band_weights_price(queries: int, cuts: list[int], bits: int) -> int:
    """Of bands of tokens, with so many bits in both exponentials and fixed point."""
    long = words(bits)
    return queries * ((2 * len(cuts) + 1) * (PYTHON + long**2) + cuts[-1] * (16 + long // 2))


def token_weights_price(tokens: int, bits: int) -> int:
    """Of so many tokens at a position, with so many bits in two exponentials and fixed point."""
    return 2 * tokens * (PYTHON + 2 * words(bits) ** 2)


def sums_price(classes: int, sums: int, word: int) -> int:
    """Sums over sequences and their prefixes."""
    return max(5, 5 * classes // 8 + 2) * sums * word


class Recorder(Meter):
    """Remembers each call, as (rule, operations, machine operations)."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, int, int]] = []

    def add(self, rule: str, operations: int, machine_operations: int) -> None:
        if not type(operations) is type(machine_operations) is int:
            raise TypeError(f"{rule}: counts are integers")
        self.calls.append((rule, operations, machine_operations))
        super().add(rule, operations, machine_operations)

    def taken(self) -> list[tuple[str, int, int]]:
        """The calls since the last time."""
        calls, self.calls = self.calls, []
        return calls


def multiplied(*matrices: Matrix) -> Matrix:
    """The product of matrices, by its definition."""
    result = matrices[0]
    for right in matrices[1:]:
        columns = list(zip(*right, strict=True))
        result = [[sum((a * b for a, b in zip(row, c, strict=True)), Fraction(0)) for c in columns] for row in result]
    return result


def transposed(rows: Matrix) -> Matrix:
    return matrix(zip(*rows, strict=True))


def added(left: Matrix, right: Matrix, sign: int = 1) -> Matrix:
    return [[a + sign * b for a, b in zip(*rows, strict=True)] for rows in zip(left, right, strict=True)]


# Four tokens, five outputs, three positions; width 3, head width 2. No two entries of a table are equal.
UNEVEN: Model = {
    "W_E": matrix([[3, -1, 2], [1, 4, -2], [-5, 1, 1], [2, 2, 7]]),
    "W_pos": matrix([[1, 0, Fraction(1, 4)], [0, Fraction(-1, 2), 1], [Fraction(3, 4), 1, -1]]),
    "W_Q": matrix([[1, Fraction(1, 2)], [0, 1], [Fraction(-1, 2), 1]]),
    "W_K": matrix([[Fraction(1, 8), 0], [Fraction(1, 4), Fraction(-1, 8)], [0, Fraction(1, 4)]]),
    "W_V": matrix([[1, -1], [2, 1], [0, 3]]),
    "W_O": matrix([[1, 0, -1], [2, 1, 1]]),
    "W_U": matrix([[1, 2, -1, 3, 0], [0, 1, 5, -2, 1], [2, -3, 1, 1, 4]]),
}


def table_values(model: Model) -> dict[str, Matrix]:
    """The tables of a model, by their definition."""
    last = [model["W_pos"][-1]] * len(model["W_E"])
    stream = added(model["W_E"], last)
    queries = multiplied(stream, model["W_Q"])
    moved = multiplied(model["W_V"], model["W_O"], model["W_U"])
    return {
        "QK": multiplied(queries, transposed(multiplied(model["W_E"], model["W_K"]))),
        "OV": multiplied(model["W_E"], moved),
        "EU": multiplied(stream, model["W_U"]),
        "QK positions": multiplied(queries, transposed(multiplied(model["W_pos"], model["W_K"]))),
        "OV positions": multiplied(model["W_pos"], moved),
    }


def parsed(
    model: Model,
    partitions: Sequence[Sequence[int]] = (),
    tables: tuple[Table, ...] = EXACT_TABLES,
    score_bits: int = 20,
    exponential_bits: int = 64,
) -> tuple[ExactModel, Certificate]:
    """A model and a certificate without groups, as the kernel reads them."""
    data = model_file(model)
    file = certificate_file(
        data, [], partitions, score_bits=score_bits, exponential_bits=exponential_bits, tables=tables
    )
    exact = parse_model(data)
    return exact, parse_certificate(file)


def tables_of(
    model: Model,
    meter: Meter,
    tables: tuple[Table, ...] = EXACT_TABLES,
    score_bits: int = 20,
    exponential_bits: int = 64,
) -> Tables:
    return Tables(*parsed(model, (), tables, score_bits, exponential_bits), meter)


def terms_of(
    model: Model,
    meter: Meter,
    partitions: Sequence[Sequence[int]],
    tables: tuple[Table, ...] = EXACT_TABLES,
    exponential_bits: int = 64,
) -> Terms:
    exact, certificate = parsed(model, partitions, tables, exponential_bits=exponential_bits)
    return Terms(Tables(exact, certificate, meter), certificate.partitions, meter)
