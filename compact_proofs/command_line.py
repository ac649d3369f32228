"""The command `compact-proofs`.

Exit codes: 0 success (of a check: accepted), 10 rejected, 20 declined; 30 the two kernels do not agree, 40 a
checker ended without a verdict, 74 what was found could not be printed, 2 bad input or bad usage, 1 an error of
Python or, of `fuzz`, a failure that it found. A signal is passed on: Ctrl-C is 130 in a shell. Results go to
standard output; progress and errors, of one line each, to standard error.
"""

import json
import re
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, replace
from fractions import Fraction
from functools import wraps
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import checker.__main__
from checker.__main__ import EXIT_CODES, UNPRINTED, contents, printable
from checker.errors import Declined
from checker.models.attention_only import ExactModel
from checker.rules.margin import NO_MARGIN
from checker.verdict import percentage
from compact_proofs.isolated import (
    DISAGREEMENT,
    NO_VERDICT,
    USAGE,
    Caps,
    CheckerFailed,
    OverCap,
    checker_command,
    run_capped,
)
from compact_proofs.lazy import lazy_module
from compact_proofs.places import Counts, located
from compact_proofs.shipped import MODEL, OUTPUT, shipped_models
from compact_proofs.terminal import (
    OutputLost,
    print_error,
    print_table,
    progress_bar,
    say,
    say_indented,
    shown,
    shows_progress,
    silence,
)
from compact_proofs.verified import Disagreement, NotBuilt, check_both, check_verified
from model_export.errors import OtherFamily, UnsupportedWeights
from model_export.output_files import require_output, write_whole

if TYPE_CHECKING:
    from compact_proofs import commands, demonstration
    from compact_proofs.objects import Model
    from compact_proofs.report.collect import Subject
    from model_export.floating_point import Weights
else:
    commands, demonstration = map(lazy_module, ("compact_proofs.commands", "compact_proofs.demonstration"))

# Libraries that not all commands need: what they are called, and the extra that installs them.
EXTRAS = {
    "matplotlib": ("Matplotlib", "frontier"),
    "torch": ("PyTorch", "train"),
    "hypothesis": ("Hypothesis", "fuzz"),
    "altair": ("Altair", "report"),
    "distributed": ("Dask", "cluster"),
}
# Random inputs of an estimate, and where they start.
SAMPLES, SAMPLE_SEED = 10_000, 1
# Logits in a table: the largest.
LOGITS_SHOWN = 4


class _Command(click.Command):
    """A command whose help ends with an example, printed as it is to be typed.

    The help of `check` and `verify` ends with a code that is no verdict, because a file may be called --help.
    """

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(context, args)
        except click.exceptions.Exit as ended:
            raise click.exceptions.Exit(USAGE if self.name in ("check", "verify") else ended.exit_code) from None

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        if self.epilog:
            with formatter.section("Example"):
                formatter.write(f"  {self.epilog}\n")


UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def _bytes(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """A number of bytes: 1000000, 1GB or 512MiB."""
    if value is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,17})([KMG]i?B|)", value, re.IGNORECASE)
    if found is None:
        raise click.BadParameter(f"{value!r} is not a number of bytes, such as 1GB or 512MiB", context, parameter)
    return min(int(found[1]) * UNITS[found[2].upper()], sys.maxsize)


def _decimal(text: str) -> Fraction | None:
    """The number that a decimal of moderate length denotes."""
    return Fraction(text) if re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,64})?", text) else None


def _margin(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, int]:
    """A margin, 0 or a number of finitely many binary digits, as an odd integer times 2 to the power of an exponent."""
    margin = _decimal("0" if value is None else value)
    try:
        return commands.exact_margin(Fraction(-1) if margin is None else margin)
    except ValueError:
        expected = "0 or a positive number of finitely many binary digits, such as 0.5"
        raise click.BadParameter(f"expected {expected}, found {value!r}", context, parameter) from None


def _confidence(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """A confidence 1 - 1/q, such as 0.999, as q."""
    if value is None:
        return None
    error = 1 - (_decimal(value) or 0)
    if error.numerator != 1 or error.denominator < 2:
        raise click.BadParameter(f"{value!r} is not 1 - 1/q for an integer q, such as 0.999", context, parameter)
    return error.denominator


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="compact-proofs")
@click.pass_context
def command(context: click.Context) -> None:
    """Prove how often a trained model is right, and check such proofs in exact arithmetic.

    WEIGHTS are exported to an exact MODEL; a strategy writes a CERTIFICATE for it; the checker reads
    both and says at least how many inputs are classified correctly. `demo` does it all.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def _command(short_help: str, example: str) -> Callable[[Callable[..., Any]], click.Command]:
    """A command with the two options that all have; its function gets `as_json`."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        @wraps(function)
        def run(quiet: bool, **given: Any) -> Any:
            if quiet and given["as_json"]:
                raise click.UsageError("either --json or --quiet")
            with silence(quiet):
                return function(**given)

        # Click lists options from the last to the first.
        options = [
            click.Option(["-q", "--quiet"], is_flag=True, help="Print no results and no progress, only what is wrong."),
            click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object."),
        ]
        run.__click_params__ = [*options, *getattr(function, "__click_params__", [])]  # type: ignore[attr-defined]
        made = command.command(cls=_Command, short_help=short_help, epilog=f"compact-proofs {example}")
        return made(run)

    return decorate


def _output(metavar: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option("-o", "--output", required=True, metavar=metavar, help="File to write.")


@_command("Write the exact model of trained weights.", "export models/tiny.safetensors -o tiny.model")
@click.argument("weights")
@click.option("--task", help="NAME[:PARAMETERS][@POSITIONS], such as sum_modulo:59.  [default: max, without --tokens]")
@click.option("--tokens", metavar="SETS", help="The tokens of each position, such as '0-58 x2, 59'.")
@click.option("--read", metavar="WHERE", help="Where answers are read: last, sum, all, or 2,3.")
@click.option(
    "--config",
    metavar="FILE",
    help="The model's configuration: JSON, in TransformerLens's keys.  [default: what is stored in WEIGHTS]",
)
@click.option("--map", "names", metavar="FILE", help="JSON: the name in its format for each name in WEIGHTS.")
@click.option("--positions", type=click.IntRange(2), help="Tokens of an input.  [default: rows of W_pos]")
@_output("MODEL")
def export(
    weights: str,
    task: str | None,
    tokens: str | None,
    read: str | None,
    config: str | None,
    names: str | None,
    positions: int | None,
    output: str,
    as_json: bool,
) -> None:
    """Write the exact MODEL of trained WEIGHTS (.safetensors, .npz, .pt or .pth); nothing is rounded.

    With --tokens, or `tokens` in the configuration, of any small transformer for any task
    (docs/weights.md); without, of an attention-only transformer of one layer and one head for `max`.
    A configuration under which the weights are another function is refused. What is assumed is
    printed, and so is how often the exported model is right on random inputs.
    """
    if read is not None and tokens is None and config is None:
        raise click.UsageError("--read goes with --tokens")
    if positions is not None and tokens is not None:
        raise click.UsageError("--positions goes with models of max; a program's positions are those of --tokens")
    try:
        model = commands.export(weights, output, task, config, positions, tokens=tokens, read=read, names=names)
    except OtherFamily as error:
        advice = "for other names give --map, for other transformers --tokens and --task, docs/weights.md"
        raise OtherFamily(f"{error} ({advice})") from error
    estimate = _estimate_of(model)
    if as_json:
        say(json.dumps(_exported(model, output) | {"estimate": estimate}))
        return
    say(f"{shown(output)}: {_in_words(model)}, sha256 {model.sha256}")
    if model.configuration is not None and isinstance(model.parsed, ExactModel):
        say(f"configuration: the one {model.configuration} agrees")
    for what, words in (("assumed", model.assumed), ("prepared", model.prepared)):
        if words:
            say(f"{what}: {', '.join(words)}")
    if "reason" in estimate:
        say(f"no estimate of its accuracy: {estimate['reason']}")
    else:
        say(_estimated(estimate["accuracy"], estimate["samples"]))


def _exported(model: "Model", output: str) -> dict[str, Any]:
    """What there is to say of an exact model."""
    words = {name: getattr(model, name) for name in ("sha256", "task", "inputs", "configuration")}
    parsed = model.parsed
    count = {"total": parsed.total} if isinstance(parsed, ExactModel) else {"sequences": parsed.inputs.sequences}
    return {"model": output, **words, **count, "assumed": model.assumed, "prepared": model.prepared}


def _in_words(model: "Model") -> str:
    parsed = model.parsed
    if isinstance(parsed, ExactModel):
        sizes = f"{parsed.vocabulary} tokens, {parsed.positions} positions"
        return f"task {parsed.task}, {parsed.total} inputs ({sizes})"
    return f"task {model.task}, inputs {model.inputs}, {parsed}"


def _estimate_of(model: "Model") -> dict[str, Any]:
    """The accuracy on random inputs in floating point, or the reason why there is none."""
    from model_export.floating_point import float_weights, sampled_accuracy
    from model_export.program_floating_point import program_accuracy

    try:
        if isinstance(model.parsed, ExactModel):
            accuracy, samples = sampled_accuracy(float_weights(model.parsed), SAMPLES, SAMPLE_SEED), SAMPLES
        else:
            correct, samples = program_accuracy(model.parsed, SAMPLES, SAMPLE_SEED)
            if not samples:
                return {"reason": "no random inputs found"}
            accuracy = correct / samples
    except UnsupportedWeights as error:
        return {"reason": str(error)}
    return {"accuracy": accuracy, "samples": samples, "seed": SAMPLE_SEED}


def _estimate(weights: "Weights") -> dict[str, Any]:
    from model_export.floating_point import sampled_accuracy

    return {"accuracy": sampled_accuracy(weights, SAMPLES, SAMPLE_SEED), "samples": SAMPLES, "seed": SAMPLE_SEED}


def _estimated(accuracy: float, samples: int) -> str:
    return f"right on {accuracy:.2%} of {samples} random inputs (seed {SAMPLE_SEED}; an estimate in floating point)"


def _tokens(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> list[list[int]]:
    """Inputs, each written as tokens with commas between them."""
    for value in values:
        if re.fullmatch(r"[0-9]{1,9}(,[0-9]{1,9})*", value) is None:
            raise click.BadParameter(f"{value!r} is not an input, such as 3,1,4,1", context, parameter)
    return [[int(token) for token in value.split(",")] for value in values]


@_command("Show what a model says to inputs.", "evaluate tiny.model --input 3,1,4")
@click.argument("model")
@click.option("--input", "inputs", multiple=True, callback=_tokens, metavar="TOKENS", help="Such as 3,1,4,1.")
@click.option("--random", type=click.IntRange(0, 10_000), help="Random inputs.  [default: 10, without --input]")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Where random inputs start.")
def evaluate(model: str, inputs: list[list[int]], random: int | None, seed: int, as_json: bool) -> None:
    """Show label, answer and largest logits of inputs of an exact MODEL, in floating point.

    Nothing is proved by this. The answer is the output with the largest logit; the margin is the
    label's logit less the largest other, of several answers the least.
    """
    if random is None:
        random = 0 if inputs else 10
    found = commands.evaluate(model, inputs, random, seed)
    correct = sum(answer.correct for answer in found)
    if as_json:
        say(json.dumps({"inputs": [asdict(answer) for answer in found], "correct": correct, "exact": False}))
        return
    print_table(
        ["input", "label", "answer", "margin", "largest logits"], list(map(_answer_row, found)), words=("input",)
    )
    say(f"\nright on {correct} of {len(found)} inputs (in floating point: nothing is proved)")


def _answer_row(answer: Any) -> list[str]:
    """The row of an `Answer` or a `ProgramAnswer`."""
    if isinstance(answer.label, int):
        labels, said, logits = [answer.label], [answer.answer], [answer.logits]
    else:
        labels, said, logits = answer.label, answer.answer, answer.logits
    return [
        ",".join(map(str, answer.input)),
        ",".join(map(str, labels)),
        ",".join("a tie" if one is None else str(one) for one in said),
        "" if answer.margin is None else f"{answer.margin:.4g}",
        "  |  ".join(map(_largest, logits)),
    ]


def _largest(logits: list[float]) -> str:
    largest = sorted(range(len(logits)), key=lambda output: -logits[output])[:LOGITS_SHOWN]
    return "  ".join(f"{output}: {logits[output]:.4g}" for output in largest)


def _strategy_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from certificates.strategies import PROGRAM_STRATEGIES, STRATEGIES

    return [name for name in dict.fromkeys([*STRATEGIES, *PROGRAM_STRATEGIES]) if name.startswith(incomplete)]


@_command(
    "Write a certificate, found by a strategy.",
    "prove tiny.model --strategy exact -o tiny.certificate",
)
@click.argument("model")
@click.option(
    "--strategy",
    required=True,
    metavar="NAME",
    shell_complete=_strategy_names,
    help="One of `compact-proofs strategies`, or MODULE:FUNCTION, one of your own.",
)
@click.option(
    "--budget",
    type=click.IntRange(0),
    metavar="OPERATIONS",
    help="The most that the check may take; for strategies that can do with less.",
)
@click.option(
    "--margin",
    callback=_margin,
    metavar="NUMBER",
    help="Claim inputs that are correct by more than this, such as 0.5.  [default: 0]",
)
@click.option("--samples", type=click.IntRange(1), help="Of the strategy sample.  [default: 10000]")
@click.option(
    "--confidence", callback=_confidence, metavar="NUMBER", help="Of the strategy sample: 1 - 1/q.  [default: 0.999]"
)
@click.option(
    "--certificate", metavar="FILE", help="Of the strategy sample: what is proved well here is kept, the rest sampled."
)
@_output("CERTIFICATE")
def prove(
    model: str,
    strategy: str,
    budget: int | None,
    margin: tuple[int, int],
    samples: int | None,
    confidence: int | None,
    certificate: str | None,
    output: str,
    as_json: bool,
) -> None:
    """Write a CERTIFICATE for a MODEL, found by a proof strategy. Nothing is proved before a check."""
    from certificates.progress import watched

    given = {"samples": samples, "one_in": confidence, "certificate": certificate}
    of_sample: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if of_sample and (strategy != "sample" or budget is not None or margin != NO_MARGIN):
        raise click.UsageError("--samples, --confidence and --certificate go with --strategy sample, and nothing else")
    with progress_bar() as bar, watched(bar.part):
        bar.start(f"prove by {strategy}")
        if of_sample:
            found = commands.sample(model, output, **of_sample)
        else:
            found = commands.prove(model, strategy, output, budget, margin)
    if as_json:
        numbers = {name: getattr(found, name) for name in ("correct", "operations", "machine_operations", "notes")}
        size = len(found.data)
        say(json.dumps({"certificate": output, "strategy": strategy, "certificate_bytes": size, **numbers}))
        return
    claim = f"claims {found.correct} correct inputs in {found.operations} operations"
    say(f"{shown(output)}: {len(found.data)} bytes by {strategy}, {claim}, yet to be checked")
    for note in found.notes:
        say(f"note: {note}")


@_command("Check a certificate against a model.", "check tiny.model tiny.certificate --json")
@click.argument("model")
@click.argument("certificate")
@click.option("--distribution", metavar="FILE", help="Say what the inputs weigh that are proved, not how many.")
@click.option(
    "--kernel",
    type=click.Choice(["python", "coq", "both"]),
    default="python",
    show_default=True,
    help="The Python kernel, its verified twin, or both, whose verdicts must agree.",
)
@click.option(
    "--max-seconds", type=click.FloatRange(0.0, 1e6, min_open=True), help="Decline a check that takes longer."
)
@click.option(
    "--max-memory",
    callback=_bytes,
    metavar="BYTES",
    help="Decline a check that takes more memory; also as 1GB or 512MiB.",
)
def check(
    model: str,
    certificate: str,
    as_json: bool,
    distribution: str | None,
    kernel: str,
    max_seconds: float | None,
    max_memory: int | None,
) -> int:
    """Check a CERTIFICATE for a MODEL in exact arithmetic.

    Exit code 0: accepted. 10: rejected, a claim is not established. 20: declined, a file cannot be judged, or it
    took more than --max-seconds or --max-memory. 30: the two kernels do not agree. Any other: no verdict; 40 if
    the checker was ended, 74 if the verdict could not be printed, 2 for wrong usage and for --help.
    """
    if distribution is not None and kernel != "python":
        raise click.UsageError("the verified checker has no rule `distribution`: --distribution is for --kernel python")
    said, complained = StringIO(), StringIO()
    caps = Caps(max_seconds, max_memory)
    with progress_bar() as bar, redirect_stdout(said), redirect_stderr(complained):
        bar.start("check")
        if caps != Caps():
            code = _check_capped(model, certificate, as_json, distribution, kernel, caps)
        elif kernel == "python":
            code = _show(_judged(model, certificate, distribution, bar.part), as_json)
        else:
            code = _check_verified(model, certificate, as_json, compare=kernel == "both")
    # Printed only now, because on a terminal the progress bar would be in the way.
    for text, error in ((said.getvalue(), False), (complained.getvalue(), True)):
        if text:
            say(text.removesuffix("\n"), error)
    return code


def _judged(
    model: str, certificate: str, distribution: str | None, watcher: Callable[[str, float], None]
) -> checker.Verdict:
    """The kernel's verdict on two files, or three, each read once, with line and column where it has a place."""
    try:
        files = contents(model), contents(certificate)
        weights = None if distribution is None else contents(distribution)
    except Declined as error:
        return checker.Verdict("declined", str(error))
    verdict = checker.check(*files, Counts(files[1], watcher), weights)
    return replace(verdict, reason=located(verdict.reason, *files, model))


def _show(verdict: checker.Verdict, as_json: bool) -> int:
    checker.__main__.show(verdict, as_json)
    return EXIT_CODES[verdict.verdict]


def _check_capped(
    model: str, certificate: str, as_json: bool, distribution: str | None, kernel: str, caps: Caps
) -> int:
    """Have a process of its own do the check, under caps, and print what it says."""
    weights = [] if distribution is None else [f"--distribution={distribution}"]
    arguments = [*(["--json"] if as_json else []), *weights, "--kernel", kernel, "--", model, certificate]
    try:
        code, output, errors = run_capped([sys.executable, "-I", "-m", "compact_proofs", "check", *arguments], caps)
    except OverCap as error:
        return _show(checker.Verdict("declined", str(error)), as_json)
    sys.stdout.write(output)
    sys.stderr.write(errors)
    return code


def _check_verified(model: str, certificate: str, as_json: bool, compare: bool) -> int:
    """Print the verdict of the verified checker, or the Python kernel's if asked to compare and they agree."""
    try:
        # Once, so that all that is said is about the same bytes.
        files = contents(model), contents(certificate)
    except Declined as error:
        return _show(checker.Verdict("declined", str(error)), as_json)
    if compare:
        python, verified = check_both(*files)
        python = replace(python, reason=located(python.reason, *files, model))
        found, line = asdict(python) | {"verified": verified.without_groups()}, f"{python}, by both kernels"
    else:
        verified = check_verified(*files)
        verified = replace(verified, reason=located(verified.reason, *files, model))
        found, line = verified.without_groups(), str(verified)
    accepted = verified.verdict == "accepted"
    if as_json:
        print(json.dumps(found))
    if not (accepted and as_json):
        print(printable(line), file=sys.stdout if accepted else sys.stderr)
    return EXIT_CODES[verified.verdict]


@_command("Put models and certificates into one file.", "bundle max.model max.certificate -o max.zip")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@_output("BUNDLE")
def bundle(files: tuple[str, ...], output: str, as_json: bool) -> None:
    """Write a BUNDLE of models and their certificates, for others to check with one command.

    A FILE is an exact model, a certificate, a folder with certificates, or the name of a shipped model.
    Every certificate is checked before. The same files give the same bytes.
    """
    from compact_proofs.bundles import make_bundle

    with progress_bar() as bar:
        bar.start("check the certificates")
        names = make_bundle(files, Path(output))
    certificates = sum(name.startswith("certificates/") for name in names)
    data = Path(output).read_bytes()
    sha256 = checker.header.model_hash(data)
    if as_json:
        say(json.dumps({"bundle": output, "bytes": len(data), "sha256": sha256, "files": sorted(names)}))
        return
    counts = f"{certificates} of {len(names)} files are certificates, all accepted"
    say(f"{shown(output)}: {counts}, {len(data)} bytes, sha256 {sha256}")


@_command("Check a bundle.", "verify max.zip")
@click.argument("bundle")
def verify(bundle: str, as_json: bool) -> int:
    """Check every certificate of a BUNDLE in exact arithmetic, with nothing but what is in it.

    Exit codes are those of `check`: 0 only if all are accepted. The single-file checker does the same:
    python -I checker.pyz --bundle BUNDLE.
    """
    from compact_proofs import bundle_file

    with progress_bar() as bar:
        bar.start("check")
        found = bundle_file.judge(bundle)
    accepted = found.verdict == "accepted"
    if as_json:
        say(json.dumps(asdict(found)))
    else:
        for name, verdict in found.certificates.items():
            say(f"{name}: {verdict}")
    if not (accepted and as_json):
        say(printable(str(found)), error=not accepted)
    return EXIT_CODES[found.verdict]


@_command("Write a distribution of inputs, by which a check weighs them.", "distribution tiny.model --gap 2 -o gap-2")
@click.argument("model")
@click.option("--gap", type=click.IntRange(1), help="Inputs of max whose largest token is so far above smaller ones.")
@click.option("--tokens", metavar="FILE", help="JSON: a probability for each token, for all positions or for each.")
@_output("DISTRIBUTION")
def distribution(model: str, gap: int | None, tokens: str | None, output: str, as_json: bool) -> None:
    """Write a DISTRIBUTION of the inputs of a MODEL, for `check --distribution`.

    With --gap, a set of inputs, which all weigh 1. With --tokens, tokens that are independent of each other; what
    is proportional to probabilities will do, and decimal numbers are taken as they are written.
    """
    text = None if tokens is None else Path(tokens).read_text(encoding="utf-8")
    found = commands.distribution(model, output, gap, text)
    digest = sha256(found).hexdigest()
    if as_json:
        say(json.dumps({"distribution": output, "bytes": len(found), "sha256": digest}))
    else:
        say(f"{shown(output)}: {len(found)} bytes, sha256 {digest}")


@_command("Write a theorem of Coq about one model.", "theorem tiny.model tiny.certificate -o tiny.v")
@click.argument("model")
@click.argument("certificate")
@_output("THEOREM")
def theorem(model: str, certificate: str, output: str, as_json: bool) -> int:
    """Write what a CERTIFICATE proves of a MODEL as a THEOREM (.v), for Coq to prove by itself.

    Nothing is written of files that the checker does not accept; exit codes are those of `check`.
    """
    verdict = commands.theorem(model, certificate, output)
    code = checker.__main__.EXIT_CODES[verdict.verdict]
    if as_json:
        say(json.dumps({"theorem": None if code else output, **asdict(verdict)}))
    if code:
        say(str(verdict), error=True)
    elif not as_json:
        claim = f"at least {verdict.correct_at_least} of {verdict.total} inputs are classified correctly"
        say(f"{shown(output)}: {claim}, yet to be proved: coqc -Q verified CompactProofs {shown(output)}")
    return code


@_command("List the proof strategies.", "strategies")
def strategies(as_json: bool) -> None:
    """List the proof strategies, from simple to clever: what each does, its class, and its operations as a formula.

    Last are `evaluate`, for programs, `sample`, and those of other packages.
    """
    from certificates.strategies import PROGRAM_STRATEGIES, STATISTICAL, STRATEGIES

    every = {strategy.name: strategy for strategy in commands.strategies()}
    found = {name: strategy.description for name, strategy in every.items() if name in STRATEGIES}
    found["evaluate"] = PROGRAM_STRATEGIES["evaluate"].description
    found["sample"] = STATISTICAL["sample"].description
    found |= {name: strategy.description for name, strategy in every.items() if name not in STRATEGIES}
    if as_json:
        say(json.dumps({"strategies": found}))
        return
    rows = [[name, description] for name, description in found.items()]
    print_table(["strategy", "what it does"], rows, words=("strategy", "what it does"))
    # SymPy takes a second to import, which no other command needs.
    from certificates.costs import LEGEND, strategy_costs

    for name, operations, asymptotic, unexplained in strategy_costs():
        say(f"\n{name}")
        for what, formula in (("class", asymptotic), ("unexplained", unexplained), ("operations", operations)):
            say_indented(what, formula)
    say()
    for symbol, meaning in LEGEND.items():
        say_indented(symbol, meaning)


@_command(
    "Train a model on the task max.",
    "train --positions 3 --vocabulary 6 --width 8 --steps 1000 -o small.safetensors",
)
@click.option("--positions", type=click.IntRange(2), default=4, show_default=True)
@click.option("--vocabulary", type=click.IntRange(2), default=64, show_default=True)
@click.option("--width", type=click.IntRange(1), default=32, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--steps", type=click.IntRange(1), default=3000, show_default=True)
@_output("WEIGHTS")
def train(positions: int, vocabulary: int, width: int, seed: int, steps: int, output: str, as_json: bool) -> None:
    """Train a model that names the largest of its tokens, and write its WEIGHTS (.safetensors).

    The same options give the same weights, with one version of PyTorch on one kind of processor. Needs PyTorch:
    pip install '.[train]' in a clone.
    """
    weights = commands.train(output, positions, vocabulary, width, seed, steps, progress=shows_progress())
    estimate = _estimate(weights)
    if as_json:
        say(json.dumps({"weights": output, "estimate": estimate}))
    else:
        say(f"{shown(output)}: {_estimated(estimate['accuracy'], estimate['samples'])}")


@_command(
    "Draw the frontier of bound against operations.",
    "frontier max-of-4-seed-0 max-of-4-seed-1 -o frontier-output",
)
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option(
    "-o",
    "--output",
    default="frontier-output",
    show_default=True,
    metavar="DIRECTORY",
    help="Where the files go, and where an interrupted run left them.",
)
@click.option("--processes", type=click.IntRange(1), help="At the same time.  [default: one per core]")
@click.option("--best", is_flag=True, help="Print only what is on the Pareto frontier.")
@click.option(
    "--strategy",
    "own",
    multiple=True,
    metavar="MODULE:FUNCTION",
    help="A strategy of your own, besides those that are listed by `compact-proofs strategies`.",
)
def frontier(
    models: tuple[str, ...], output: str, processes: int | None, best: bool, own: tuple[str, ...], as_json: bool
) -> None:
    """Prove each MODEL by every strategy at several prices, check all proofs, and compare them.

    MODEL is an exact model file, or the name of a shipped model; without any, the shipped models of
    max-of-4. Writes a table (frontier.csv) and a picture (frontier.svg, frontier.png). Proofs are
    kept, so that an interrupted run continues. Needs Matplotlib: pip install '.[frontier]' in a clone.
    """
    # Loaded only here, because they take a second; and before the work, in case they are missing.
    from compact_proofs import frontier as frontiers
    from compact_proofs.frontier_plot import draw
    from compact_proofs.frontier_table import OPTIONAL, PRINTED, printed, table, write_csv

    directory = Path(output)
    names = models or tuple(name for name in shipped_models() if name.startswith("max-of-4-"))
    directory.mkdir(parents=True, exist_ok=True)
    for path in _frontier_files(names, directory):
        require_output(path, map(Path, names))
    files = [frontiers.model_file(name, directory) for name in names]
    with progress_bar() as bar:
        points, missing = frontiers.frontier(files, directory, processes=processes, starting=bar.start, own=own)
    rows = table(points)
    write_csv(rows, directory / "frontier.csv")
    paths = [directory / "frontier.csv", *draw(rows, directory)]
    chosen = [row for row in rows if row.pareto or not best]
    if as_json:
        without = [{"model": found.model, "strategy": found.setting.name, "reason": found.reason} for found in missing]
        say(json.dumps({"rows": list(map(asdict, chosen)), "missing": without, "files": list(map(str, paths))}))
        return
    print_table(list(PRINTED), list(map(printed, chosen)), words=("model", "strategy"), optional=OPTIONAL)
    for found in missing:
        say(f"{shown(found.model)}: no proof by {found.setting.name}: {printable(found.reason)}")
    say(f"\nFiles are {', '.join(map(shown, paths))}.")


def _frontier_files(models: Sequence[str], directory: Path) -> Iterator[Path]:
    """All files that `frontier` may write to its directory, but for those of its results."""
    yield directory / "frontier.csv"
    for name in ("frontier", *(f"frontier-{Path(model).stem}" for model in models)):
        yield from (directory / f"{name}.{suffix}" for suffix in ("svg", "png"))
    for model in models:
        if model in shipped_models() and not Path(model).exists():
            yield directory / f"{model}.model"


@_command("Make a page about models and their proofs.", "report max.model max.certificate -o report.html")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--strategy", "strategies", multiple=True, metavar="NAME", help="Prove each model by it.")
@click.option("--figures", metavar="FOLDER", help="Write each picture there, too, as PNG, SVG and PDF.")
@_output("PAGE")
def report(
    files: tuple[str, ...], strategies: tuple[str, ...], figures: str | None, output: str, as_json: bool
) -> None:
    """Write one HTML PAGE on what is proved of models, and where the rest is lost.

    A FILE is an exact model, a certificate, a folder with certificates, or the name of a shipped model.
    Models without certificates are proved by strategies that take seconds. Every verdict is the
    checker's, given now. The page needs no network. Needs Altair: pip install '.[report]' in a clone.
    """
    from certificates.progress import watched
    from compact_proofs.report.collect import collect
    from compact_proofs.report.summary import as_object

    # Loaded before the work, in case something is missing.
    try:
        from compact_proofs.report.figures import write_figures
        from compact_proofs.report.page import page
    except ModuleNotFoundError as error:
        raise ImportError(f"a report needs {error.name}: pip install '.[report]' in a clone") from None
    require_output(Path(output), [Path(file) for file in files])
    paths = []
    with progress_bar() as bar, watched(bar.part):
        subjects = collect(files, strategies, bar.start)
        bar.start("write the page")
        write_whole(Path(output), page(subjects))
        if figures is not None:
            bar.start("write the pictures")
            paths = write_figures(subjects, Path(figures))
    if as_json:
        models = [as_object(subject) for subject in subjects]
        say(json.dumps({"page": output, "figures": list(map(str, paths)), "models": models}))
        return
    say(f"{shown(output)}: {_counted(subjects)}")
    if figures is not None:
        say(f"{shown(figures)}: {len(paths)} pictures")


def _counted(subjects: "Sequence[Subject]") -> str:
    accepted = sum(proof.accepted for subject in subjects for proof in subject.proofs)
    proofs = sum(len(subject.proofs) for subject in subjects)
    return f"{len(subjects)} model{'s' * (len(subjects) != 1)}, {accepted} of {proofs} certificates accepted"


@_command("Show what is in a model.", "inspect max.model max.certificate")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--strategy", "strategies", multiple=True, metavar="NAME", help="Prove each model by it.")
def inspect(files: tuple[str, ...], strategies: tuple[str, ...], as_json: bool) -> None:
    """Show what `report` shows, as tables: shapes, singular values, margins, verdicts, what is left out.

    A FILE is an exact model, a certificate, a folder with certificates, or the name of a shipped model.
    Models without certificates are proved by `exact`, or `evaluate`.
    """
    from certificates.progress import watched
    from compact_proofs.report.collect import collect
    from compact_proofs.report.summary import as_object, tables

    with progress_bar() as bar, watched(bar.part):
        subjects = collect(files, strategies, bar.start, quick=True)
    if as_json:
        say(json.dumps({"models": [as_object(subject) for subject in subjects]}))
        return
    for number, table in enumerate(table for subject in subjects for table in tables(subject)):
        say(("\n" if number else "") + printable(table.title))
        print_table(table.columns, table.rows, words=table.words)


@_command("Repeat the paper's study.", "study seeds --family max-of-4 --seeds 5 -o study-output")
@click.argument("parts", nargs=-1, type=click.Choice(["seeds", "noise", "fine-tuning"]))
@click.option("--family", "families", multiple=True, metavar="NAME", help="Of the part `seeds`.  [default: all]")
@click.option("--seeds", type=click.IntRange(1), help="The most models of each family.")
@click.option("--no-training", is_flag=True, help="Leave out models of the part `seeds` that are yet to be trained.")
@click.option("--draws", type=click.IntRange(2), default=100, show_default=True, help="Of the part `noise`.")
@click.option(
    "-o",
    "--output",
    default="study-output",
    show_default=True,
    metavar="DIRECTORY",
    help="Where the files go, and where an interrupted run left them.",
)
@click.option("--processes", type=click.IntRange(1), help="At the same time.  [default: one per core]")
@click.option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster that does the work, such as tcp://host:8786.")
@click.option("--recheck", is_flag=True, help="Check all certificates, those that are kept too.")
@click.option("--verified", is_flag=True, help="Ask the verified checker, too; both must agree.")
def study(
    parts: tuple[str, ...],
    families: tuple[str, ...],
    seeds: int | None,
    no_training: bool,
    draws: int,
    output: str,
    processes: int | None,
    scheduler: str | None,
    recheck: bool,
    verified: bool,
    as_json: bool,
) -> None:
    """Train many models from their seeds, prove and check them, and compare strategies (`docs/study.md`).

    PARTS are seeds (bounds over many seeds), noise (residuals against random ones) and fine-tuning (against what
    the explanation leaves out); all of them by default. Writes tables (CSV) and pictures (PNG). What is found is
    kept, so that an interrupted run continues. Needs PyTorch and Matplotlib: pip install '.[study]' in a clone.
    """
    # Loaded only here, because they take a second; and before the work, in case they are missing.
    from compact_proofs.study.proofs import How
    from compact_proofs.study.report import PARTS, Run
    from compact_proofs.study.workers import Workers

    found_by_part = {}
    for part in parts or PARTS:
        with progress_bar() as bar:
            run = Run(
                Path(output),
                Workers(processes, scheduler),
                How(recheck, verified),
                bar.start,
                families,
                seeds,
                not no_training,
                draws,
            )
            report = PARTS[part](run)
        if as_json:
            found_by_part[part] = asdict(report)
            continue
        for found in report.tables:
            rows, optional = [list(row) for row in found.rows], tuple(found.optional)
            print_table(list(found.columns), rows, words=tuple(found.words), optional=optional)
            say()
        for line in report.lines:
            say(line)
        say(f"Files are {', '.join(map(shown, report.files))}.")
    if as_json:
        say(json.dumps(found_by_part, default=str))


@_command("Try to make the checker accept something false.", "fuzz --seconds 60")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="How long.  [default: 60]")
@click.option("--examples", type=click.IntRange(1), help="How many changed certificates, in place of --seconds.")
@click.option("--seed", type=click.IntRange(0), help="Where random numbers start.  [default: anywhere]")
@click.option("--jobs", type=click.IntRange(1), help="Processes at the same time.  [default: one per core]")
@click.option(
    "-o",
    "--output",
    default="fuzz-failures",
    show_default=True,
    metavar="DIRECTORY",
    help="Where the files of failures go.",
)
@click.option(
    "--database",
    default=".hypothesis",
    show_default=True,
    metavar="DIRECTORY",
    help="Where failures are remembered, to begin the next run with.",
)
def fuzz(
    seconds: float | None,
    examples: int | None,
    seed: int | None,
    jobs: int | None,
    output: str,
    database: str,
    as_json: bool,
) -> int:
    """Have tiny models and certificates made and changed at random, and the checker's verdicts judged.

    An accepted claim must be true by brute force, and so must what the checker finds in each group.
    Exit code 0: nothing failed. 1: the checker accepted something false, ended with an exception, or took
    more than 10 seconds; the files are saved. Needs Hypothesis: pip install '.[fuzz]' in a clone.
    """
    if seconds is not None and examples is not None:
        raise click.UsageError("either --seconds or --examples")
    with progress_bar() as bar:
        bar.start("fuzz")
        report = commands.fuzz(examples, seconds, seed, jobs, output, database, bar.start)
    if as_json:
        say(json.dumps(report, indent=1))
    else:
        from fuzzing.report import COLUMNS, rows, summary

        print_table(list(COLUMNS), rows(report), words=("mutation",))
        say(f"\n{summary(report)}")
    return 1 if report["failures"] else 0


@_command("Export, prove and check a shipped model.", "demo -o compact-proofs-output")
@click.option("--model", default=MODEL, show_default=True, help="A shipped model.")
@click.option(
    "-o",
    "--output",
    default=OUTPUT,
    show_default=True,
    metavar="DIRECTORY",
    help="Where the files go.",
)
def demo(model: str, output: str, as_json: bool) -> int:
    """Export a shipped model, prove it by every strategy, check each certificate in its own process."""
    with progress_bar(2 * len(demonstration.strategies())) as bar:
        results = demonstration.demo(output, model, bar.start)
    if as_json:
        say(json.dumps({"results": [asdict(result) for result in results]}, default=str))
    else:
        _print_results(model, Path(output), results)
    accepted = [result.verdict for result in results if result.verdict is not None]
    return 0 if all(verdict.verdict == "accepted" for verdict in accepted) else EXIT_CODES["rejected"]


def _print_results(model: str, directory: Path, results: "list[demonstration.Result]") -> None:
    rows = []
    for result in results:
        verdict = result.verdict
        if verdict is None:
            rows.append([result.strategy, result.reason, *[""] * 4, f"{result.prove_seconds:.2f}", ""])
            continue
        rows.append(
            [
                result.strategy,
                verdict.verdict,
                f"{verdict.correct_at_least:,}",
                percentage(verdict.correct_at_least, verdict.total),
                f"{verdict.operations:,}",
                f"{verdict.certificate_bytes:,}",
                f"{result.prove_seconds:.2f}",
                f"{result.check_seconds:.2f}",
            ]
        )
    total = next((result.verdict.total for result in results if result.verdict is not None), 0)
    say(f"{model}: {total:,} inputs\n")
    print_table(
        [
            "strategy",
            "verdict",
            "correct at least",
            "of all",
            "operations",
            "certificate bytes",
            "prove s",
            "check s",
        ],
        rows,
        words=("strategy", "verdict"),
        optional=("certificate bytes", "correct at least"),
    )
    example = results[-1].certificate
    again = shlex.join(checker_command(directory / f"{model}.model", example))
    say(f"\nFiles are in {shown(directory.resolve())}. Check one again:\n  {printable(again)}")


class Terminated(BaseException):
    """A signal asks the process to end. Not an `Exception`, so that nothing on the way takes it for its own."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code, 128 and the number of a signal for one."""
    try:
        result = command.main(arguments, prog_name="compact-proofs", standalone_mode=False)
    except click.ClickException as error:
        print_error(error.format_message())
    except (click.Abort, KeyboardInterrupt):
        print_error("interrupted")
        return 128 + signal.SIGINT
    except Terminated as error:
        return 128 + error.number
    except OutputLost as error:
        print_error(f"what was found cannot be printed: {error}")
        return UNPRINTED
    except Disagreement as error:
        print_error(f"the two kernels do not agree: {error}")
        return DISAGREEMENT
    except CheckerFailed as error:
        print_error(str(error))
        return NO_VERDICT
    except OSError as error:
        print_error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except ModuleNotFoundError as error:
        what, extra = EXTRAS.get(str(error.name).partition(".")[0], (str(error), ""))
        print_error(f"this needs {what}: pip install '.[{extra}]' in a clone" if extra else what)
    except (*commands.ERRORS, NotBuilt) as error:
        print_error(str(error))
    except (ArithmeticError, MemoryError) as error:
        print_error(f"beyond what this command can do: {type(error).__name__} {error}".strip())
    else:
        return result if isinstance(result, int) else 0
    return USAGE
