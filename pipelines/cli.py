"""The command line `collecto`: arguments in, answers and exit statuses out.

Each command calls one stage or one run and prints; what it prints is made in `answers`. Heavy
packages are imported by the commands that need them.
"""

from __future__ import annotations

import os
import sys
import traceback
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
    from pipelines import answers, runs

    answers.print_status(runs.describe_status(load_settings()), as_json)


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
    from pipelines.runs import prepare_dagster_home

    settings = load_settings()
    prepare_dagster_home(settings)
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
