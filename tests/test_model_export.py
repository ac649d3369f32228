"""Export is exact, naming schemes agree, and what is not supported is refused for its reason."""

import os
import pickle
import re
import struct
import sys
import warnings
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from small_models import memory_limit

from checker.models.attention_only import TENSORS, parse_model
from model_export import exact_model, weights_files
from model_export.errors import UnsupportedWeights
from model_export.exact_model import export, export_model, write_model
from model_export.exact_model_file import format_model
from model_export.naming import canonical_weights
from model_export.weights_files import read_weights

Tensors = dict[str, np.ndarray]

VOCABULARY, OUTPUTS, POSITIONS, WIDTH, HEAD_WIDTH = 4, 5, 3, 6, 2
SHAPES = {
    "W_E": (VOCABULARY, WIDTH),
    "W_pos": (POSITIONS, WIDTH),
    "W_Q": (WIDTH, HEAD_WIDTH),
    "W_K": (WIDTH, HEAD_WIDTH),
    "W_V": (WIDTH, HEAD_WIDTH),
    "W_O": (HEAD_WIDTH, WIDTH),
    "W_U": (WIDTH, OUTPUTS),
}
# Bits of exponent and of fraction of the supported types (IEEE 754; bfloat16 is a short float32).
FORMATS = {"float16": (5, 10), "bfloat16": (8, 7), "float32": (8, 23), "float64": (11, 52)}
SUFFIXES = (".npz", ".safetensors", ".pt", ".pth")

slow = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def random_weights(seed: int = 0) -> Tensors:
    """Random float32 weights of the shapes above, by short name."""
    generator = np.random.default_rng(seed)
    return {name: generator.normal(size=s).astype(np.float32) for name, s in SHAPES.items()}


def save_npz(path: Path, arrays: dict[str, Any]) -> None:
    np.savez(path, **arrays)


def save(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write `tensors` in the format that the suffix of `path` says."""
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    if path.suffix == ".npz":
        save_npz(path, {name: tensor.numpy() for name, tensor in contiguous.items()})
    elif path.suffix == ".safetensors":
        save_file(contiguous, path)
    else:
        torch.save(contiguous, path)


def to_torch(tensors: Tensors) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(np.ascontiguousarray(t)) for name, t in tensors.items()}


def transformer_lens_2(w: Tensors) -> Tensors:
    """The state dictionary of TransformerLens 2, with the buffers and biases that it has."""
    return {
        "embed.W_E": w["W_E"],
        "pos_embed.W_pos": w["W_pos"],
        **{f"blocks.0.attn.{name}": w[name][None] for name in ("W_Q", "W_K", "W_V", "W_O")},
        **{f"blocks.0.attn.b_{x}": np.zeros((1, HEAD_WIDTH), np.float32) for x in "QKV"},
        "blocks.0.attn.b_O": np.zeros(WIDTH, np.float32),
        "blocks.0.attn.mask": np.tril(np.ones((POSITIONS, POSITIONS), bool)),
        "blocks.0.attn.IGNORE": np.array(-np.inf, np.float32),
        "unembed.W_U": w["W_U"],
        "unembed.b_U": np.zeros(OUTPUTS, np.float32),
    }


def transformer_lens_3(w: Tensors) -> Tensors:
    """As in version 2, with an empty mask: the causal one is built while the model runs."""
    return {**transformer_lens_2(w), "blocks.0.attn.mask": np.zeros((0, 0), bool)}


def transformer_lens_4(w: Tensors) -> Tensors:
    """The state dictionary of the native model of TransformerLens 4."""
    letters = {x: w[f"W_{x.upper()}"].T for x in "qkvo"}
    return {
        "tok_embed.weight": w["W_E"],
        "pos.weight": w["W_pos"],
        **{f"layers.0.attn.{x}.weight": matrix for x, matrix in letters.items()},
        **{f"layers.0.attn.{x}.bias": np.zeros(len(m), np.float32) for x, m in letters.items()},
        "head.weight": w["W_U"].T,
    }


def transformer_lens_4_bridge(w: Tensors) -> Tensors:
    """What the bridge of TransformerLens 4 around a native model calls its state dictionary."""
    renamed = {
        name.replace("layers", "blocks"): tensor
        for name, tensor in transformer_lens_4(w).items()
        if name.startswith("layers")
    }
    return {
        "embed.weight": w["W_E"],
        "pos_embed.weight": w["W_pos"],
        **renamed,
        "unembed.weight": w["W_U"].T,
        "unembed.bias": np.zeros(OUTPUTS, np.float32),
    }


def short_names(w: Tensors) -> Tensors:
    return dict(w)


def short_names_with_heads(w: Tensors) -> Tensors:
    return {name: w[name][None] if name in ("W_Q", "W_K", "W_V", "W_O") else w[name] for name in w}


STORED = (
    short_names,
    short_names_with_heads,
    transformer_lens_2,
    transformer_lens_3,
    transformer_lens_4,
    transformer_lens_4_bridge,
)


# Exactness


def value_of(bits: int, exponent_bits: int, fraction_bits: int) -> Fraction:
    """The number that IEEE 754 gives to `bits`, in exact arithmetic."""
    fraction = bits & ((1 << fraction_bits) - 1)
    exponent = (bits >> fraction_bits) & ((1 << exponent_bits) - 1)
    sign = -1 if bits >> (fraction_bits + exponent_bits) else 1
    if exponent:
        fraction += 1 << fraction_bits
    bias = (1 << (exponent_bits - 1)) - 1
    return sign * fraction * Fraction(2) ** (max(exponent, 1) - bias - fraction_bits)


def finite_bits(exponent_bits: int, fraction_bits: int) -> st.SearchStrategy[int]:
    """Bit patterns of finite numbers: any exponent but the largest, so subnormals and zeros too."""
    largest = (1 << exponent_bits) - 2
    return st.builds(
        lambda sign, exponent, fraction: (((sign << exponent_bits) | exponent) << fraction_bits) | fraction,
        st.integers(0, 1),
        st.integers(0, largest) | st.sampled_from((0, 1, largest)),
        st.integers(0, (1 << fraction_bits) - 1) | st.sampled_from((0, 1)),
    )


def tensor_of(bits: list[int], dtype: str, shape: tuple[int, ...]) -> torch.Tensor:
    size = sum(FORMATS[dtype]) + 1
    raw = np.array(bits, dtype=f"u{size // 8}").view(f"i{size // 8}")
    return torch.from_numpy(raw).view(getattr(torch, dtype)).reshape(shape)


@slow
@given(data=st.data(), suffix=st.sampled_from(SUFFIXES), dtype=st.sampled_from(list(FORMATS)))
def test_every_number_is_exported_exactly(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, suffix: str, dtype: str
) -> None:
    """Each entry of the model file is the value of the bits in the weights file, and canonical."""
    if suffix == ".npz" and dtype == "bfloat16":
        suffix = ".pt"  # NumPy has no bfloat16
    bits = {
        name: data.draw(st.lists(finite_bits(*FORMATS[dtype]), min_size=r * c, max_size=r * c) | st.just([0] * (r * c)))
        for name, (r, c) in SHAPES.items()
    }
    folder = tmp_path_factory.mktemp("weights")
    weights_path, model_path = folder / f"weights{suffix}", folder / "model"
    save(weights_path, {name: tensor_of(bits[name], dtype, SHAPES[name]) for name in bits})
    model = export(weights_path, model_path).model
    for name in TENSORS:
        exact = model.weights[name]
        integers = [int(k) for k in exact.integers.entries()]
        found = [k * Fraction(2) ** exact.exponent for k in integers]
        assert found == [value_of(b, *FORMATS[dtype]) for b in bits[name]]
        assert any(k % 2 for k in integers) or (exact.exponent == 0 and not any(integers))
    assert model_path.read_bytes() == format_model(model).encode()
    assert parse_model(model_path.read_bytes()) == model


def test_all_types_and_files_give_the_same_bytes(tmp_path: Path) -> None:
    """Numbers that all types can hold give one model, whatever type and file they came from."""
    numbers = np.random.default_rng(0).integers(-8, 9, size=100) / 4
    weights = {n: np.resize(numbers, s).astype(np.float32) for n, s in SHAPES.items()}
    expected = format_model(export_model(weights))
    for suffix in SUFFIXES:
        for dtype in FORMATS:
            if (suffix, dtype) != (".npz", "bfloat16"):
                path = tmp_path / f"{dtype}{suffix}"
                cast = {n: t.to(getattr(torch, dtype)) for n, t in to_torch(weights).items()}
                save(path, cast)
                assert format_model(export_model(read_weights(path))) == expected


def test_big_endian_arrays_are_exact(tmp_path: Path) -> None:
    weights = random_weights()
    save_npz(tmp_path / "w.npz", {n: w.astype(">f4") for n, w in weights.items()})
    assert export_model(read_weights(tmp_path / "w.npz")) == export_model(weights)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("stored", STORED)
def test_all_naming_schemes_give_the_same_bytes(
    tmp_path: Path, suffix: str, stored: Callable[[Tensors], Tensors]
) -> None:
    path = tmp_path / f"weights{suffix}"
    save(path, to_torch(stored(random_weights())))
    model = export(path, tmp_path / "model").model
    expected = format_model(export_model(random_weights())).encode()
    assert (tmp_path / "model").read_bytes() == format_model(model).encode() == expected


@pytest.mark.parametrize("stored", STORED)
def test_square_matrices_are_transposed_by_name(stored: Callable[[Tensors], Tensors]) -> None:
    """Where shapes cannot tell the orientation, the scheme does."""
    generator = np.random.default_rng(1)
    weights = {name: generator.normal(size=(3, 3)).astype(np.float32) for name in SHAPES}
    tensors = {n: t for n, t in stored(weights).items() if not re.search("b_|bias|mask", n)}
    for name, matrix in canonical_weights(tensors).items():
        assert np.array_equal(matrix, weights[name])


# Refusals of models


def put(**changes: np.ndarray) -> Callable[[Tensors], None]:
    """A change that sets tensors; `__` stands for a dot in their names."""
    return lambda tensors: tensors.update({n.replace("__", "."): t for n, t in changes.items()})


def remove(name: str) -> Callable[[Tensors], None]:
    return lambda tensors: tensors.__delitem__(name)


def set_entry(name: str, place: tuple[int, ...], value: float) -> Callable[[Tensors], None]:
    def change(tensors: Tensors) -> None:
        tensors[name] = tensors[name].copy()
        tensors[name][place] = value

    return change


ONES = np.ones(WIDTH, np.float32)
HIDING = np.ones((POSITIONS, POSITIONS), bool)
HIDING[-1, 0] = False

REFUSALS: dict[str, tuple[Callable[[Tensors], Tensors], Callable[[Tensors], None], str]] = {
    "NaN": (
        short_names,
        set_entry("W_K", (1, 0), np.nan),
        "tensor W_K: NaN at [1, 0]",
    ),
    "NaN, transposed": (
        transformer_lens_4,
        set_entry("head.weight", (4, 1), np.nan),
        "tensor head.weight: NaN at [4, 1]",
    ),
    "infinity": (
        transformer_lens_2,
        set_entry("blocks.0.attn.W_V", (0, 1, 1), -np.inf),
        "tensor blocks.0.attn.W_V: infinity at [1, 1]",
    ),
    "one axis": (
        short_names,
        put(W_pos=ONES),
        "tensor W_pos: shape [6], expected [positions, width=6]",
    ),
    "inconsistent width": (
        short_names,
        put(W_pos=np.ones((3, 7))),
        "tensor W_pos: shape [3, 7], expected [positions, width=6]",
    ),
    "inconsistent head width": (
        transformer_lens_4,
        put(layers__0__attn__o__weight=np.ones((6, 3))),
        "tensor layers.0.attn.o.weight: shape [6, 3], expected [width=6, head_width=2]",
    ),
    "not transposed": (
        transformer_lens_4,
        put(layers__0__attn__q__weight=np.ones((6, 2))),
        "tensor layers.0.attn.q.weight: shape [6, 2], expected [head_width, width=6]",
    ),
    "no axis of heads": (
        transformer_lens_2,
        put(blocks__0__attn__W_Q=np.ones((6, 2))),
        "tensor blocks.0.attn.W_Q: shape [6, 2], expected [heads, width=6, head_width]",
    ),
    "four heads": (
        transformer_lens_2,
        put(blocks__0__attn__W_Q=np.ones((4, 6, 2))),
        "tensor blocks.0.attn.W_Q: 4 heads, one is supported",
    ),
    "two heads, short name": (
        short_names_with_heads,
        put(W_O=np.ones((2, 2, 6))),
        "tensor W_O: 2 heads, one is supported",
    ),
    "integers": (
        short_names,
        put(W_U=np.ones((6, 5), np.int64)),
        "tensor W_U: type int64, expected float16 to float64",
    ),
    "long double": (
        short_names,
        put(W_U=np.ones((6, 5), np.longdouble)),
        f"tensor W_U: type {np.dtype(np.longdouble)}, expected float16 to float64",
    ),
    "second layer": (
        transformer_lens_2,
        put(blocks__1__attn__W_Q=np.ones((1, 6, 2))),
        "tensor blocks.1.attn.W_Q: more than one layer is not supported",
    ),
    "second layer, native": (
        transformer_lens_4,
        put(layers__12__attn__q__weight=np.ones((2, 6))),
        "tensor layers.12.attn.q.weight: more than one layer is not supported",
    ),
    "LayerNorm": (
        transformer_lens_2,
        put(blocks__0__ln1__w=ONES),
        "tensor blocks.0.ln1.w: LayerNorm and RMSNorm are not supported",
    ),
    "final LayerNorm": (
        transformer_lens_2,
        put(ln_final__w=ONES),
        "tensor ln_final.w: LayerNorm and RMSNorm are not supported",
    ),
    "LayerNorm, native": (
        transformer_lens_4,
        put(ln_out__weight=ONES),
        "tensor ln_out.weight: LayerNorm and RMSNorm are not supported",
    ),
    "RMSNorm of queries": (
        transformer_lens_2,
        put(blocks__0__attn__q_norm__w=ONES),
        "tensor blocks.0.attn.q_norm.w: LayerNorm and RMSNorm are not supported",
    ),
    "MLP": (
        transformer_lens_2,
        put(blocks__0__mlp__W_in=np.ones((6, 24))),
        "tensor blocks.0.mlp.W_in: MLPs are not supported",
    ),
    "MLP, native": (
        transformer_lens_4,
        put(layers__0__mlp__fc_in__weight=np.ones((24, 6))),
        "tensor layers.0.mlp.fc_in.weight: MLPs are not supported",
    ),
    "rotary positions": (
        transformer_lens_2,
        put(blocks__0__attn__rotary_sin=np.ones((3, 2))),
        "tensor blocks.0.attn.rotary_sin: only learned absolute positions are supported",
    ),
    "bias": (
        transformer_lens_2,
        set_entry("blocks.0.attn.b_O", (2,), 1e-30),
        "tensor blocks.0.attn.b_O: biases that are not zero are not supported",
    ),
    "bias of NaN": (
        transformer_lens_2,
        set_entry("unembed.b_U", (2,), np.nan),
        "tensor unembed.b_U: biases that are not zero are not supported",
    ),
    "bias, native": (
        transformer_lens_4,
        set_entry("layers.0.attn.k.bias", (0,), -1),
        "tensor layers.0.attn.k.bias: biases that are not zero are not supported",
    ),
    "bias, bridge": (
        transformer_lens_4_bridge,
        set_entry("unembed.bias", (0,), -1),
        "tensor unembed.bias: biases that are not zero are not supported",
    ),
    "mask that hides": (
        transformer_lens_2,
        put(blocks__0__attn__mask=HIDING),
        "tensor blocks.0.attn.mask: the mask hides positions from the last one",
    ),
    "mask of another length": (
        transformer_lens_2,
        put(blocks__0__attn__mask=np.ones((5, 5), bool)),
        "tensor blocks.0.attn.mask: shape [5, 5] of bool, expected [positions=3, positions=3] of bool",
    ),
    "mask of numbers": (
        transformer_lens_2,
        put(blocks__0__attn__mask=np.ones((3, 3))),
        "tensor blocks.0.attn.mask: shape [3, 3] of float64, expected [positions=3, positions=3] of bool",
    ),
    "unknown tensor": (
        transformer_lens_2,
        put(blocks__0__attn__sinks=np.ones(1)),
        "tensor blocks.0.attn.sinks: unknown tensor",
    ),
    "missing": (
        transformer_lens_2,
        remove("blocks.0.attn.W_O"),
        "tensor blocks.0.attn.W_O: missing (naming scheme: TransformerLens 2 and 3)",
    ),
    "missing, native": (
        transformer_lens_4,
        remove("pos.weight"),
        "tensor pos.weight: missing (naming scheme: TransformerLens 4, native model)",
    ),
    "mixture": (
        short_names,
        put(head__weight=np.ones((5, 6))),
        "tensor head.weight: of naming scheme TransformerLens 4, native model, but tensor W_E is of short names",
    ),
    "no scheme": (
        lambda _: {"transformer.wte.weight": ONES},
        put(),
        "no known naming scheme: found transformer.wte.weight",
    ),
    "empty": (
        lambda _: {},
        put(),
        "no known naming scheme: found no tensors",
    ),
    "fewer outputs than tokens": (
        short_names,
        put(W_U=np.ones((6, 3))),
        "tensor W_U: task max needs at least as many outputs as tokens, found 3 outputs and 4 tokens",
    ),
    "one position": (
        short_names,
        put(W_pos=np.ones((1, 6))),
        "tensor W_pos: positions = 1, the checker supports 2 to 256",
    ),
    "too many positions": (
        short_names,
        put(W_pos=np.ones((257, 6))),
        "tensor W_pos: positions = 257, the checker supports 2 to 256",
    ),
    "no tokens": (
        short_names,
        put(W_E=np.ones((0, 6))),
        "tensor W_E: vocabulary = 0, the checker supports 1 to 1024",
    ),
    "too many tokens": (
        short_names,
        put(W_E=np.ones((1025, 6))),
        "tensor W_E: vocabulary = 1025, the checker supports 1 to 1024",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_unsupported_models_are_refused_with_tensor_and_reason(case: str) -> None:
    stored, change, message = REFUSALS[case]
    tensors = stored(random_weights())
    change(tensors)
    with pytest.raises(UnsupportedWeights, match=f"^{re.escape(message)}$"):
        export_model(tensors)


def test_unknown_task_is_refused() -> None:
    with pytest.raises(UnsupportedWeights, match=r"^task 'min' is unknown; supported: max$"):
        export_model(random_weights(), "min")


def test_names_are_printed_on_one_line() -> None:
    tensors: Tensors = {**random_weights(), "a\nb\x1b[31m" + "c" * 1000: ONES}
    with pytest.raises(UnsupportedWeights) as caught:
        export_model(tensors)
    assert str(caught.value).startswith(r"tensor a\nb\x1b[31mccc")
    assert len(str(caught.value)) == 500


def test_models_longer_than_the_checker_reads_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The length is bounded before the integers are made, and checked before they are written."""
    model = export_model(random_weights())
    far_apart = np.where(np.eye(VOCABULARY, WIDTH) == 1, 2.0**-1074, 2.0**1023)
    monkeypatch.setattr(exact_model, "MAX_FILE_BYTES", 1000)
    with pytest.raises(UnsupportedWeights, match=r"^tensor W_E: at least \d+ characters"):
        export_model({**random_weights(), "W_E": far_apart})
    with pytest.raises(UnsupportedWeights, match=r"^the model: at least \d+ characters"):
        write_model(model, tmp_path / "model")
    assert not (tmp_path / "model").exists()


# Refusals of files


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.complex64])
def test_other_types_are_refused(tmp_path: Path, suffix: str, dtype: torch.dtype) -> None:
    path = tmp_path / f"weights{suffix}"
    save(path, {**to_torch(random_weights()), "W_V": torch.ones(6, 2).to(dtype)})
    with pytest.raises(UnsupportedWeights, match=r"^tensor W_V: type .*, supported: float16, "):
        read_weights(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_files_are_refused_or_read(tmp_path: Path, suffix: str) -> None:
    """A prefix of a file, and a file with a changed byte, never raise another exception."""
    path, damaged = tmp_path / f"weights{suffix}", tmp_path / f"damaged{suffix}"
    save(path, to_torch(random_weights()))
    data = path.read_bytes()
    for length in (*range(0, len(data), 97), len(data) - 1):
        damaged.write_bytes(data[:length])
        with pytest.raises(UnsupportedWeights, match=r"^damaged"):
            read_weights(damaged)
    generator = np.random.default_rng(0)
    for place in generator.integers(len(data), size=300):
        byte = bytes([data[place] ^ int(generator.integers(1, 256))])
        damaged.write_bytes(data[:place] + byte + data[place + 1 :])
        try:
            export_model(read_weights(damaged))
        except UnsupportedWeights as error:
            assert str(error).isprintable()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("data", [b"", b"\x00" * 64, b"\xff" * 1024, b"PK\x05\x06" + b"\x00" * 18])
def test_junk_is_refused(tmp_path: Path, suffix: str, data: bytes) -> None:
    path = tmp_path / f"junk{suffix}"
    path.write_bytes(data)
    with pytest.raises(UnsupportedWeights):
        export_model(read_weights(path))


@pytest.mark.parametrize("name", ["weights", "weights.pkl", "weights.bin"])
def test_unknown_suffixes_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsupportedWeights, match=f"^{name}: unknown kind of file"):
        read_weights(tmp_path / name)


def test_missing_files_and_directories_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedWeights, match=r"/no\.npz: No such file or directory$"):
        read_weights(tmp_path / "no.npz")
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(UnsupportedWeights, match=r"/folder\.safetensors: Is a directory$"):
        read_weights(tmp_path / "folder.safetensors")


class Malicious:
    """Touches a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.marker,)


def pickled(path: Path, content: dict[str, object]) -> None:
    path.write_bytes(pickle.dumps(content))


def saved_by_torch(path: Path, content: dict[str, object]) -> None:
    torch.save(content, path)


def saved_by_old_torch(path: Path, content: dict[str, object]) -> None:
    torch.save(content, path, _use_new_zipfile_serialization=False)


def object_arrays(path: Path, content: dict[str, object]) -> None:
    save_npz(path, {name: np.array(value, dtype=object) for name, value in content.items()})


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("w.pt", pickled),
        ("w.pth", saved_by_torch),
        ("w.pt", saved_by_old_torch),
        ("w.npz", object_arrays),
        ("w.npz", pickled),
        ("w.safetensors", pickled),
    ],
)
def test_pickled_code_is_refused_and_not_run(
    tmp_path: Path, name: str, write: Callable[[Path, dict[str, object]], None]
) -> None:
    marker = tmp_path / "ran"
    write(tmp_path / name, {"W_E": Malicious(marker)})
    with pytest.raises(UnsupportedWeights, match=f"^{re.escape(name)}: not a readable") as caught:
        read_weights(tmp_path / name)
    assert not marker.exists()
    assert_safe_advice(caught.value, name)


def assert_safe_advice(error: UnsupportedWeights, name: str) -> None:
    """A message about a file of PyTorch says what to save, and nothing of how to load it unsafely."""
    assert re.search("weights_only|safe_globals|trust|arbitrary", str(error)) is None
    if name.endswith((".pt", ".pth")):
        assert "save the tensors alone, by torch.save(model.state_dict(), FILE)" in str(error)


def whole_model(path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), path)


def whole_old_model(path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), path, _use_new_zipfile_serialization=False)


def compiled_model(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path)


def object_in_a_checkpoint(path: Path) -> None:
    torch.save({"model": {"W_E": torch.ones(2)}, "path": path}, path)


@pytest.mark.parametrize("write", [whole_model, whole_old_model, compiled_model, object_in_a_checkpoint])
def test_what_pytorch_would_load_unsafely_is_refused_with_safe_advice(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    write(tmp_path / "w.pt")
    with pytest.raises(UnsupportedWeights, match=r"^w\.pt: not a readable \.pt file: it holds ") as caught:
        read_weights(tmp_path / "w.pt")
    assert_safe_advice(caught.value, "w.pt")


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "model."])
@pytest.mark.parametrize("stored", [short_names, transformer_lens_2, transformer_lens_4])
def test_checkpoints_and_wrapped_models_are_understood(
    tmp_path: Path, key: str, prefix: str, stored: Callable[[Tensors], Tensors]
) -> None:
    state = {prefix + name: tensor for name, tensor in to_torch(stored(random_weights())).items()}
    optimizer = {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 0.1}]}
    torch.save({key: state, "optimizer_state_dict": optimizer, "epoch": 7, "loss": torch.ones(())}, tmp_path / "w.pt")
    assert export(tmp_path / "w.pt", tmp_path / "m").model == export_model(random_weights())


def test_ambiguous_checkpoints_and_prefixes_are_refused(tmp_path: Path) -> None:
    state = to_torch(random_weights())
    torch.save({"model": state, "state_dict": state}, tmp_path / "w.pt")
    with pytest.raises(UnsupportedWeights, match=r"^w\.pt: more than one state dictionary$"):
        read_weights(tmp_path / "w.pt")
    partly: Tensors = {("module." if name == "W_U" else "") + name: t for name, t in random_weights().items()}
    with pytest.raises(UnsupportedWeights, match=r"^tensor module\.W_U: unknown tensor$"):
        export_model(partly)
    with pytest.raises(UnsupportedWeights, match=r"^no known naming scheme: found no tensors$"):
        export_model({})


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pipes_and_devices_are_refused_at_once(tmp_path: Path, suffix: str) -> None:
    """Opening a pipe that nobody writes into would wait for ever, reading a device would never end."""
    os.mkfifo(tmp_path / f"pipe{suffix}")
    (tmp_path / f"zero{suffix}").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with memory_limit(2**20), pytest.raises(UnsupportedWeights, match=rf"/{name}\{suffix}: not a regular file$"):
            read_weights(tmp_path / f"{name}{suffix}")


def test_links_to_regular_files_are_read(tmp_path: Path) -> None:
    save_npz(tmp_path / "w.npz", random_weights())
    (tmp_path / "link.npz").symlink_to("w.npz")
    assert export_model(read_weights(tmp_path / "link.npz")) == export_model(random_weights())


def safetensors(header: str, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header.encode() + data


ENTRY = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (f'{{"W_E":{ENTRY},"W_E":{ENTRY}}}', "w.safetensors: W_E: stored twice"),
        (f'{{"__metadata__":{{"cfg":"1","cfg":"2"}},"W_E":{ENTRY}}}', "w.safetensors: cfg: stored twice"),
        (f'{{"W_E":{ENTRY[:-1]},"shape":[1]}}}}', "w.safetensors: "),
        (f'{{"__metadata__":{{"a":"{"b" * 2**20}"}},"W_E":{ENTRY}}}', "w.safetensors: header of 1048"),
    ],
)
def test_headers_that_say_something_twice_or_too_much_are_refused(tmp_path: Path, header: str, message: str) -> None:
    (tmp_path / "w.safetensors").write_bytes(safetensors(header, bytes(4)))
    with pytest.raises(UnsupportedWeights, match=f"^{re.escape(message)}"):
        read_weights(tmp_path / "w.safetensors")


@pytest.mark.parametrize("suffix", [".npz", ".pt"])
def test_members_of_one_name_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"w{suffix}"
    save(path, to_torch(random_weights()))
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        name = archive.namelist()[0]
        archive.writestr(name, archive.read(name))
    with pytest.raises(UnsupportedWeights, match=rf"^w\{suffix}: {re.escape(name)}: stored twice$"):
        read_weights(path)


@pytest.mark.parametrize("suffix", [".npz", ".pt"])
def test_archives_of_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    path = tmp_path / f"w{suffix}"
    save(path, to_torch(random_weights()))
    monkeypatch.setattr(weights_files, "MAX_MEMBERS", 6)
    with pytest.raises(UnsupportedWeights, match=rf"^w\{suffix}: more members than the limit max_members = 6$"):
        read_weights(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.ones(2)], "w.pt: a list, not a state dictionary"),
        ({"epoch": 3}, "tensor epoch: not a dense tensor"),
        ({"state_dict": {"epoch": 3}}, "tensor epoch: not a dense tensor; save the tensors alone, by torch.save("),
        ({"W_E": torch.ones(2, 2).to_sparse()}, "tensor W_E: not a dense tensor"),
        ({3: torch.ones(2)}, "tensor 3: its name is not a string"),
        ({"W_E": torch.ones(1).expand(10**12)}, "w.pt: 8000000000000 bytes, limit"),
    ],
)
def test_what_is_not_a_state_dictionary_is_refused(tmp_path: Path, content: object, message: str) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(UnsupportedWeights, match=f"^{re.escape(message)}"):
        read_weights(tmp_path / "w.pt")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    path = tmp_path / f"w{suffix}"
    save(path, {"W_E": torch.zeros(1000, 10)})
    monkeypatch.setattr(weights_files, "MAX_WEIGHTS_BYTES", 40000)
    with pytest.raises(UnsupportedWeights, match=r"bytes, limit max_weights_bytes = 40000$"):
        read_weights(path)


@pytest.mark.parametrize("suffix", [".npz", ".pt"])
def test_archives_that_expand_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    path = tmp_path / f"w{suffix}"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("W_E.npy", b"\x00" * 10**6)
    monkeypatch.setattr(weights_files, "MAX_WEIGHTS_BYTES", 500_000)
    assert path.stat().st_size < 10_000
    with pytest.raises(UnsupportedWeights, match=r"1000000 bytes, limit max_weights_bytes"):
        read_weights(path)


@pytest.mark.parametrize("shape", ["(1000000000000,)", "(10**30,)", "(-1,)", "(2**62, 4)", "('a',)"])
def test_arrays_that_claim_too_much_are_refused(tmp_path: Path, shape: str) -> None:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("W_E.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    with pytest.raises(UnsupportedWeights, match=r"^w\.npz: not a readable"):
        read_weights(tmp_path / "w.npz")


def test_arrays_stored_twice_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", W_E=np.ones(2))
    with zipfile.ZipFile(tmp_path / "w.npz", "a") as archive:
        archive.writestr("W_E", archive.read("W_E.npy"))
    with pytest.raises(UnsupportedWeights, match=r"^tensor W_E: stored twice in w\.npz$"):
        read_weights(tmp_path / "w.npz")


def test_missing_pytorch_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "w.pt").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UnsupportedWeights, match=r"pip install torch$"):
        read_weights(tmp_path / "w.pt")
