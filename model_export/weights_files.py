"""Reading weights files without executing anything that they contain, and without rounding.

float16, bfloat16, float32 and float64 all embed exactly in float64, which is therefore the one type
that the rest of the package sees. Files are described in `docs/weights.md`.
"""

import json
import math
import pickle
import re
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile, is_zipfile

import numpy as np
import numpy.typing as npt
from safetensors import deserialize

from model_export.configuration import Configuration, parse_configuration, without_duplicates
from model_export.errors import UnsupportedWeights
from model_export.regular_files import read_regular_file

Array = npt.NDArray[np.float64] | npt.NDArray[np.bool_]

# Twice the size of the largest supported model in float64. It bounds the file, and what the file
# expands to, so that a small archive of zeros cannot ask for all memory.
MAX_WEIGHTS_BYTES = 256 * 2**20
MAX_MEMBERS = 10_000
# Of the names, shapes and metadata in a safetensors file.
MAX_HEADER_BYTES = 2**20

SUPPORTED_TYPES = "float16, bfloat16, float32, float64, and bool for attention masks"

# Where checkpoints keep a state dictionary, and a configuration beside it or in the metadata.
STATE_DICTIONARIES = ("state_dict", "model_state_dict", "model")
CONFIGURATIONS = ("cfg", "config")

STATE_DICT_ADVICE = "save the tensors alone, by torch.save(model.state_dict(), FILE)"


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of a weights file by name, and the configuration that it holds, if any."""

    tensors: dict[str, Array]
    configuration: Configuration | None = None


def read_weights(path: Path) -> dict[str, Array]:
    """The tensors of the file `path` by name; see `read_checkpoint`."""
    return read_checkpoint(path).tensors


def read_checkpoint(path: Path) -> Checkpoint:
    """The content of the file `path`: float64 arrays of any shape and Boolean masks by name, and the
    model's configuration where one is stored.

    The suffix decides how the file is read: `.npz`, `.safetensors`, or `.pt` and `.pth` (a PyTorch
    state dictionary; needs PyTorch). No pickled code is executed. Every number is exact.

    Raises `UnsupportedWeights` for every file that cannot be read: a missing file, one that is not
    regular, another suffix, a malformed or truncated file, two tensors of one name, a type of number
    that is not supported, or more than `MAX_WEIGHTS_BYTES` bytes, packed or unpacked.
    """
    reader = READERS.get(path.suffix)
    if reader is None:
        raise UnsupportedWeights(f"{path.name}: unknown kind of file {path.suffix!r}, supported: {', '.join(READERS)}")
    data = read_regular_file(path, "max_weights_bytes", MAX_WEIGHTS_BYTES)
    try:
        if path.suffix != ".safetensors" and is_zipfile(BytesIO(data)):
            _check_archive(path, data)
        with warnings.catch_warnings():
            # What the readers warn about (old formats) either is refused or changes no number.
            warnings.simplefilter("ignore")
            return reader(path, data)
    except UnsupportedWeights:
        raise
    except Exception as error:
        # The readers parse hostile bytes and do not document what they raise. Whatever it is, the
        # file was not read, and that is all that there is to say.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        # Whatever PyTorch says is wrong, this is right.
        advice = f"; {STATE_DICT_ADVICE}" if reader is _read_pytorch else ""
        raise UnsupportedWeights(f"{path.name}: not a readable {path.suffix} file: {reason}{advice}") from error


def _check_archive(path: Path, data: bytes) -> None:
    """Refuse an archive that expands to too much, or has two members of one name."""
    # Each member has such an entry in the directory, which takes a hundred times its size in memory.
    if data.count(b"PK\x01\x02") > MAX_MEMBERS:
        raise UnsupportedWeights(f"{path.name}: more members than the limit max_members = {MAX_MEMBERS}")
    with ZipFile(BytesIO(data)) as archive:
        _check_size(path, sum(info.file_size for info in archive.infolist()))
        for name, count in Counter(archive.namelist()).items():
            if count > 1:
                raise UnsupportedWeights(f"{path.name}: {name}: stored twice")


def _check_size(path: Path, size: int) -> None:
    if size > MAX_WEIGHTS_BYTES:
        raise UnsupportedWeights(f"{path.name}: {size} bytes, limit max_weights_bytes = {MAX_WEIGHTS_BYTES}")


def _unsupported_type(name: str, found: str) -> UnsupportedWeights:
    return UnsupportedWeights(f"tensor {name}: type {found}, supported: {SUPPORTED_TYPES}")


def _read_npz(path: Path, data: bytes) -> Checkpoint:
    tensors: dict[str, Array] = {}
    with ZipFile(BytesIO(data)) as archive:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if name in tensors:
                raise UnsupportedWeights(f"tensor {name}: stored twice in {path.name}")
            with archive.open(info) as member:
                array = np.lib.format.read_array(member, allow_pickle=False)
            if array.dtype.newbyteorder("=") in (np.float16, np.float32, np.float64):
                tensors[name] = array.astype(np.float64)
            elif array.dtype == np.bool_:
                tensors[name] = array
            else:
                raise _unsupported_type(name, str(array.dtype))
    return Checkpoint(tensors)


def _read_safetensors(path: Path, data: bytes) -> Checkpoint:
    tensors: dict[str, Array] = {}
    # The raw bytes, because NumPy has no bfloat16: it is the upper half of a float32.
    for name, view in deserialize(data):  # type: ignore[no-untyped-call]
        content, shape = bytes(view["data"]), view["shape"]
        match view["dtype"]:
            case "F16" | "F32" | "F64" as dtype:
                values = np.frombuffer(content, dtype=f"<f{int(dtype[1:]) // 8}").astype(np.float64)
            case "BF16":
                halves = np.frombuffer(content, dtype="<u2").astype(np.uint32)
                values = (halves << np.uint32(16)).view(np.float32).astype(np.float64)
            case "BOOL":
                tensors[name] = (np.frombuffer(content, dtype=np.uint8) != 0).reshape(shape)
                continue
            case dtype:
                raise _unsupported_type(name, dtype)
        tensors[name] = values.reshape(shape)
    metadata = _safetensors_header(path, data).get("__metadata__") or {}
    stored = [parse_configuration(metadata[key], path.name) for key in CONFIGURATIONS if key in metadata]
    return Checkpoint(tensors, _the_only(path.name, "configuration", stored))


def _safetensors_header(path: Path, data: bytes) -> dict[str, Any]:
    """The JSON object before the tensors, in which the library would let the last of equal names win."""
    size = int.from_bytes(data[:8], "little")
    if size > MAX_HEADER_BYTES:
        raise UnsupportedWeights(f"{path.name}: header of {size} bytes, limit max_header_bytes = {MAX_HEADER_BYTES}")
    try:
        return dict(json.loads(data[8 : 8 + size], object_pairs_hook=without_duplicates))
    except UnsupportedWeights as error:
        raise UnsupportedWeights(f"{path.name}: {error}") from error


def _the_only(where: str, what: str, found: list[Any]) -> Any:
    """What was found under the names that it may have, or `None`."""
    if len(found) > 1:
        raise UnsupportedWeights(f"{where}: more than one {what}")
    return found[0] if found else None


def _read_pytorch(path: Path, data: bytes) -> Checkpoint:
    state = _load_pytorch(path, data)
    if not isinstance(state, Mapping):
        raise UnsupportedWeights(f"{path.name}: a {type(state).__name__}, not a state dictionary; {STATE_DICT_ADVICE}")
    tensors, configuration = divided(state, path.name)
    return Checkpoint(_pytorch_tensors(path, tensors), configuration)


def divided(state: Mapping[Any, Any], where: str) -> tuple[Mapping[Any, Any], Configuration | None]:
    """The state dictionary and the configuration in a checkpoint, which may be a state dictionary itself.

    Raises `UnsupportedWeights`, which says `where`, if there is more than one of either.
    """
    configurations = {key: state[key] for key in CONFIGURATIONS if isinstance(state.get(key), Mapping)}
    nested = [state[key] for key in STATE_DICTIONARIES if isinstance(state.get(key), Mapping)]
    if not nested:
        nested = [{name: value for name, value in state.items() if name not in configurations}]
    found = _the_only(where, "configuration", list(configurations.values()))
    return _the_only(where, "state dictionary", nested), found


def _load_pytorch(path: Path, data: bytes) -> object:
    try:
        import torch
    except ImportError as error:
        raise UnsupportedWeights(
            f"{path.name}: {path.suffix} files need PyTorch; install it with: pip install torch"
        ) from error

    # The scalars of a configuration. Their names changed with version 2 of NumPy.
    modules = ("numpy.core.multiarray", "numpy._core.multiarray")
    stand_ins: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [(_NumpyType, "numpy.dtype")]
    stand_ins += [(_numpy_scalar, f"{module}.scalar") for module in modules]
    try:
        with torch.serialization.safe_globals(stand_ins):
            return torch.load(BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:
        # PyTorch's own words advise to load the file unsafely.
        held = re.search(r"Unsupported (?:global|class)[^\n]*?GLOBAL (\S+)", str(error))
        if held is None and not isinstance(error, pickle.UnpicklingError) and "weights_only" not in str(error):
            raise
        what = f"it holds the Python object {held[1]}" if held else "it holds more than tensors"
        raise UnsupportedWeights(
            f"{path.name}: not a readable {path.suffix} file: {what}, which is not loaded; "
            f"{STATE_DICT_ADVICE}, and a configuration as JSON"
        ) from error


class _NumpyType:
    """Stands for `numpy.dtype` in a checkpoint: a type of numbers, as its constructor and pickle give it."""

    def __init__(self, name: str, *_: object) -> None:
        if re.fullmatch("[fi][48]|b1", name) is None:
            raise UnsupportedWeights(f"NumPy scalar of type {name!r}")
        self.type = np.dtype(name)

    def __setstate__(self, state: tuple[object, ...]) -> None:
        self.type = self.type.newbyteorder(">" if state[1] == ">" else "<")


def _numpy_scalar(kind: _NumpyType, data: bytes) -> object:
    """Stands for NumPy's own constructor of scalars, which would make room for any type and length."""
    [value] = np.frombuffer(data, kind.type)
    return value.item()


def _pytorch_tensors(path: Path, state: Mapping[object, object]) -> dict[str, Array]:
    import torch

    tensors: dict[str, Array] = {}
    size = 0
    for name, tensor in state.items():
        if not isinstance(name, str):
            raise UnsupportedWeights(f"tensor {name}: its name is not a string")
        if not isinstance(tensor, torch.Tensor) or tensor.layout is not torch.strided:
            raise UnsupportedWeights(f"tensor {name}: not a dense tensor; {STATE_DICT_ADVICE}")
        # A tensor may repeat a small storage, so its size is not bounded by that of the file.
        size += 8 * math.prod(tensor.shape)
        _check_size(path, size)
        if tensor.dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
            tensors[name] = tensor.detach().to(torch.float64).numpy()
        elif tensor.dtype == torch.bool:
            tensors[name] = tensor.numpy()
        else:
            raise _unsupported_type(name, str(tensor.dtype).removeprefix("torch."))
    return tensors


READERS: dict[str, Callable[[Path, bytes], Checkpoint]] = {
    ".npz": _read_npz,
    ".safetensors": _read_safetensors,
    ".pt": _read_pytorch,
    ".pth": _read_pytorch,
}
