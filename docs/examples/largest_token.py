"""The head attends to the largest token and copies it; tokens that are smaller by a gap hardly matter."""

from compact_proofs.strategy import Check, Group, Option, Proof, Prover

GAPS = (0, 1, 2, 4, 8, 16)
WIDTH = 4  # queries that are bounded together


def largest_token(model: bytes, budget: int | None) -> Proof:
    """Groups of one label and a few queries, with one band of all tokens that are smaller by a gap."""
    prover = Prover(model)
    every_output = prover.partition(tuple(range(prover.model.outputs + 1)))
    chosen: list[Option] = []
    for label in range(prover.model.vocabulary):
        starts = [(first, min(first + WIDTH, label) - 1) for first in range(0, label, WIDTH)]
        for first, last in [*starts, (label, label)]:
            tried = []
            for gap in GAPS:
                far = max(0, label - gap)  # the tokens below it are in the band, the others left out
                bands = ((1, far),) if far else ()
                check = Check("levels", prover.bits, 1, every_output, None, bands, (1,) if far else ())
                tried.append(prover.option(Group(label, first, last, 0, (check,))))
            options = [option for option in tried if option and option.correct]
            if options:
                chosen.append(max(options, key=lambda option: option.correct))
    return prover.proof(option.group for option in chosen)
