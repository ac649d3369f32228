"""What the study asks of the strategies, beyond their names: proofs with table claims of its own."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from certificates.boxes import BoxSearch
from certificates.floats import FloatArray
from certificates.hints import table_paths, unscaled
from certificates.prover import Prover
from certificates.short import LOWEST_PRICE, Cut, ShortProofs, low_rank_tables
from certificates.strategies import CLASSES
from checker.certificate import Table
from checker.models.attention_only import parse_model
from compact_proofs.commands import prove

# From the price of an operation, as a share of all inputs, to a certificate.
Search = Callable[[float], bytes]


def by_strategy(model: Path, strategy: str) -> bytes:
    """The certificate of a strategy for a model file, which must be in a folder that can be written."""
    path = model.with_name(f"{model.stem}-{strategy}.new")
    prove(model, strategy, path)
    certificate = path.read_bytes()
    path.unlink()
    return certificate


def class_search(model_data: bytes, strategy: str) -> Search:
    """The proofs of a class of strategies, at any price."""
    proofs = ShortProofs(model_data, CLASSES[strategy])
    return lambda price: proofs.prove(price).certificate


def table_search(model_data: bytes, tables: Sequence[Table]) -> Search:
    """Proofs with these table claims, at any price."""
    prover = Prover(model_data, tables)
    search = BoxSearch(prover)

    def certificate(price: float) -> bytes:
        prover.partitions.clear()
        return prover.proof(search.groups(price)).certificate

    return certificate


def whole_proof(model_data: bytes, cuts: Mapping[str, Cut]) -> bytes:
    """A proof with one check for each group of a label and some queries, which must hold for every input of the
    group: with no inputs left out of a group there is nothing to choose, and what it certifies follows smoothly
    what is known of the tables."""
    prover = Prover(model_data, low_rank_tables(parse_model(model_data), cuts))
    search = BoxSearch(prover, whole=True)
    return prover.proof(search.groups(LOWEST_PRICE)).certificate


def paths(model_data: bytes) -> dict[str, tuple[FloatArray, ...]]:
    """The factors of the tables QK and OV (`checker.models.tables`), in floating point."""
    found = table_paths(parse_model(model_data))
    return {name: tuple(map(unscaled, found[name])) for name in ("QK", "OV")}
