"""The head attends to the largest token and copies it; tokens that are smaller by a gap hardly matter."""

from compact_proofs.strategy import CLASSES, Check, Group, Option, Proof, Prover, low_rank_tables, parse_model

GAPS = (2, 4, 8, 16)
QUERIES = 16  # that are bounded together


def largest_token(model: bytes, budget: int | None) -> Proof:
    """Of each label, the inputs whose other tokens are smaller by a gap."""
    # Attention and the direct path are simple: of low rank, but for a remainder that the checker bounds.
    prover = Prover(model, low_rank_tables(parse_model(model), CLASSES["low-rank-QK-EU"]))
    # Copying is the same for all: one bound for every wrong output.
    outputs = prover.partition((0, prover.model.outputs))
    chosen: list[Option] = []
    for label in range(prover.model.vocabulary):
        starts = range(0, label, QUERIES)
        for first, last in [*((first, min(first + QUERIES, label) - 1) for first in starts), (label, label)]:
            tried = []
            for gap in GAPS:
                far = max(0, label - gap)  # tokens below it are one band, those from it to the label are left out
                check = Check("levels", prover.bits, 1, outputs, None, ((1, far),) if far else (), (1,) if far else ())
                tried.append(prover.option(Group(label, first, last, 0, (check,))))
            found = [option for option in tried if option and option.correct]
            if found:
                chosen.append(max(found, key=lambda option: option.correct))
    return prover.proof(option.group for option in chosen)
