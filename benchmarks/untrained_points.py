"""Print what the rules prove of models that have not been trained, from the table of their frontier.

    for seed in 0 1 2 3 4; do
      compact-proofs train --seed $seed --steps 1 -o untrained-seed-$seed.safetensors
      compact-proofs export untrained-seed-$seed.safetensors -o untrained-seed-$seed.model
    done
    compact-proofs frontier untrained-seed-?.model -o untrained
    python benchmarks/untrained_points.py untrained/frontier.csv > compact_proofs/untrained_points.csv

What proofs save for such models, they save for any weights of this architecture: nothing has been
understood. The models have taken one step of training, the fewest that there are.
"""

import csv
import sys
from collections.abc import Iterable, Mapping

COLUMNS = ("model", "strategy", "operations", "total", "bound_over_accuracy")


def best_points(rows: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """The rows on the Pareto frontier of their model that have a certificate and claim something."""
    return [
        {column: row[column] for column in COLUMNS}
        for row in rows
        if row["pareto"] == "True" and row["certificate_bytes"] and int(row["correct_at_least"])
    ]


def main(path: str) -> None:
    """Print the points of the table at `path` as CSV."""
    with open(path, encoding="utf-8", newline="") as file:
        points = best_points(csv.DictReader(file))
    writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(points)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: untrained_points.py FRONTIER.CSV")
    main(sys.argv[1])
