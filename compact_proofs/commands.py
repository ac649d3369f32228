"""The commands as functions, on files and on objects. Each package does its own work; nothing is decided here."""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from certificates.distributions import gap_distribution, token_distribution
from certificates.sampling import ONE_IN, SAMPLES, prove_sample
from certificates.short import OverBudget
from certificates.strategies import STRATEGIES, Strategy, StrategyFunction, UnknownStrategy, find_proof, proof_by
from checker import check as check_bytes
from checker.__main__ import read
from checker.errors import Declined, Rejected
from checker.models.attention_only import parse_model
from checker.models.program import parse_program
from checker.rules.examine import PROGRAM
from checker.rules.margin import NO_MARGIN, Margin
from compact_proofs.objects import Certificate, FilePath, Model, Verdict
from compact_proofs.own_strategies import installed_strategies, own_strategy, strategy_of
from compact_proofs.places import located
from compact_proofs.theorems import module_file, theorem_file
from compact_proofs.verified import check_both, check_verified
from model_export.configuration import read_configuration
from model_export.errors import UnsupportedWeights
from model_export.exact_model import exported_model, model_text
from model_export.floating_point import Answer, Forward, Weights, answers, float_weights
from model_export.naming import without_prefixes
from model_export.objects import Module, Settings, module_checkpoint, plain
from model_export.output_files import require_output, write_whole
from model_export.preparation import preparation
from model_export.program import exported_program
from model_export.program_floating_point import ProgramAnswer, program_answers
from model_export.tasks import TASKS
from model_export.training import save_weights
from model_export.training import train as train_model
from model_export.weights_files import Array, Checkpoint, read_checkpoint

# The format of weights that have a tensor of this name, where nobody says which it is.
FORMAT_OF = {
    "embed.W_E": "transformer_lens",
    "tok_embed.weight": "transformer_lens_4",
    "embed.weight": "transformer_lens_4",
}

# What bad input leads to, from any of the functions; messages are of one line.
ERRORS = (
    OSError,
    ImportError,
    UnsupportedWeights,
    UnknownStrategy,
    OverBudget,
    Declined,
    Rejected,
    ValueError,
)


def export(
    weights: FilePath | Module | Mapping[str, object],
    output: FilePath | None = None,
    task: str | None = None,
    config: FilePath | Mapping[str, object] | Settings | None = None,
    positions: int | None = None,
    *,
    tokens: str | None = None,
    read: str | None = None,
    names: FilePath | Mapping[str, str] | None = None,
) -> Model:
    """The exact model of trained weights (`docs/weights.md`), also written to `output` if that is given.

    `weights` are a file (`.safetensors`, `.npz`, `.pt`), or in memory a `HookedTransformer`, a `TransformerBridge`,
    another `torch.nn.Module`, or a state dictionary: tensors or arrays by name, of the shapes that the naming
    schemes and formats list. `names` maps other names to those. The configuration, `config` or else what is stored
    with the weights, has the keys of TransformerLens and must agree; without one, `assumed` of the result says what was
    assumed. Of units there are none: weights become exact rationals as they are, inputs are token numbers.

    Without `tokens`, the model is of one layer and one head without biases, for the task `"max"`, and inputs have as
    many tokens as the weights have positions, or as `positions` says. With `tokens`, the token set of each position
    such as `"0-58 x2, 59"`, any small transformer for any task becomes a program, whose answers are at the positions
    `read`. Weights in memory become a program as well where they are no such model of max and their configuration
    tells tokens and positions: then any token may stand at each of the (first) `positions`.

    Raises `model_export.errors.UnsupportedWeights`, which names the tensor or key, `ValueError` for arguments that do
    not go together, and `OSError`.
    """
    path = None if output is None else Path(output)
    if path is not None:
        require_output(path, [Path(file) for file in (weights, config, names) if isinstance(file, str | PathLike)])
    checkpoint, agreed = _checkpoint(weights, config)
    renamed = Checkpoint(_renamed(checkpoint.tensors, names), checkpoint.configuration)
    wanted = {name: value for name, value in (("task", task), ("tokens", tokens), ("read", read)) if value is not None}
    if tokens is not None or "tokens" in (checkpoint.configuration or {}):
        if positions is not None:
            raise ValueError("positions go with models of max; those of a program are those of its tokens")
        made = _export_program(renamed, wanted, agreed)
    elif isinstance(weights, str | PathLike):
        made = _export_max(renamed, wanted, positions, agreed)
    else:
        made = _export_module(renamed, wanted, positions, agreed)
    made = replace(made, prepared=preparation(renamed.tensors, checkpoint.configuration))
    if path is not None:
        made.save(path)
    return made


def _checkpoint(
    weights: FilePath | Module | Mapping[str, object], config: FilePath | Mapping[str, object] | Settings | None
) -> tuple[Checkpoint, str | None]:
    """Tensors with the configuration that stands for them, and where that is from."""
    found = read_checkpoint(Path(weights)) if isinstance(weights, str | PathLike) else module_checkpoint(weights)
    if config is None:
        return found, None if found.configuration is None else "stored"
    given = _json_object(config, "--config") if isinstance(config, str | PathLike) else plain(config)
    return Checkpoint(found.tensors, given), "given"


def _export_max(checkpoint: Checkpoint, wanted: Mapping[str, str], positions: int | None, agreed: str | None) -> Model:
    """A model of max."""
    if "read" in wanted:
        raise ValueError("read goes with tokens: models of max are read at the last position")
    exported = exported_model(checkpoint, wanted.get("task", TASKS[0]), positions)
    return Model(model_text(exported.model).encode("ascii"), agreed, exported.assumed)


def _export_program(checkpoint: Checkpoint, wanted: Mapping[str, str], agreed: str | None) -> Model:
    """A program, with what is `wanted` besides its configuration or in its place."""
    settings = {**(checkpoint.configuration or {}), **wanted}
    told = [form for name, form in FORMAT_OF.items() if name in checkpoint.tensors]
    if "format" not in settings and told:
        settings["format"] = told[0]
    made = exported_program(checkpoint.tensors, settings)
    return Model(made.text.encode("ascii"), agreed, made.assumed)


def _export_module(
    checkpoint: Checkpoint, wanted: Mapping[str, str], positions: int | None, agreed: str | None
) -> Model:
    """A model of max if it is one, else a program of any tokens, if the configuration tells how many there are."""
    try:
        return _export_max(checkpoint, wanted, positions, agreed)
    except (UnsupportedWeights, ValueError) as refused:
        tokens = _any_tokens(checkpoint.configuration or {}, positions)
        if tokens is None:
            advice = "for other names give names, for other transformers tokens, a task and a configuration"
            raise UnsupportedWeights(f"{refused} ({advice}, docs/weights.md)") from refused
        try:
            made = _export_program(checkpoint, {"task": TASKS[0], **wanted, "tokens": tokens}, agreed)
        except UnsupportedWeights as error:
            raise UnsupportedWeights(f"{error} (and it is no model of max: {refused})") from error
    task = () if "task" in wanted else (f"task {TASKS[0]}",)
    return replace(made, assumed=(*made.assumed, *task, f"tokens {tokens}"))


def _any_tokens(settings: Mapping[str, object], positions: int | None) -> str | None:
    """Sets of tokens with all of the vocabulary at each position, where a configuration tells both."""
    vocabulary, count = settings.get("d_vocab"), positions or settings.get("n_ctx")
    if type(vocabulary) is not int or type(count) is not int or min(vocabulary, count) < 1:
        return None
    return f"0-{vocabulary - 1} x{count}"


def _renamed(tensors: Mapping[str, Array], names: FilePath | Mapping[str, str] | None) -> dict[str, Array]:
    """Tensors by the names of their format: mapped ones, all at once, and others without what wrappers put before them.

    Names are those of the file, or what is left of them without the prefixes of wrappers.
    """
    if names is None:
        return without_prefixes(tensors)
    what = f"--map {names}" if isinstance(names, str | PathLike) else "names"
    known = _json_object(names, "--map") if isinstance(names, str | PathLike) else names
    found = tensors if known.keys() <= tensors.keys() else without_prefixes(tensors)
    for name, new in known.items():
        if name not in found:
            raise UnsupportedWeights(f"{what}: tensor {name}: not in the weights, which have {_first(found)}")
        if not isinstance(new, str):
            raise UnsupportedWeights(f"{what}: tensor {name}: cannot be called {new!r}, which is no name")
    called = Counter(known.get(name, name) for name in found)
    for name, new in known.items():
        if called[new] > 1:
            raise UnsupportedWeights(f"{what}: tensor {name}: cannot be called {new!r}, as another one is called so")
    return {known.get(name, name): tensor for name, tensor in found.items()}


def _first(tensors: Mapping[str, Array]) -> str:
    return ", ".join(sorted(tensors)[:3]) or "no tensors"


def _name(source: FilePath | Model | bytes) -> str:
    """The name of a file; nothing for what is in memory."""
    return str(source) if isinstance(source, str | PathLike) else ""


def evaluate(
    model: FilePath | Model | bytes, inputs: Sequence[Sequence[int]] = (), random: int = 0, seed: int = 0
) -> list[Answer] | list[ProgramAnswer]:
    """What a model says to `inputs`, each a sequence of tokens, and to so many random ones, in floating point.

    Logits are in the model's own unit, one for each output. Nothing is proved by them. Raises `Declined` for what is
    no model, `ValueError` for a sequence that is no input, `UnsupportedWeights` beyond floating point, and `OSError`.
    """
    data = _contents(model)
    try:
        return _answers(data, inputs, random, seed)
    except Declined as error:
        raise Declined(located(str(error), data, model_name=_name(model))) from error


def _answers(
    data: bytes, inputs: Sequence[Sequence[int]], random: int, seed: int
) -> list[Answer] | list[ProgramAnswer]:
    if data.startswith(PROGRAM):
        return program_answers(parse_program(data), inputs, random, seed)
    weights = float_weights(parse_model(data))
    drawn = [tokens for batch in Forward(weights).random_inputs(random, seed) for tokens in batch.tolist()]
    return answers(weights, [*inputs, *drawn])


def _json_object(path: FilePath, option: str) -> dict[str, Any]:
    """The JSON object in a file that an option names. Raises `UnsupportedWeights`, which names both."""
    try:
        return read_configuration(Path(path))
    except UnsupportedWeights as error:
        raise UnsupportedWeights(f"{option} {error}") from error


def prove(
    model: FilePath | Model | bytes,
    strategy: str | StrategyFunction,
    output: FilePath | None = None,
    budget: int | None = None,
    margin: Margin | float | Fraction = NO_MARGIN,
) -> Certificate:
    """The certificate that a strategy finds for a model, also written to `output` if that is given.

    The model is a file's name, its bytes, or what `export` returns; the strategy a name (`strategies`), a
    `MODULE:FUNCTION`, or a function (`compact_proofs.strategy`). Some strategies accept a budget: the most
    operations, in the unit of `docs/operations.md`, that the check may take. Inputs are claimed that are correct by
    more than a `margin` in logits: a number that is taken exactly, or integer * 2**exponent as a pair of an odd integer
    and the exponent. Nothing is proved before a check.

    Raises `ValueError` for a margin that is negative, infinite or no dyadic fraction, `UnknownStrategy`, `OverBudget`
    where the budget is too small, `Declined` for what is no model and where the certificate would be over a limit of
    the checker, and `OSError`.
    """
    if output is not None:
        require_output(Path(output), [Path(model)] if isinstance(model, str | PathLike) else [])
    data = _contents(model)
    own = own_strategy(strategy) if isinstance(strategy, str) else strategy_of(strategy)
    try:
        wanted = margin if isinstance(margin, tuple) else exact_margin(margin)
        proof = proof_by(own, data, budget, wanted) if own else find_proof(data, str(strategy), budget, wanted)
    except Declined as error:
        raise Declined(located(str(error), data, model_name=_name(model))) from error
    certificate = Certificate.of(proof, own.name if own else str(strategy))
    if output is not None:
        certificate.save(output)
    return certificate


def exact_margin(number: float | Fraction) -> Margin:
    """A margin as an odd integer and the power of two that it is to be multiplied by; no margin is (0, 0).

    Raises `ValueError` for what is negative, infinite, or has more than finitely many binary digits.
    """
    try:
        margin = Fraction(number)
    except (TypeError, ValueError, OverflowError):
        margin = Fraction(-1)
    if margin < 0 or margin.denominator & margin.denominator - 1:
        raise ValueError(f"margin: expected 0 or a positive dyadic fraction, such as 0.5, found {number}")
    if not margin:
        return NO_MARGIN
    zeros = (margin.numerator & -margin.numerator).bit_length() - 1
    return margin.numerator >> zeros, zeros + 1 - margin.denominator.bit_length()


def sample(
    model: FilePath | Model | bytes,
    output: FilePath | None = None,
    samples: int = SAMPLES,
    one_in: int = ONE_IN,
    certificate: FilePath | Certificate | bytes = b"",
) -> Certificate:
    """A statistical certificate of so many samples, whose error is one in `one_in`; also written to `output` if that is
    given.

    What an ordinary certificate proves best is kept, and the other inputs are sampled. Raises `Declined` and `OSError`.
    """
    if output is not None:
        paths = [path for path in (model, certificate) if isinstance(path, str | PathLike)]
        require_output(Path(output), [Path(path) for path in paths])
    found = Certificate.of(prove_sample(_contents(model), samples, one_in, _contents(certificate)), "sample")
    if output is not None:
        found.save(output)
    return found


def distribution(
    model: FilePath | Model | bytes,
    output: FilePath | None = None,
    gap: int | None = None,
    tokens: str | None = None,
) -> bytes:
    """A distribution of the inputs of a model, as the bytes of its file, also written to `output` if that is given.

    It is the set of inputs whose largest token is at least `gap` above all smaller ones, or that of independent
    tokens of which `tokens`, the text of a JSON file, has the probabilities. Raises `ValueError` and `OSError`.
    """
    if (gap is None) == (tokens is None):
        raise ValueError("a distribution is one of a gap or one of tokens")
    if output is not None:
        require_output(Path(output), [Path(model)] if isinstance(model, str | PathLike) else [])
    data = _contents(model)
    found = token_distribution(data, tokens) if tokens is not None else gap_distribution(data, gap or 0)
    if output is not None:
        write_whole(Path(output), found)
    return found


def check(
    model: FilePath | Model | bytes,
    certificate: FilePath | Certificate | bytes,
    kernel: Literal["python", "coq", "both"] = "python",
    distribution: FilePath | bytes | None = None,
) -> Verdict:
    """The verdict on a certificate for a model: file names, bytes, or what `export` and `prove` return.

    `kernel` is the Python kernel, the verified checker, or both, whose verdicts must agree. What is proved is weighed
    by a `distribution` if there is one, for which the verified checker has no rule. What the verdict means is in
    `docs/semantics.md`; its `operations` are counted as in `docs/operations.md`.

    Raises `ValueError` for a distribution with another kernel than the Python one, `OSError` for a file that cannot be
    read, `Disagreement` if the two kernels differ, `NotBuilt` and
    `CheckerFailed` where the verified checker is missing or ends without a verdict.
    """
    data = _contents(model), _contents(certificate)
    if distribution is not None:
        if kernel != "python":
            raise ValueError("the verified checker has no rule `distribution`")
        return Verdict.of(weighed := check_bytes(*data, None, _contents(distribution)), weighed.reason)
    if kernel == "coq":
        verified = check_verified(*data)
        reason = located(verified.reason, *data, _name(model))
        return Verdict.of_verified(verified, reason, (len(data[0]), len(data[1])))
    found = check_both(*data)[0] if kernel == "both" else check_bytes(*data)
    return Verdict.of(found, located(found.reason, *data, _name(model)), kernel)


def _contents(source: object) -> bytes:
    """The bytes of a file, or of what stands for one."""
    if isinstance(source, bytes):
        return source
    if isinstance(source, Model | Certificate):
        return source.data
    if not isinstance(source, str | PathLike):
        found = f"found an object of the type {type(source).__name__} (export makes a model of weights)"
        raise ValueError(f"expected a file, bytes, or what export or prove returns, {found}")
    return read(str(source))


def theorem(model: FilePath, certificate: FilePath, output: FilePath) -> Verdict:
    """Write what an accepted certificate proves to `output`, as a theorem that `coqc` is to prove; returns
    the kernel's verdict. Nothing is written unless it is `accepted`.

    The model and the certificate are names of files. Raises `OSError`, and `ValueError` if the name of the output is
    not that of a module of Coq, such as `max.v`, or if the certificate uses a rule that the verified checker does not
    have.
    """
    path = module_file(str(output))
    require_output(path, [Path(model), Path(certificate)])
    files = read(str(model)), read(str(certificate))
    found = check_bytes(*files)
    if found.verdict == "accepted":
        if found.unverified_rules:
            raise ValueError(f"not proved sound in Coq: {', '.join(found.unverified_rules)}")
        write_whole(path, theorem_file(*files, found, path.name).encode("ascii"))
    return Verdict.of(found, located(found.reason, *files, model))


def strategies() -> list[Strategy]:
    """All proof strategies for models of max, from simple to clever, and those that other packages add
    (`docs/tutorial_strategy.md`). Where each comes from is in `docs/strategies.md`."""
    return [*STRATEGIES.values(), *installed_strategies().values()]


def train(
    output: FilePath,
    positions: int = 4,
    vocabulary: int = 64,
    width: int = 32,
    seed: int = 0,
    steps: int = 3000,
    progress: bool = False,
) -> Weights:
    """Train a model on the task `max` and write its weights to `output`, a safetensors file.

    Attention has one head as wide as the model. Returns float32 arrays by short name: W_E [vocabulary, width], W_pos
    [positions, width], W_Q, W_K, W_V, W_O [width, width], W_U [width, vocabulary]. The recipe is that of Gross et al.
    (arXiv 2406.11779; `docs/weights.md`).

    Raises `ImportError` without the extra `train`, `ValueError` for numbers out of range, and `OSError`.
    """
    path = Path(output)
    if path.suffix != ".safetensors":
        raise ValueError(f"{path.name}: weights are written as .safetensors")
    sizes = {"positions": positions, "vocabulary": vocabulary, "width": width, "head_width": width}
    require_output(path)
    weights = train_model(positions, vocabulary, width, width, seed=seed, steps=steps, progress=progress)
    save_weights(weights, path, {**sizes, "seed": seed, "steps": steps})
    return weights


def fuzz(
    examples: int | None = None,
    seconds: float | None = None,
    seed: int | None = None,
    jobs: int | None = None,
    output: FilePath = "fuzz-failures",
    database: FilePath = ".hypothesis",
    progress: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Have the kernel check so many changed certificates, or for so many seconds, in `jobs` processes, and
    compare what it accepts with the truth by brute force; returns the report (`fuzzing.report`).

    What fails is saved in the folder `output`, and its seed in the folder `database`, so that the next
    run begins with it. `progress` is called with what has been done, from time to time.

    Raises `ImportError` without the extra `fuzz`, and `OSError`.
    """
    try:
        from fuzzing import campaign, processes, report
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        raise ImportError("fuzzing needs Hypothesis: pip install '.[fuzz]' in a clone") from None
    run = processes.Run(
        seed=secrets.randbelow(2**32) if seed is None else seed,
        jobs=processes.cores() if jobs is None else jobs,
        mutants=examples,
        seconds=60.0 if examples is None and seconds is None else seconds,
        failures=Path(output),
        database=Path(database),
    )

    start = time.monotonic()

    def show(totals: campaign.Totals) -> None:
        done = f"{min(totals.mutants, examples)} of {examples} changed certificates" if examples else ""
        if run.seconds is not None:
            spent = min(round(run.seconds), int(time.monotonic() - start))
            done = f"{spent} of {round(run.seconds)} seconds, {totals.mutants:,} changed certificates"
        progress(f"{done}, {len(totals.failures)} failures")

    return report.as_object(run, processes.fuzz(run, show))
