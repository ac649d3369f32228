"""Reading weights files without executing anything that they contain, and without rounding.

float16, bfloat16, float32 and float64 all embed exactly in float64, which is therefore the one type
that the rest of the package sees. Files are described in `docs/weights.md`.
"""

import math
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from zipfile import ZipFile, is_zipfile

import numpy as np
import numpy.typing as npt
from safetensors import deserialize

from model_export.errors import UnsupportedWeights

Array = npt.NDArray[np.float64] | npt.NDArray[np.bool_]

# Twice the size of the largest supported model in float64. It bounds the file, and what the file
# expands to, so that a small archive of zeros cannot ask for all memory.
MAX_WEIGHTS_BYTES = 256 * 2**20

SUPPORTED_TYPES = "float16, bfloat16, float32, float64, and bool for attention masks"


def read_weights(path: Path) -> dict[str, Array]:
    """The tensors of the file `path` by name: float64 arrays of any shape, and Boolean masks.

    The suffix decides how the file is read: `.npz`, `.safetensors`, or `.pt` and `.pth` (a PyTorch
    state dictionary; needs PyTorch). No pickled code is executed. Every number is exact.

    Raises `UnsupportedWeights` for every file that cannot be read: a missing file, another suffix,
    a malformed or truncated file, a type of number that is not supported, or more than
    `MAX_WEIGHTS_BYTES` bytes, packed or unpacked.
    """
    reader = READERS.get(path.suffix)
    if reader is None:
        raise UnsupportedWeights(f"{path.name}: unknown kind of file {path.suffix!r}, supported: {', '.join(READERS)}")
    try:
        _check_size(path, path.stat().st_size)
        if path.suffix != ".safetensors" and is_zipfile(path):
            with ZipFile(path) as archive:
                _check_size(path, sum(info.file_size for info in archive.infolist()))
        with warnings.catch_warnings():
            # What the readers warn about (old formats) either is refused or changes no number.
            warnings.simplefilter("ignore")
            return reader(path)
    except UnsupportedWeights:
        raise
    except Exception as error:
        # The readers parse hostile bytes and do not document what they raise. Whatever it is, the
        # file was not read, and that is all that there is to say.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise UnsupportedWeights(f"{path.name}: not a readable {path.suffix} file: {reason}") from error


def _check_size(path: Path, size: int) -> None:
    if size > MAX_WEIGHTS_BYTES:
        raise UnsupportedWeights(f"{path.name}: {size} bytes, limit max_weights_bytes = {MAX_WEIGHTS_BYTES}")


def _unsupported_type(name: str, found: str) -> UnsupportedWeights:
    return UnsupportedWeights(f"tensor {name}: type {found}, supported: {SUPPORTED_TYPES}")


def _read_npz(path: Path) -> dict[str, Array]:
    tensors: dict[str, Array] = {}
    with ZipFile(path) as archive:
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
    return tensors


def _read_safetensors(path: Path) -> dict[str, Array]:
    tensors: dict[str, Array] = {}
    # The raw bytes, because NumPy has no bfloat16: it is the upper half of a float32.
    for name, view in deserialize(path.read_bytes()):  # type: ignore[no-untyped-call]
        data, shape = bytes(view["data"]), view["shape"]
        match view["dtype"]:
            case "F16" | "F32" | "F64" as dtype:
                values = np.frombuffer(data, dtype=f"<f{int(dtype[1:]) // 8}").astype(np.float64)
            case "BF16":
                halves = np.frombuffer(data, dtype="<u2").astype(np.uint32)
                values = (halves << np.uint32(16)).view(np.float32).astype(np.float64)
            case "BOOL":
                tensors[name] = (np.frombuffer(data, dtype=np.uint8) != 0).reshape(shape)
                continue
            case dtype:
                raise _unsupported_type(name, dtype)
        tensors[name] = values.reshape(shape)
    return tensors


def _read_pytorch(path: Path) -> dict[str, Array]:
    try:
        import torch
    except ImportError as error:
        raise UnsupportedWeights(
            f"{path.name}: {path.suffix} files need PyTorch; install it with: pip install torch"
        ) from error

    state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, Mapping):
        raise UnsupportedWeights(f"{path.name}: a {type(state).__name__}, not a state dictionary")
    tensors: dict[str, Array] = {}
    size = 0
    for name, tensor in state.items():
        if not isinstance(name, str):
            raise UnsupportedWeights(f"tensor {name}: its name is not a string")
        if not isinstance(tensor, torch.Tensor) or tensor.layout is not torch.strided:
            raise UnsupportedWeights(f"tensor {name}: not a dense tensor")
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


READERS: dict[str, Callable[[Path], dict[str, Array]]] = {
    ".npz": _read_npz,
    ".safetensors": _read_safetensors,
    ".pt": _read_pytorch,
    ".pth": _read_pytorch,
}
