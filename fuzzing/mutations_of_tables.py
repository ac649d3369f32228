"""Changes to how the tables are enclosed: exactly, or by low rank with hints and norms of any value."""

import random
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from checker.certificate import TABLES, Certificate, Factor, Table
from checker.models.attention_only import ExactModel
from fuzzing.certificates import dyadic, entries_of, random_factors, random_norm
from fuzzing.models import changed_entry, random_matrix, scaled
from fuzzing.oracle import Matrix
from fuzzing.registry import of_certificates

OfFactors = Callable[[random.Random, list[Factor]], list[Factor]]


def with_one_changed(
    rng: random.Random, certificate: Certificate, change: Callable[[Table], Table]
) -> Certificate | None:
    """The certificate with a change to one table of low rank, taken at random."""
    tables = list(certificate.tables)
    low_rank = [i for i, table in enumerate(tables) if table]
    if not low_rank:
        return None
    place = rng.choice(low_rank)
    tables[place] = change(tables[place])
    return replace(certificate, tables=tuple(tables))


@of_certificates("table exact", "a table of low rank is enclosed exactly")
def _table_exact(rng: random.Random, certificate: Certificate, model: ExactModel) -> Certificate | None:
    return with_one_changed(rng, certificate, lambda table: ())


@of_certificates("table of low rank", "a table is enclosed by random hints of low rank")
def _table_of_low_rank(rng: random.Random, certificate: Certificate, model: ExactModel) -> Certificate:
    tables = list(certificate.tables)
    place = rng.randrange(len(tables))
    tables[place] = random_factors(rng, model.path_sizes(TABLES[place]))
    return replace(certificate, tables=tuple(tables))


@of_certificates("rules of tables exchanged", "two tables are enclosed in each other's way")
def _rules_of_tables_exchanged(rng: random.Random, certificate: Certificate, model: ExactModel) -> Certificate:
    tables = list(certificate.tables)
    one, other = rng.sample(range(len(tables)), 2)
    tables[one], tables[other] = tables[other], tables[one]
    return replace(certificate, tables=tuple(tables))


# The four tensors that a factor may have: where, which, and how it is called.
HINTS = {"A": ("hint", 0), "H": ("hint", 1), "s": ("norm", 0), "C": ("norm", 1)}


def _of_hints(name: str, description: str, hints: str, change: Callable[[random.Random, Matrix], Matrix]) -> None:
    """Registers a mutation that puts a matrix of the same shape in the place of a hint, one of `hints`."""

    def mutation(rng: random.Random, certificate: Certificate, model: ExactModel) -> Certificate | None:
        places = [
            (i, j, hint)
            for i, table in enumerate(certificate.tables)
            for j, factor in enumerate(table)
            for hint in hints
            if getattr(factor, HINTS[hint][0]) is not None
        ]
        if not places:
            return None
        i, j, hint = rng.choice(places)
        where, which = HINTS[hint]
        factors, tables = list(certificate.tables[i]), list(certificate.tables)
        pair = list(getattr(factors[j], where))
        pair[which] = dyadic(change(rng, entries_of(pair[which])))
        changed = (pair[0], pair[1])
        factors[j] = replace(factors[j], hint=changed) if where == "hint" else replace(factors[j], norm=changed)
        tables[i] = tuple(factors)
        return replace(certificate, tables=tuple(tables))

    of_certificates(name, description)(mutation)


def _huge(rng: random.Random, matrix: Matrix) -> Matrix:
    size = Fraction(2) ** rng.randint(40, 1000)
    return [[size * rng.choice((1, -1, 1 + k)) for k in row] for row in matrix]


def _random(rng: random.Random, matrix: Matrix) -> Matrix:
    return random_matrix(rng, len(matrix), len(matrix[0]))


def _lowered(rng: random.Random, matrix: Matrix) -> Matrix:
    return scaled(matrix, Fraction(rng.choice((0, 1, 3)), 4))


def _raised(rng: random.Random, matrix: Matrix) -> Matrix:
    return scaled(matrix, Fraction(2) ** rng.randint(1, 80))


def _random_norm(rng: random.Random, matrix: Matrix) -> Matrix:
    return entries_of(random_norm(rng))


_of_hints("hint changed", "an entry of a hint A or H is another", "AH", changed_entry)
_of_hints("hint replaced", "a hint A or H is a random matrix", "AH", _random)
_of_hints("hint zero", "a hint A or H is zero", "AH", lambda rng, matrix: scaled(matrix, Fraction(0)))
_of_hints("hint huge", "a hint A or H is huge", "AH", _huge)
_of_hints("norm lowered", "a claimed norm s is smaller", "s", _lowered)
_of_hints("norm raised", "a claimed norm s is larger", "s", _raised)
_of_hints("norm replaced", "a claimed norm s is random, perhaps negative", "s", _random_norm)
_of_hints("root changed", "an entry of a matrix C that confirms a norm is another", "C", changed_entry)
_of_hints("root zero", "a matrix C that confirms a norm is zero", "C", lambda rng, matrix: scaled(matrix, Fraction(0)))
_of_hints("root huge", "a matrix C that confirms a norm is huge", "C", _huge)


def of_factors(name: str, description: str) -> Callable[[OfFactors], OfFactors]:
    """Registers a mutation of the factors of one table of low rank, taken at random."""

    def decorate(change: OfFactors) -> OfFactors:
        def mutation(rng: random.Random, certificate: Certificate, model: ExactModel) -> Certificate | None:
            return with_one_changed(rng, certificate, lambda table: tuple(change(rng, list(table))))

        of_certificates(name, description)(mutation)
        return change

    return decorate


@of_factors("hint deleted", "a factor has no hint, so that all of it is a remainder")
def _hint_deleted(rng: random.Random, factors: list[Factor]) -> list[Factor]:
    place = rng.randrange(len(factors))
    factors[place] = replace(factors[place], hint=None)
    return factors


@of_factors("hints exchanged", "two factors have each other's hints, of whatever shapes")
def _hints_exchanged(rng: random.Random, factors: list[Factor]) -> list[Factor]:
    one, other = rng.sample(range(len(factors)), 2)
    first, second = factors[one].hint, factors[other].hint
    factors[one], factors[other] = replace(factors[one], hint=second), replace(factors[other], hint=first)
    return factors


@of_factors("halves of hints exchanged", "the matrices A and H of a hint have each other's places")
def _halves_of_hints_exchanged(rng: random.Random, factors: list[Factor]) -> list[Factor]:
    place = rng.randrange(len(factors))
    hint = factors[place].hint
    if hint is not None:
        factors[place] = replace(factors[place], hint=(hint[1].T, hint[0].T))
    return factors


@of_factors("norm exchanged", "a claimed norm and the matrix that confirms it are of another factor, or missing")
def _norm_exchanged(rng: random.Random, factors: list[Factor]) -> list[Factor]:
    one, other = rng.sample(range(len(factors)), 2)
    factors[one] = replace(factors[one], norm=factors[other].norm)
    return factors


@of_factors("factors cut elsewhere", "a matrix of the path belongs to the next factor")
def _factors_cut_elsewhere(rng: random.Random, factors: list[Factor]) -> list[Factor]:
    one, other = rng.sample(range(len(factors)), 2)
    factors[one] = replace(factors[one], matrices=max(1, factors[one].matrices - 1))
    factors[other] = replace(factors[other], matrices=factors[other].matrices + 1)
    return factors
