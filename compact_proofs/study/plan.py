"""Which models the study is about, and by which strategies each is proved.

The recipe is that of Gross et al. (arXiv 2406.11779): width 32, 3,000 steps for max-of-4 and -5, and 12,000
steps for longer inputs, which otherwise remain far from trained.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from certificates.strategies import CLASSES

WIDTH = 32
# Cheap enough for every seed; the others, which search for seconds, prove the first `class_seeds` only.
ALWAYS = ("exact",)
SEARCHED = (*reversed(CLASSES), "cubic")


@dataclass(frozen=True)
class Family:
    """Models that differ in their seed only."""

    name: str
    positions: int
    vocabulary: int
    steps: int
    seeds: int
    class_seeds: int


FAMILIES = {
    family.name: family
    for family in (
        Family("max-of-4", 4, 64, 3000, seeds=151, class_seeds=10),
        Family("max-of-5", 5, 64, 3000, seeds=15, class_seeds=1),
        Family("max-of-10", 10, 64, 12000, seeds=15, class_seeds=1),
        Family("max-of-20", 20, 64, 12000, seeds=15, class_seeds=1),
        Family("max-of-10-of-128", 10, 128, 12000, seeds=15, class_seeds=0),
        # How cost grows with the vocabulary.
        Family("max-of-4-of-16", 4, 16, 3000, seeds=3, class_seeds=3),
        Family("max-of-4-of-32", 4, 32, 3000, seeds=3, class_seeds=3),
        Family("max-of-4-of-128", 4, 128, 3000, seeds=3, class_seeds=1),
    )
}


@dataclass(frozen=True)
class StudyModel:
    """One model of the study, and the strategies that prove it."""

    family: Family
    seed: int

    @property
    def name(self) -> str:
        return f"{self.family.name}-seed-{self.seed}"

    @property
    def strategies(self) -> tuple[str, ...]:
        return (*ALWAYS, *SEARCHED) if self.seed < self.family.class_seeds else ALWAYS


def planned(families: Sequence[str], seeds: int | None = None) -> Iterator[StudyModel]:
    """The models of the families named, of each the first `seeds`. Raises `ValueError` for an unknown name."""
    for name in families:
        if name not in FAMILIES:
            raise ValueError(f"family {name!r} is unknown; there are: {', '.join(FAMILIES)}")
        family = FAMILIES[name]
        for seed in range(min(family.seeds, family.seeds if seeds is None else seeds)):
            yield StudyModel(family, seed)
