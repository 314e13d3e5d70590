"""The command line `collecto`: arguments in, answers and exit statuses out.

Each command calls one stage or one run and prints; what it prints is made in `answers`. Heavy
packages are imported by the commands that need them.
"""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from data_contracts.loader import ContractError
from data_contracts.periods import PeriodError
from data_contracts.publications import PublicationError
from pipelines.settings import PROJECT_DIR, SettingsError, load_settings
from pipelines.store import StaleEpochError, StoreBusyError

app = typer.Typer(
    name="collecto",
    help="The open observatory of food aid: from delivered files to published figures.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
deliveries_app = typer.Typer(help="Deliveries of files.", no_args_is_help=True)
quarantine_app = typer.Typer(
    help="Rows held back, with the rules they broke.", no_args_is_help=True
)
contracts_app = typer.Typer(help="Data contracts.", no_args_is_help=True)
app.add_typer(deliveries_app, name="deliveries")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(contracts_app, name="contracts")

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
FoodBanks = Annotated[
    list[str] | None, typer.Option("--food-bank", help="Only this food bank; may be repeated.")
]


class UsageError(Exception):
    """The command cannot be answered as it was asked; the message says what to ask instead."""


@app.callback()
def main_options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    """Options of every command."""
    if debug:
        os.environ["COLLECTO_DEBUG"] = "1"


@app.command(epilog="Example: collecto demo --seed 7 --until 2024-03-31 --food-bank isere")
def demo(
    scale: Annotated[int, typer.Option(min=1, max=1000, help="Times the usual activity.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 20240625,
    until: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="Last day of the records.")
    ] = datetime(2024, 6, 25),  # noqa: DTZ001 (a day, as the option reads it)
    food_bank: FoodBanks = None,
    as_json: AsJson = False,
) -> None:
    """Write the demonstration's records into the landing folder.

    Three food banks, each in its own way of writing; --scale repeats the activity of bourgogne.
    """
    from pipelines import answers
    from pipelines.demo import FOOD_BANKS, write_food_banks
    from pipelines.store import make_key_file

    settings = load_settings()
    make_key_file(settings)
    try:
        with answers.show_progress("Writing the demonstration's records", as_json):
            written = write_food_banks(
                settings.landing,
                food_bank or FOOD_BANKS,
                seed=seed,
                until=until.date(),
                scale=scale,
            )
    except ValueError as error:
        raise UsageError(str(error)) from None
    answers.print_demonstration(settings, written, as_json)


@app.command(epilog="Example: collecto refresh --food-bank bourgogne --json")
def refresh(food_bank: FoodBanks = None, as_json: AsJson = False) -> None:
    """Claim, judge, include, build, audit and publish what is new.

    Exit status: 0 done, 1 failed, 3 a delivery was set aside, 4 publication refused.
    """
    from pipelines import answers, runs

    settings = load_settings()
    with answers.show_progress("Looking for new deliveries", as_json) as report:
        summary = runs.refresh(settings, food_banks=tuple(food_bank or ()), on_progress=report)
    answers.print_refresh(summary, as_json)
    raise typer.Exit(summary.exit_status)


@app.command(epilog="Example: collecto rebuild --json")
def rebuild(as_json: AsJson = False) -> None:
    """The same from raw, from nothing: every accepted row, with the verdicts that were given.

    The former warehouse is kept until the new one is finished. Exit status as `refresh`.
    """
    from pipelines import answers, runs

    settings = load_settings()
    with answers.show_progress("Building from nothing", as_json) as report:
        summary = runs.refresh(settings, is_rebuild=True, on_progress=report)
    answers.print_refresh(summary, as_json)
    raise typer.Exit(summary.exit_status)


@app.command(epilog="Example: collecto status --json")
def status(as_json: AsJson = False) -> None:
    """Deliveries by state, lines to correct, what is late, the publication and its age."""
    from pipelines import answers
    from pipelines.health import describe_status

    answers.print_status(describe_status(load_settings()), as_json)


@app.command(epilog="Example: collecto doctor --json")
def doctor(as_json: AsJson = False) -> None:
    """What needs attention: key, disk, contracts, late files, lines to correct, what waits.

    Exit status 1 where something is wrong; each line says what to do next.
    """
    from pipelines import answers
    from pipelines.health import examine

    results = examine(load_settings())
    answers.print_checks(results, as_json)
    if not all(result["ok"] for result in results):
        raise typer.Exit(1)


@app.command(epilog="Example: collecto verify --json")
def verify(as_json: AsJson = False) -> None:
    """Hash raw, accepted and published files again; exit status 1 where one was altered."""
    from pipelines import answers
    from pipelines.health import verify as verify_files

    with answers.show_progress("Hashing", as_json) as report:
        results = verify_files(load_settings(), report)
    answers.print_checks(results, as_json)
    if not all(result["ok"] for result in results):
        raise typer.Exit(1)


@app.command(
    epilog="Example: collecto reconcile rapport-2023.csv (columns: indicator, period, value, and"
    " food_bank, unit, label where they are needed)"
)
def reconcile(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="The published report, a table.")
    ],
    food_bank: Annotated[
        str | None, typer.Option("--food-bank", help="Whose report it is.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, max=1, help="Share of a figure that is no gap.")
    ] = 0.005,
    as_json: AsJson = False,
) -> None:
    """Our figures beside a published report of the food bank: the gap of each line, and its cause.

    Exit status 1 where a gap is left that nothing explains.
    """
    from pipelines import answers
    from pipelines.reconciliation import ReportError, reconcile_report

    try:
        lines = reconcile_report(load_settings(), file, food_bank, tolerance)
    except ReportError as error:
        raise UsageError(str(error)) from None
    answers.print_reconciliation(lines, as_json)
    if any(line["cause"] == "unexplained" for line in lines):
        raise typer.Exit(1)


@app.command(
    epilog="Examples: collecto indicator households_helped --period 2024-to-date --json;"
    " collecto indicator orders --period 2023-09..2023-12;"
    " collecto indicator tonnes_received --period 2023-11 --explain"
)
def indicator(
    code: Annotated[str, typer.Argument(help="Code of the indicator in the register.")],
    period: Annotated[
        str | None,
        typer.Option(help="2023, 2023-Q4, 2023-11, 2024-to-date, 2023-09..2023-12."),
    ] = None,
    food_bank: FoodBanks = None,
    variant: Annotated[
        str | None, typer.Option(help="Definition, method or convention; default: the first.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="`territory`: also the part of each territory.")
    ] = None,
    is_explained: Annotated[
        bool, typer.Option("--explain", help="Down to measures, models, delivered files, factors.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The value of an indicator as published, with numerator, denominator and data date."""
    from pipelines import answers, runs
    from pipelines.publish.figures import FigureError, read_indicator

    settings = load_settings()
    try:
        rows = read_indicator(
            settings.published, code, period, food_banks=food_bank, variant=variant, by=by
        )
    except FigureError as error:
        raise UsageError(str(error)) from error
    if is_explained:
        rows = runs.explain_indicator(settings, rows)
    answers.print_indicator(rows, as_json)


@deliveries_app.command("list", epilog="Example: collecto deliveries list --state set_aside")
def list_deliveries(
    state: Annotated[str | None, typer.Option(help="Only deliveries in this state.")] = None,
    food_bank: FoodBanks = None,
    as_json: AsJson = False,
) -> None:
    """Deliveries with their state, reason and rows."""
    from pipelines import answers
    from pipelines.store import open_store

    with open_store(load_settings()) as store:
        rows = answers.describe_deliveries(store)
    if state:
        rows = [row for row in rows if row["state"] == state]
    if food_bank:
        rows = [row for row in rows if row["food_bank_id"] in food_bank]
    answers.print_deliveries(rows, as_json)


@quarantine_app.command("list", epilog="Example: collecto quarantine list --json")
def list_quarantine(
    food_bank: FoodBanks = None,
    everything: Annotated[bool, typer.Option("--all", help="Corrected rows too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Rows held back, with file, line and every rule that they broke."""
    from pipelines import answers
    from pipelines.store import open_store

    with open_store(load_settings()) as store:
        rows = answers.describe_quarantine(store, None if everything else "open")
    if food_bank:
        rows = [row for row in rows if row["food_bank_id"] in food_bank]
    answers.print_quarantine(rows, as_json)


@deliveries_app.command("approve", epilog="Example: collecto deliveries approve 3f9a --comment vu")
def approve_delivery(
    delivery: Annotated[str, typer.Argument(help="Its identifier, or the beginning of it.")],
    comment: Annotated[str, typer.Option(help="Why it is right.")] = "",
    as_json: AsJson = False,
) -> None:
    """Let a delivery count that was held, or set aside for what it is beside its history."""
    _decide(delivery, comment, as_json, is_approved=True)


@deliveries_app.command("refuse", epilog="Example: collecto deliveries refuse 3f9a --comment coupé")
def refuse_delivery(
    delivery: Annotated[str, typer.Argument(help="Its identifier, or the beginning of it.")],
    comment: Annotated[str, typer.Option(help="Why it is wrong.")] = "",
    as_json: AsJson = False,
) -> None:
    """Set a delivery that waits aside for good: what it would replace stays."""
    _decide(delivery, comment, as_json, is_approved=False)


def _decide(delivery: str, comment: str, as_json: bool, *, is_approved: bool) -> None:
    from pipelines import answers
    from pipelines.intake import DecisionError, decide_held
    from pipelines.store import hold_writer_lock, open_store

    settings = load_settings()
    with hold_writer_lock(settings), open_store(settings) as store:
        try:
            found = decide_held(store, delivery, comment, is_approved)
        except DecisionError as error:
            raise UsageError(str(error)) from None
    answers.print_decision(found, is_approved, as_json)


@quarantine_app.command("export", epilog="Example: collecto quarantine export -o corrections/")
def export_quarantine(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of workbooks.")] = Path(),
    food_bank: FoodBanks = None,
    as_json: AsJson = False,
) -> None:
    """Workbooks (XLSX) of the lines to correct, with what is wrong in plain French.

    The corrected workbook simply lands again, in landing/<food bank>/<record>/.
    """
    from pipelines import answers
    from pipelines.quality.corrections import write_corrections
    from pipelines.store import open_store

    settings = load_settings()
    with open_store(settings) as store:
        rows = [
            row
            for row in store.list_quarantine("open")
            if not food_bank or row["food_bank_id"] in food_bank
        ]
    paths = write_corrections(rows, output, settings.today())
    answers.print_export(paths, len(rows), as_json)


@quarantine_app.command("replay", epilog="Example: collecto quarantine replay --json")
def replay_quarantine(food_bank: FoodBanks = None, as_json: AsJson = False) -> None:
    """Judge lines held back again under today's contracts and profiles; then refresh."""
    from data_contracts.loader import load_profiles
    from pipelines import answers, intake
    from pipelines.store import hold_writer_lock, open_store

    settings = load_settings()
    profiles = load_profiles(settings.sources_dir)
    with (
        answers.show_progress("Judging again", as_json) as report,
        hold_writer_lock(settings),
        open_store(settings) as store,
    ):
        replayed = intake.replay_quarantine(settings, store, profiles, food_bank or (), report)
    answers.print_replay(replayed.rows_tried, replayed.rows_replayed, as_json)


@contracts_app.command(
    "new-source", epilog="Example: collecto contracts new-source export.csv --food-bank rhone"
)
def draft_source(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A sample of its export.")
    ],
    food_bank: Annotated[str, typer.Option("--food-bank", help="Short name.")] = "exemple",
    record: Annotated[
        str | None, typer.Option(help="The record that it holds; else the one that fits best.")
    ] = None,
) -> None:
    """Profile a sample file and print a first source profile for it, to be completed by hand."""
    from pipelines.ingest.containers import UnreadableError
    from pipelines.ingest.drafting import draft_profile

    try:
        print(draft_profile(file, food_bank, record), end="")
    except UnreadableError as error:
        raise UsageError(f"{file.name}: {error}") from None


@contracts_app.command("check", epilog="Example: collecto contracts check --json")
def check_contracts(as_json: AsJson = False) -> None:
    """Check contracts, source profiles and the register; exit status 1 where one is wrong."""
    from pipelines import answers
    from pipelines.quality.contract_check import check_contracts as check

    results = check(load_settings().sources_dir)
    answers.print_checks(results, as_json)
    if not all(result["ok"] for result in results):
        raise typer.Exit(1)


@app.command(epilog="Example: collecto serve --port 8501")
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8501,
) -> None:
    """Serve the dashboards until stopped. They read `published/` only and know no secret."""
    settings = load_settings()
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COLLECTO_", "DAGSTER_", "DBT_"))
    }
    environment["COLLECTO_PUBLISHED_DIR"] = str(settings.published)
    environment["COLLECTO_AUTH_MODE"] = settings.auth_mode
    _replace_process(
        [sys.executable, "-m", "dashboards", "--host", host, "--port", str(port)],
        environment,
    )


@app.command(epilog="Example: collecto orchestrate --port 3000")
def orchestrate(
    port: Annotated[int, typer.Option(min=1, max=65535)] = 3000,
) -> None:
    """Dagster's pages and daemon on loopback: lineage, runs, schedule, sensor."""
    from pipelines.runs import prepare_dagster_home, sweep_dead_runs

    settings = load_settings()
    prepare_dagster_home(settings)
    with suppress(StoreBusyError):
        sweep_dead_runs(settings)
    environment = {**os.environ, "COLLECTO_DATA_DIR": str(settings.data)}
    command = [str(Path(sys.executable).with_name("dagster")), "dev", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--module-name", "pipelines.definitions"]
    _replace_process(command, environment)


def _replace_process(command: list[str], environment: dict[str, str]) -> None:
    os.chdir(PROJECT_DIR)
    os.execve(command[0], command, environment)  # noqa: S606 (no shell is wanted)


USAGE_ERRORS = (UsageError, SettingsError, PeriodError, ContractError)
KNOWN_ERRORS = (*USAGE_ERRORS, PublicationError, StoreBusyError, StaleEpochError, OSError)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; every error is one line and an exit status."""
    from pipelines.runs import RefreshFailedError

    try:
        app(arguments)
    except Exception as error:
        if os.environ.get("COLLECTO_DEBUG"):
            traceback.print_exc()
        message = " ".join(str(error).split())
        if not isinstance(error, (*KNOWN_ERRORS, RefreshFailedError)):
            message = f"{type(error).__name__}: {message}; `collecto --debug` shows where"
        print(f"collecto: {message}", file=sys.stderr)
        sys.exit(2 if isinstance(error, USAGE_ERRORS) else 1)


if __name__ == "__main__":
    main()
