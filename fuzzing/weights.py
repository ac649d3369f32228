"""Random distributions of the inputs of tiny models of max, and what an input weighs by their definition."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

LARGEST = (1, 1, 3, 1000, 2**62)


@dataclass(frozen=True)
class Weights:
    """The weights [position][token] of inputs of the labels from the first to the last of each part."""

    parts: tuple[tuple[int, int, list[list[int]]], ...]

    @property
    def file(self) -> bytes:
        """The distribution file."""
        lines = [f"positions {len(self.parts[0][2])}", f"parts {len(self.parts)}"]
        for first, last, rows in self.parts:
            lines.append(f"labels {first} {last}")
            lines += [" ".join(map(str, [len(row), *row])) for row in rows]
        return ("\n".join(["compact-proofs-distribution 1", *lines, "end"]) + "\n").encode("ascii")

    def of(self, tokens: Sequence[int]) -> int:
        """What an input weighs."""
        found = [rows for first, last, rows in self.parts if first <= max(tokens) <= last]
        return prod(row[token] for row, token in zip(found[0], tokens, strict=True)) if found else 0


def random_weights(rng: random.Random, vocabulary: int, positions: int) -> Weights:
    """One or several parts; weights that are the same at all positions, at all but the last, or at none."""
    cuts = sorted({0, vocabulary, *(rng.randint(0, vocabulary) for _ in range(rng.choice((0, 0, 1, 2))))})
    parts = []
    for first, end in zip(cuts, cuts[1:], strict=False):
        rows = [random_row(rng, vocabulary) for _ in range(positions)]
        same = rng.choice((0, positions - 1, positions))
        rows[:same] = [rows[0]] * same
        parts.append((first, end - 1, rows))
    return Weights(tuple(parts))


def random_row(rng: random.Random, vocabulary: int) -> list[int]:
    """Weights of tokens, of which some are 0."""
    largest = rng.choice(LARGEST)
    return [rng.randint(0, largest) for _ in range(vocabulary)]
