"""The command `compact-proofs`.

Exit codes: 0 success (of a check: accepted), 1 rejected, 2 declined, bad input or bad usage. Results
go to standard output; progress and errors, of one line each, to standard error.
"""

import json
import re
import shlex
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import checker.__main__
from compact_proofs.isolated import Caps, CheckerFailed, checker_command, run_capped
from compact_proofs.lazy import lazy_module
from compact_proofs.shipped import MODEL, OUTPUT, shipped_models
from compact_proofs.terminal import print_error, print_table, progress_bar
from compact_proofs.verified import NotBuilt, check_verified
from model_export.tasks import TASKS

if TYPE_CHECKING:
    from compact_proofs import commands, demonstration
else:
    commands, demonstration = map(lazy_module, ("compact_proofs.commands", "compact_proofs.demonstration"))

SAMPLES = 100_000


class _Command(click.Command):
    """A command whose help ends with an example, printed as it is to be typed."""

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        if self.epilog:
            with formatter.section("Example"):
                formatter.write(f"  {self.epilog}\n")


def _bytes(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """A number of bytes: 1000000, 512MiB or 2GiB."""
    if value is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,17})(|KiB|MiB|GiB)", value)
    if found is None:
        raise click.BadParameter(f"{value!r} is not a number of bytes, such as 512MiB", context, parameter)
    return min(int(found[1]) * {"": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}[found[2]], sys.maxsize)


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
    return command.command(cls=_Command, short_help=short_help, epilog=f"compact-proofs {example}")


def _output(metavar: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option("-o", "--output", required=True, metavar=metavar, help="File to write.")


@_command("Write the exact model of trained weights.", "export models/tiny.safetensors -o tiny.model")
@click.argument("weights")
@click.option("--task", default="max", show_default=True, help=f"One of: {', '.join(TASKS)}.")
@_output("MODEL")
def export(weights: str, task: str, output: str) -> None:
    """Write the exact MODEL of trained WEIGHTS (.safetensors, .npz, .pt or .pth); nothing is rounded."""
    model = commands.export(weights, output, task)
    sha256 = checker.model.model_hash(Path(output).read_bytes())
    click.echo(
        f"{output}: task {model.task}, {model.total} inputs ({model.vocabulary} tokens, "
        f"{model.positions} positions), sha256 {sha256}"
    )


@_command(
    "Write a certificate, found by a strategy.",
    "prove tiny.model --strategy exact -o tiny.certificate",
)
@click.argument("model")
@click.option("--strategy", required=True, metavar="NAME", help="One of `compact-proofs strategies`.")
@click.option(
    "--budget",
    type=click.IntRange(0),
    metavar="OPERATIONS",
    help="The most that the check may take; for strategies that can do with less.",
)
@_output("CERTIFICATE")
def prove(model: str, strategy: str, budget: int | None, output: str) -> None:
    """Write a CERTIFICATE for a MODEL, found by a proof strategy. Nothing is proved before a check."""
    with progress_bar() as bar:
        bar.start(f"prove by {strategy}")
        certificate = commands.prove(model, strategy, output, budget)
    click.echo(f"{output}: {len(certificate)} bytes by {strategy}, yet to be checked")


@_command("Check a certificate against a model.", "check tiny.model tiny.certificate --json")
@click.argument("model")
@click.argument("certificate")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as one JSON object.")
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
    help="Decline a check that takes more memory; also as 512MiB or 2GiB.",
)
def check(
    model: str, certificate: str, as_json: bool, kernel: str, max_seconds: float | None, max_memory: int | None
) -> int:
    """Check a CERTIFICATE for a MODEL in exact arithmetic.

    Exit code 0: accepted. 1: rejected, a claim is not established. 2: declined, a file cannot be judged, the
    verdicts of both kernels differ, or the check was ended for the time or the memory that it took.
    """
    said, complained = StringIO(), StringIO()
    caps = Caps(max_seconds, max_memory)
    with progress_bar() as bar, redirect_stdout(said), redirect_stderr(complained):
        bar.start("check")
        if caps != Caps():
            code = _check_capped(model, certificate, as_json, kernel, caps)
        elif kernel == "python":
            code = checker.__main__.main([*(["--json"] if as_json else []), "--", model, certificate])
        else:
            code = _check_verified(model, certificate, as_json, compare=kernel == "both")
    # Printed only now, because on a terminal the progress bar would be in the way.
    sys.stdout.write(said.getvalue())
    sys.stderr.write(complained.getvalue())
    return code


def _check_capped(model: str, certificate: str, as_json: bool, kernel: str, caps: Caps) -> int:
    """Have a process of its own do the check, under caps, and print what it says."""
    arguments = [*(["--json"] if as_json else []), "--kernel", kernel, "--", model, certificate]
    try:
        code, output, errors = run_capped([sys.executable, "-I", "-m", "compact_proofs", "check", *arguments], caps)
    except CheckerFailed as error:
        verdict = checker.Verdict("declined", str(error))
        code, output = checker.__main__.EXIT_CODES[verdict.verdict], ""
        errors = f"{verdict.verdict}: {verdict.reason}\n"
        if as_json:
            output = json.dumps(asdict(verdict)) + "\n"
    click.echo(output, nl=False)
    click.echo(errors, nl=False, err=True)
    return code


def _check_verified(model: str, certificate: str, as_json: bool, compare: bool) -> int:
    """Print the verdict of the verified checker, and compare it with the Python kernel's if asked to."""
    verdict = check_verified(model, certificate)
    code = checker.__main__.EXIT_CODES[str(verdict["verdict"])]
    line = f"{verdict['verdict']}: {verdict['reason']}"
    if code == 0:
        line = f"accepted: at least {verdict['correct_at_least']} of {verdict['total']} inputs are classified correctly"
    if compare:
        other = commands.check(model, certificate)
        verdict["python"] = other.verdict
        same = (verdict["verdict"], verdict.get("correct_at_least", 0)) == (other.verdict, other.correct_at_least)
        line += ", by both kernels" if same else f" by the verified checker, but {other.verdict} by the Python kernel"
        code = code if same else 2
    if as_json:
        click.echo(json.dumps(verdict))
    if code or not as_json:
        click.echo(line, err=code != 0)
    return code


@_command("List the proof strategies.", "strategies")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def strategies(as_json: bool) -> None:
    """List the proof strategies: what each does, its class, and its operations as a formula."""
    found = {strategy.name: strategy.description for strategy in commands.strategies()}
    if as_json:
        click.echo(json.dumps({"strategies": found}))
        return
    rows = [[name, description] for name, description in found.items()]
    print_table(["strategy", "what it does"], rows, words=("strategy", "what it does"))
    # SymPy takes a second to import, which no other command needs.
    from certificates.costs import LEGEND, strategy_costs

    click.echo()
    for name, operations, asymptotic, unexplained in strategy_costs():
        click.echo(f"{name}: class {asymptotic}; unexplained dimensions {unexplained}")
        click.echo(f"    operations {operations}")
    click.echo()
    for symbol, meaning in LEGEND.items():
        click.echo(f"{symbol}: {meaning}")


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
def train(positions: int, vocabulary: int, width: int, seed: int, steps: int, output: str) -> None:
    """Train a model that names the largest of its tokens, and write its WEIGHTS (.safetensors).

    The same options give the same weights. Needs PyTorch: pip install 'compact-proofs[train]'.
    """
    from model_export.training import sampled_accuracy

    weights = commands.train(output, positions, vocabulary, width, seed, steps, progress=sys.stderr.isatty())
    accuracy = sampled_accuracy(weights, SAMPLES, seed=1)
    click.echo(f"{output}: right on {accuracy:.3%} of {SAMPLES} random inputs (an estimate)")


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
def frontier(models: tuple[str, ...], output: str, processes: int | None, best: bool) -> None:
    """Prove each MODEL by every strategy at several prices, check all proofs, and compare them.

    MODEL is an exact model file, or the name of a shipped model; without any, the shipped models of
    max-of-4. Writes a table (frontier.csv) and a picture (frontier.svg, frontier.png). Proofs are
    kept, so that an interrupted run continues. Needs Matplotlib, the extra `frontier`.
    """
    # Loaded only here, because they take a second; and before the work, in case they are missing.
    from compact_proofs import frontier as frontiers
    from compact_proofs.frontier_plot import draw
    from compact_proofs.frontier_table import PRINTED, printed, table, write_csv

    directory = Path(output)
    names = models or tuple(name for name in shipped_models() if name.startswith("max-of-4-"))
    files = [frontiers.model_file(name, directory) for name in names]
    with progress_bar() as bar:
        points, missing = frontiers.frontier(files, directory, processes=processes, starting=bar.start)
    rows = table(points)
    directory.mkdir(parents=True, exist_ok=True)
    write_csv(rows, directory / "frontier.csv")
    paths = [directory / "frontier.csv", *draw(rows, directory)]
    print_table(
        list(PRINTED),
        [printed(row) for row in rows if row.pareto or not best],
        words=("model", "strategy"),
    )
    for found in missing:
        click.echo(f"{found.model}: no proof by {found.setting.name}: {found.reason}")
    click.echo(f"\nFiles are {', '.join(map(str, paths))}.")


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
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
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
    more than 10 seconds; the files are saved. Needs Hypothesis, the extra `fuzz`.
    """
    if seconds is not None and examples is not None:
        raise click.UsageError("either --seconds or --examples")
    with progress_bar() as bar:
        bar.start("fuzz")
        report = commands.fuzz(examples, seconds, seed, jobs, output, database, bar.start)
    if as_json:
        click.echo(json.dumps(report, indent=1))
    else:
        from fuzzing.report import COLUMNS, rows, summary

        print_table(list(COLUMNS), rows(report), words=("mutation",))
        click.echo(f"\n{summary(report)}")
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
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def demo(model: str, output: str, as_json: bool) -> int:
    """Export a shipped model, prove it by every strategy, check each certificate in its own process."""
    with progress_bar(2 * len(commands.strategies())) as bar:
        results = demonstration.demo(output, model, bar.start)
    if as_json:
        click.echo(json.dumps({"results": [asdict(result) for result in results]}, default=str))
    else:
        _print_results(model, Path(output), results)
    accepted = [result.verdict for result in results if result.verdict]
    return 0 if all(verdict.verdict == "accepted" for verdict in accepted) else 1


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
                _percent(verdict.correct_at_least, verdict.total),
                f"{verdict.operations:,}",
                f"{verdict.certificate_bytes:,}",
                f"{result.prove_seconds:.2f}",
                f"{result.check_seconds:.2f}",
            ]
        )
    total = next((result.verdict.total for result in results if result.verdict), 0)
    click.echo(f"{model}: {total:,} inputs\n")
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
    )
    example = results[-1].certificate
    again = shlex.join(checker_command(directory / f"{model}.model", example))
    click.echo(f"\nFiles are in {directory.resolve()}. Check one again:\n  {again}")


def _percent(part: int, whole: int) -> str:
    """Rounded down, so that only all is 100%."""
    millionths = part * 10**6 // whole
    return f"{millionths // 10**4}.{millionths % 10**4:04}%"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    try:
        result = command.main(arguments, prog_name="compact-proofs", standalone_mode=False)
    except click.ClickException as error:
        print_error(error.format_message())
    except (click.Abort, KeyboardInterrupt):
        print_error("interrupted")
        return 130
    except OSError as error:
        print_error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except (*commands.ERRORS, CheckerFailed, NotBuilt) as error:
        print_error(str(error))
    except (ArithmeticError, MemoryError) as error:
        print_error(f"beyond what this command can do: {type(error).__name__} {error}".strip())
    else:
        return result if isinstance(result, int) else 0
    return 2
