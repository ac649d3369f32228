"""Results kept in files, each bound to what it is a result of.

A record is used again only if its own hash tells that it is whole, and its key is that of the present files and
code; anything else is found anew. That is for continuing an interrupted run: the hash protects against damage,
not against whoever writes a record on purpose. `compact-proofs study --recheck` believes none of the verdicts.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from model_export.output_files import write_whole

Row = TypeVar("Row")
Key = Mapping[str, str | int]


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, or nothing where there is none."""
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def keep(path: Path, key: Key, values: Mapping[str, Any]) -> None:
    """Keep `values`, which JSON can hold, as the result of what `key` names."""
    content = {"key": dict(key), "values": dict(values)}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (json.dumps({**content, "sha256": _digest(content)}, indent=1) + "\n").encode("ascii"))


def kept(path: Path, key: Key) -> dict[str, Any] | None:
    """What was kept at `path` for the same key, if it is whole."""
    try:
        record = json.loads(path.read_bytes())
        content = {"key": record["key"], "values": record["values"]}
        whole = record["sha256"] == _digest(content) and record["key"] == dict(key)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return dict(record["values"]) if whole else None


def _digest(content: Mapping[str, Any]) -> str:
    return sha256(json.dumps(content, sort_keys=True).encode("ascii")).hexdigest()


def write_csv(rows: Sequence[Any], path: Path) -> None:
    """Write dataclass instances of one type to a CSV file, one column for each field."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(rows[0])], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    write_whole(path, text.getvalue().encode("utf-8"))


def read_csv(path: Path, kind: type[Row]) -> list[Row]:
    """The rows of such a file, as instances of the dataclass `kind`, whose fields are text, numbers, truth values or
    None."""
    types = get_type_hints(kind)
    with path.open(encoding="utf-8", newline="") as file:
        return [
            kind(**{name: _parsed(text, types[name]) for name, text in row.items()}) for row in csv.DictReader(file)
        ]


def _parsed(text: str, kind: Any) -> Any:
    if kind in (str, int, float):
        return kind(text)
    if kind is bool:
        return text == "True"
    return None if text == "" else next(option for option in kind.__args__ if option is not type(None))(text)
