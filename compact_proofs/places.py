"""Where in a file something is wrong, and how far a check has come in it: the kernel counts tokens, people lines and
columns.

Messages of the kernel are only added to, for people to read; what is in a verdict file of the kernel stays as it is.
"""

import re
from collections.abc import Callable
from pathlib import PurePath

# Suffixes of files with weights, which are to be exported before anything else.
WEIGHTS = (".safetensors", ".npz", ".pt", ".pth")
TOKEN = re.compile(r"(model|certificate): token (\d+): ")
# How many groups or intervals a certificate has.
SECTION = re.compile(rb"^(?:groups|intervals) (\d{1,9})$", re.MULTILINE)
# What the kernel says of files that are no exact model at all.
NO_MODEL = re.compile(r"model: (token 1: |not ASCII text|\d+ bytes, limit )")


class Counts(list[int]):
    """What the kernel finds in each group or interval of a certificate, told to a watcher as it comes."""

    def __init__(self, certificate: bytes, watcher: Callable[[str, float], None]) -> None:
        super().__init__()
        self._watcher, told = watcher, SECTION.search(certificate)
        self._total = max(1, int(told[1])) if told else 1

    def append(self, count: int) -> None:
        super().append(count)
        self._watcher("check", min(1.0, len(self) / self._total))


def place(data: bytes, token: int) -> tuple[int, int]:
    """Line and column, from 1 on, of a token, whose number is counted as the kernel's `Reader` does: words and line
    ends are tokens, with one space between neighbours on a line."""
    number, line, column = 1, 1, 1
    for piece, separator in re.findall(rb"([^ \n]*)([ \n]|$)", data):
        if number == token:
            break
        column += len(piece)
        number += 1
        if separator == b"\n":
            if number == token:
                break
            number, line, column = number + 1, line + 1, 1
        else:
            column += 1
    return line, column


def located(reason: str, model: bytes, certificate: bytes = b"", model_name: object = "") -> str:
    """A reason of the kernel, with line and column, and advice where the file called a model is one of weights."""
    found = TOKEN.match(reason)
    if found:
        line, column = place(model if found[1] == "model" else certificate, int(found[2]))
        reason = f"{reason} (line {line}, column {column})"
    return reason + (advice(str(model_name)) if NO_MODEL.match(reason) else "")


def advice(name: str) -> str:
    """What to do with a file of weights where an exact model is expected; nothing of other files."""
    path = PurePath(name)
    if path.suffix not in WEIGHTS:
        return ""
    return f"; {path.name} holds weights, export it first: compact-proofs export {path.name} -o {path.stem}.model"
