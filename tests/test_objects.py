"""Models, certificates and verdicts in memory: what they are made from, and what is seen of them."""

import json
import re
from collections.abc import Mapping
from fractions import Fraction
from inspect import isfunction, signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from verified_checker import require_verified

import compact_proofs
from checker import check as kernel_check
from checker.errors import Declined
from compact_proofs import Certificate, Model, Verdict, check, evaluate, export, prove, strategy
from compact_proofs.command_line import main
from compact_proofs.places import place
from compact_proofs.shipped import shipped_model
from compact_proofs.verified import Disagreement, VerifiedVerdict
from model_export.errors import UnsupportedWeights
from model_export.naming import canonical_weights
from model_export.objects import array, module_checkpoint
from model_export.preparation import preparation
from model_export.weights_files import read_weights

TINY = read_weights(shipped_model("tiny"))
SIZES = {"n_layers": 1, "n_heads": 1, "n_ctx": 3, "d_model": 8, "d_head": 4, "d_vocab": 6, "attn_only": True}
CONFIGURATION = {**SIZES, "normalization_type": None}


class Settings:
    """A configuration as an object, with a value that JSON does not know."""

    def __init__(self, **values: Any) -> None:
        self.values = values

    def to_dict(self) -> dict[str, Any]:
        return {**self.values, "dtype": torch.float32}


class Hooked(torch.nn.Module):
    """A module with tensors of the names of TransformerLens, and a configuration."""

    def __init__(self, tensors: Mapping[str, Any], **configuration: Any) -> None:
        super().__init__()
        self.tensors = {name: torch.tensor(tensor, dtype=torch.float32) for name, tensor in tensors.items()}
        if configuration:
            self.cfg = Settings(**configuration)

    def state_dict(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        return self.tensors


@pytest.fixture(scope="module")
def tiny() -> Model:
    return export(shipped_model("tiny"))


@pytest.fixture(scope="module")
def certificate(tiny: Model) -> Certificate:
    return prove(tiny, "exact")


def test_files_and_objects_are_the_same(tiny: Model, certificate: Certificate, tmp_path: Path) -> None:
    assert export(shipped_model("tiny"), tmp_path / "m").data == tiny.data == (tmp_path / "m").read_bytes()
    assert prove(tmp_path / "m", "exact", tmp_path / "c").data == certificate.data == (tmp_path / "c").read_bytes()
    tiny.save(tmp_path / "again")
    certificate.save(tmp_path / "again-c")
    assert (tmp_path / "again").read_bytes() == tiny.data and (tmp_path / "again-c").read_bytes() == certificate.data
    for model in (tiny, tiny.data, tmp_path / "m", str(tmp_path / "m")):
        for proof in (certificate, certificate.data, tmp_path / "c", str(tmp_path / "c")):
            assert check(model, proof).bound == Fraction(215, 216)
    assert evaluate(tiny, [[1, 2, 3]]) == evaluate(tmp_path / "m", [[1, 2, 3]])
    assert (certificate.correct, certificate.strategy, tiny.total) == (215, "exact", 216)


@pytest.mark.parametrize("weights", [Hooked(TINY), Hooked(TINY, **CONFIGURATION), TINY, {"state_dict": TINY}])
def test_weights_in_memory(weights: Any, tiny: Model) -> None:
    """A module with and without its configuration, a state dictionary of arrays, and a checkpoint."""
    model = export(weights, task="max")
    assert model.data == tiny.data
    assert model.configuration == ("stored" if hasattr(weights, "cfg") else None)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_tensors_are_converted_exactly(dtype: torch.dtype) -> None:
    tensor = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).to(dtype).requires_grad_()
    found = array("x", tensor)
    assert found.dtype == np.float64 and [list(map(Fraction, row)) for row in found.tolist()] == [
        list(map(Fraction, row)) for row in tensor.tolist()
    ]


@pytest.mark.parametrize(
    ("tensor", "error"),
    [
        (torch.zeros(2, dtype=torch.int64), "tensor W: type int64, supported: float16"),
        (torch.zeros(2, 2).to_sparse(), "tensor W: not a dense tensor: "),
        (torch.zeros(2, device="meta"), "tensor W: not a dense tensor: "),
        (np.zeros(2, dtype=np.int64), "tensor W: type int64, supported: float16"),
        ([1.0], "tensor W: a list, not a tensor; save the tensors alone, by torch.save(model.state_dict(), FILE)"),
    ],
)
def test_what_is_no_tensor_of_numbers(tensor: object, error: str) -> None:
    with pytest.raises(UnsupportedWeights, match=f"^{re.escape(error)}"):
        module_checkpoint({"W": tensor})


def test_what_is_no_model(tiny: Model) -> None:
    with pytest.raises(UnsupportedWeights, match="^a int has no state_dict$"):
        export(3)  # type: ignore[arg-type]
    with pytest.raises(UnsupportedWeights, match="more than one state dictionary"):
        export({"model": TINY, "state_dict": TINY})
    with pytest.raises(Declined, match="^model: token 1: expected .* \\(line 1, column 1\\)$"):
        prove(b"nothing", "exact")
    with pytest.raises(UnsupportedWeights, match="unknown key"):
        export(Hooked(TINY, **CONFIGURATION, magic=1))


def test_biases_make_a_program_of_all_tokens(tiny: Model) -> None:
    """As TransformerLens has them by default; the configuration tells which tokens there are."""
    biased = {**TINY, "unembed.b_U": np.arange(6.0) / 8}
    model = export(Hooked(biased, **CONFIGURATION), positions=2)
    assert {"task max", "tokens 0-5 x2"} <= set(model.assumed)
    assert model.total == 36 and "bias 1" in str(model.parsed)
    assert export(Hooked(biased, **CONFIGURATION), tokens="0-5 x2", task="max").data == model.data
    assert check(model, prove(model, "evaluate")).total == 36
    with pytest.raises(UnsupportedWeights, match="biases that are not zero"):
        export(Hooked(biased))  # nothing tells how many tokens there are


def test_a_module_of_other_names() -> None:
    """A map from its names to those of a format, as TransformerLens 4 stores linear layers."""
    generator = torch.Generator().manual_seed(1)

    class Own(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.places = torch.nn.Embedding(5, 4), torch.nn.Embedding(3, 4)
            self.head = torch.nn.ModuleDict({name: torch.nn.Linear(4, 4) for name in "qkvo"})
            self.out = torch.nn.Linear(4, 5)
            for parameter in self.parameters():
                torch.nn.init.normal_(parameter, generator=generator)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            stream = self.tokens(x) + self.places.weight
            query, key, value = (self.head[name](stream) for name in "qkv")
            scores = (query @ key.transpose(1, 2) / 2).masked_fill(~torch.ones(3, 3).tril().bool(), -torch.inf)
            return self.out(stream + self.head["o"](scores.softmax(-1) @ value))[:, -1]

    names = {"tokens.weight": "embed.weight", "places.weight": "pos_embed.weight"}
    names |= {f"head.{x}.{part}": f"blocks.0.attn.{x}.{part}" for x in "qkvo" for part in ("weight", "bias")}
    names |= {f"out.{part}": f"unembed.{part}" for part in ("weight", "bias")}
    sizes = {"n_layers": 1, "n_heads": 1, "d_model": 4, "d_head": 4, "n_ctx": 3, "d_vocab": 5, "attn_only": True}
    own = Own()
    model = export(own, names=names, config={**sizes, "normalization_type": None}, task="max", tokens="0-4 x3")
    inputs = [[0, 1, 2], [4, 4, 0], [3, 2, 1]]
    logits = [answer.logits[0] for answer in evaluate(model, inputs)]
    np.testing.assert_allclose(logits, own(torch.tensor(inputs)).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_a_verdict_is_neither_true_nor_false(tiny: Model, certificate: Certificate) -> None:
    accepted = check(tiny, certificate)
    rejected = check(tiny, certificate.data.replace(b"\ncorrect 215\n", b"\ncorrect 216\n"))
    declined = check(tiny, b"")
    assert (accepted.accepted, rejected.accepted, declined.accepted) == (True, False, False)
    assert (rejected.verdict, declined.verdict) == ("rejected", "declined")
    assert accepted.bound == Fraction(215, 216) and rejected.bound == declined.bound == 0
    for verdict in (accepted, rejected, declined):
        with pytest.raises(TypeError, match="ask for .accepted"):
            bool(verdict)
    assert str(accepted) == str(kernel_check(tiny.data, certificate.data))


def test_the_verified_checker_is_asked(
    tiny: Model, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_verified()
    python, coq, both = (check(tiny, certificate, kernel) for kernel in ("python", "coq", "both"))
    assert python.bound == coq.bound == both.bound and (coq.kernel, both.kernel) == ("coq", "both")
    assert "by the verified checker" in str(coq) and "by both kernels" in str(both)
    verified = VerifiedVerdict("rejected", "why", 0, 216, tiny.sha256, [])
    monkeypatch.setattr("compact_proofs.verified.check_verified", lambda *files: verified)
    with pytest.raises(Disagreement):
        check(tiny, certificate, "both")


def test_what_is_printed_is_short(tiny: Model, certificate: Certificate) -> None:
    verdict = check(tiny, certificate)
    program = export({**TINY, "unembed.b_U": np.arange(6.0)}, tokens="0-5 x3", config=CONFIGURATION, task="max")
    for shown in (tiny, certificate, verdict, check(tiny, b""), program):
        assert 40 < len(repr(shown)) < 250 and "\n" not in repr(shown)
        page = shown._repr_html_()
        assert len(page) < 2000 and page.count("<table>") == page.count("</table>") == 1
    assert tiny.sha256[:12] in repr(tiny) and "215" in repr(certificate)
    assert repr(verdict).startswith("<accepted: at least 215 of 216 inputs (99.5370%)")
    assert "215 of 216 inputs" in verdict._repr_html_() and tiny.sha256 in tiny._repr_html_()


def test_html_is_escaped() -> None:
    assert "<script>" not in Verdict("declined", "model: <script>")._repr_html_()


@pytest.mark.parametrize("text", ["a b\nc d\n", "\na", " a  b \n\n c\n", "", "a", "a\n\n\nb c"])
def test_places_of_tokens(text: str) -> None:
    """By the kernel's own division into tokens."""
    start = 0
    for number, token in enumerate(text.replace("\n", " \n ").split(" "), 1):
        assert text.startswith(token, start)
        before = text[:start].split("\n")
        assert place(text.encode(), number) == (len(before), len(before[-1]) + 1), (number, token)
        start += len(token)
        start += token != "\n" and text.startswith(" ", start)


def test_lines_and_columns_of_damaged_files(tiny: Model, certificate: Certificate) -> None:
    for kind, data in (("model", tiny.data), ("certificate", certificate.data)):
        lines = data.split(b"\n")
        lines[2] = lines[2].rpartition(b" ")[0] + b" what"
        damaged = b"\n".join(lines)
        files = (damaged, certificate) if kind == "model" else (tiny, damaged)
        reason = check(*files).reason
        assert reason.startswith(f"{kind}: token ") and reason.endswith(f"(line 3, column {len(lines[2]) - 3})")


@pytest.mark.parametrize("name", ["w.safetensors", "w.npz", "w.pt", "w.pth"])
def test_weights_are_to_be_exported_first(
    name: str, certificate: Certificate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    path.write_bytes(shipped_model("tiny").read_bytes())
    advice = f"{name} holds weights, export it first: compact-proofs export {name} -o w.model"
    assert check(path, certificate).reason.endswith(advice)
    for function in (lambda: prove(path, "exact"), lambda: evaluate(path)):
        with pytest.raises(Declined, match=re.escape(advice) + "$"):
            function()
    for command in (["inspect"], ["bundle", "-o", tmp_path / "b"], ["frontier", "-o", tmp_path / "f"]):
        assert main([*map(str, command), str(path)]) == 2
        assert capsys.readouterr().err.endswith(f"{advice}\n")


def test_folding_and_centring_are_seen() -> None:
    generator = np.random.default_rng(0)
    state = {name: generator.normal(size=tensor.shape) for name, tensor in TINY.items()}
    assert preparation(state, CONFIGURATION) == preparation({}, None) == ()
    centred = {name: tensor - tensor.mean(axis=-1, keepdims=True) for name, tensor in state.items()}
    rounded = {name: tensor.astype(np.float32).astype(np.float64) for name, tensor in centred.items()}
    writing = {name: rounded[name] if name.endswith(("W_E", "W_pos", "W_O")) else state[name] for name in state}
    assert preparation(writing, None) == ("writing weights centred, as seen in the weights",)
    unembedding = {**state, "unembed.W_U": rounded["unembed.W_U"]}
    assert preparation(unembedding, None) == ("unembedding centred, as seen in the weights",)
    biases = {"blocks.0.attn.b_V": np.zeros((1, 4)), "blocks.0.attn.b_O": np.ones(8)}
    assert preparation({**state, **biases}, None) == ("value biases folded, as seen in the weights",)
    folded = preparation(state, {"normalization_type": "LNPre"})
    assert folded == ("weights of LayerNorm folded (normalization_type LNPre)",)


def test_the_package_says_its_version() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert compact_proofs.__version__ == project["version"]
    assert (Path(compact_proofs.__file__).parent / "py.typed").exists()


def test_public_functions_say_what_they_take_and_raise() -> None:
    """Errors of functions; shapes, units and sources where there are any; every method of what strategies use."""
    for name in compact_proofs.__all__:
        found = getattr(compact_proofs, name)
        if callable(found):
            assert found.__doc__ and len(found.__doc__) > 60, name
            if not isinstance(found, type) and signature(found).parameters:
                assert "Raises" in found.__doc__, name
    names = ("export", "prove", "check", "evaluate", "train")
    said = {name: getattr(compact_proofs, name).__doc__ or "" for name in names}
    assert "shapes" in said["export"] and "[vocabulary, width]" in said["train"] and "arXiv" in said["train"]
    assert all("unit" in said[name] or "operations" in said[name] for name in names[:4])
    assert "arXiv" in (strategy.__doc__ or "") and "arXiv" in (strategy.low_rank_tables.__doc__ or "")
    for name in strategy.__all__:
        found = getattr(strategy, name)
        if isinstance(found, type):
            methods = [member for key, member in vars(found).items() if not key.startswith("_") and isfunction(member)]
            assert found.__doc__ and all(method.__doc__ for method in methods), name


def test_the_configuration_is_read_as_from_a_file(tmp_path: Path, tiny: Model) -> None:
    path = tmp_path / "cfg.json"
    path.write_text(json.dumps(Settings(**CONFIGURATION).to_dict(), default=str))
    for configuration in (path, CONFIGURATION, Settings(**CONFIGURATION)):
        model = export(TINY, config=configuration)
        assert (model.data, model.configuration) == (tiny.data, "given")


def test_names_are_mapped_all_at_once(tiny: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whether a name stays, two change places, or a wrapper has put something before them."""
    weights = read_weights(shipped_model("tiny"))
    changes = {"W_Q": "W_K", "W_K": "W_Q", "tokens": "W_E", "W_U": "W_U"}
    short = canonical_weights(weights)
    other = {new: short[changes.get(new, new)] for new in short if new != "W_E"} | {"tokens": short["W_E"]}
    assert export(other, names=changes).data == tiny.data
    assert export({f"module.{name}": tensor for name, tensor in other.items()}, names=changes).data == tiny.data
    np.savez(tmp_path / "other.npz", **other)
    (tmp_path / "names.json").write_text(json.dumps(changes))
    options = ["--map", str(tmp_path / "names.json"), "-o", str(tmp_path / "other.model")]
    assert main(["export", str(tmp_path / "other.npz"), *options]) == 0
    assert (tmp_path / "other.model").read_bytes() == tiny.data
    capsys.readouterr()
    with pytest.raises(UnsupportedWeights, match=r"unknown tensor \(for other names give names, "):
        export(other)


def test_what_is_neither_model_nor_certificate(certificate: Certificate) -> None:
    weights: Any = torch.nn.Linear(2, 2)
    for wrong in (weights, weights.state_dict(), None):
        error = rf"found an object of the type {type(wrong).__name__} \(export makes a model of weights\)$"
        with pytest.raises(ValueError, match=error):
            prove(wrong, "exact")
        with pytest.raises(ValueError, match=error):
            check(wrong, certificate)


def test_margins_are_numbers_or_pairs(tiny: Model) -> None:
    same = [prove(tiny, "trivial", margin=margin).data for margin in ((0, 0), 0, 0.0, Fraction(0))]
    assert len(set(same)) == 1
    same = [prove(tiny, "exact", margin=margin).data for margin in ((3, -2), 0.75, Fraction(3, 4))]
    assert len(set(same)) == 1 and check(tiny, same[0]).margin == "0.75"
    for wrong in (-1, float("inf"), float("nan"), Fraction(1, 3), "much"):
        with pytest.raises(ValueError, match=rf"^margin: expected 0 or a positive dyadic fraction, .* found {wrong}$"):
            prove(tiny, "exact", margin=wrong)  # type: ignore[arg-type]
