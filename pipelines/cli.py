"""The command line `collecto`: arguments in, answers and exit statuses out.

Each command calls one stage or one run and prints; what it prints is made in `answers`. Heavy
packages are imported by the commands that need them.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer

from data_contracts.loader import ContractError
from data_contracts.periods import PeriodError
from data_contracts.publications import PublicationError, open_current
from pipelines.backup import BackupError
from pipelines.editions import EditionError
from pipelines.privacy import PrivacyError
from pipelines.returns.forms import ReturnError
from pipelines.settings import PROJECT_DIR, Settings, SettingsError, load_settings
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
access_app = typer.Typer(help="Who may read, and who read what.", no_args_is_help=True)
app.add_typer(deliveries_app, name="deliveries")
app.add_typer(quarantine_app, name="quarantine")
publications_app = typer.Typer(
    help="Publications: what was published, what moved, and the way back.", no_args_is_help=True
)
editions_app = typer.Typer(
    help="Editions: what the metropole and the public see, approved by name.", no_args_is_help=True
)
app.add_typer(contracts_app, name="contracts")
app.add_typer(publications_app, name="publications")
app.add_typer(editions_app, name="editions")
app.add_typer(access_app, name="access")

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
FoodBanks = Annotated[
    list[str] | None, typer.Option("--food-bank", help="Only this food bank; may be repeated.")
]


Day = Annotated[
    datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="A stated day instead.")
]
Name = Annotated[str, typer.Option("--by", help="Who: a name.")]
Language = Annotated[str, typer.Option("--lang", help="fr or en.")]


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
    from pipelines.demo import FOOD_BANKS, ask_for_edition, write_food_banks
    from pipelines.store import make_key_file

    settings = load_settings()
    make_key_file(settings)
    ask_for_edition(settings.inbox, until.date())
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


@app.command(epilog="Example: collecto alerts --dry-run")
def alerts(dry_run: Annotated[bool, typer.Option("--dry-run")] = False) -> None:
    """Send each person of COLLECTO_ALERTS what is new today; exit status 1 where one failed."""
    from pipelines import answers
    from pipelines.alerts.digest import send_alerts
    from pipelines.alerts.rules import load_rules

    settings = load_settings()
    if settings.alerts is None:
        raise SettingsError("COLLECTO_ALERTS names no file; docs/alerts.example.yaml is one")
    said = send_alerts(settings, load_rules(settings.alerts), dry_run=dry_run)
    answers.print_alerts(said)
    if any(text.startswith("not sent") for text in said.values()):
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


@app.command(
    epilog="Examples: collecto recall --lot L001234; collecto recall --product P0042"
    " --from 2024-06-01 --to 2024-06-10; collecto recall --supplier F0007 --from 2024-06-03"
)
def recall(
    lot: Annotated[str | None, typer.Option(help="The lot that is recalled.")] = None,
    product: Annotated[str | None, typer.Option(help="Or a product (its code).")] = None,
    supplier: Annotated[str | None, typer.Option(help="Or what a supplier gave.")] = None,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Received from.")
    ] = None,
    last: Day = None,
    food_bank: FoodBanks = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the proof: a .pdf or .xlsx file.")
    ] = None,
    language: Language = "fr",
    as_json: AsJson = False,
) -> None:
    """Where recalled food is: in stock by site, with partners by delivery note, in parcels.

    Lines without a lot are `possible` while food of the recall may have stood at their site.
    """
    from pipelines import answers

    if sum(value is not None for value in (lot, product, supplier)) != 1:
        raise UsageError("say what is recalled: one of --lot, --product, --supplier")
    settings = load_settings()
    with _reports(settings) as reports:
        sought = reports.Sought(
            lot, product, supplier,
            first.date() if first else None, last.date() if last else None, food_bank or (),
        )  # fmt: skip
        rows = reports.follow_recall(open_current(settings.published), sought)
        sums = reports.add_up(rows)
        if output is not None:
            banks = sorted({row.food_bank_id for row in rows})
            if len(banks) != 1:
                raise UsageError(
                    f"a proof is of one food bank, this recall reaches {', '.join(banks)}:"
                    " --food-bank"
                )
            with answers.show_progress("Writing the proof", as_json):
                _write_report(reports.build_recall_proof(banks[0], sought, language), output)
    answers.print_recall(sought.describe(), sums, [asdict(row) for row in rows], as_json)


@app.command(epilog="Example: collecto report council-note --territory 242100410 -o note.pdf")
def report(
    kind: Annotated[str | None, typer.Argument(help="Which report; --list names them.")] = None,
    show_kinds: Annotated[bool, typer.Option("--list", help="Which reports there are.")] = False,
    period: Annotated[
        str | None, typer.Option("--period", help="2023, 2023-Q4, 2023-11 or 2024-to-date.")
    ] = None,
    food_bank: Annotated[str | None, typer.Option("--food-bank", help="Whose report.")] = None,
    territory: Annotated[str | None, typer.Option(help="Whose edition is reported.")] = None,
    edition: Annotated[str | None, typer.Option(help="An edition: 242100410-1.")] = None,
    publication: Annotated[
        str | None, typer.Option("--publication", help="An earlier publication.")
    ] = None,
    partner: Annotated[str | None, typer.Option(help="The partner of a statement.")] = None,
    donor: Annotated[str | None, typer.Option(help="The donor of a sheet or statement.")] = None,
    site: Annotated[str | None, typer.Option(help="The site of a morning sheet.")] = None,
    agreement: Annotated[str | None, typer.Option(help="The agreement of an annex.")] = None,
    language: Language = "fr",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="A .pdf or .xlsx file; both into the data folder."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """A report as tagged PDF and as a workbook, from a named publication or edition.

    Figures are those of the pages. Without -o both files go to `reports/` of the data folder.
    """
    from pipelines import answers

    settings = load_settings()
    if show_kinds or kind is None:
        with _reports(settings) as reports:
            kinds = [
                {"id": entry.code, "reader": entry.role, "about": entry.about}
                for entry in reports.REPORTS.values()
            ]
        answers.print_report_kinds(kinds, as_json)
        return
    asked = {
        "period": period, "food_bank": food_bank, "territory": territory, "edition": edition,
        "pub": publication, "partner": partner, "donor": donor, "site": site,
        "agreement": agreement, "lang": language,
    }  # fmt: skip
    with answers.show_progress(f"Building {kind}", as_json), _reports(settings) as reports:
        built = reports.build_report(kind, {name: v for name, v in asked.items() if v is not None})
        files = (
            [output]
            if output is not None
            else [
                settings.reports / built.publication.publication_id / f"{built.stem}.{extension}"
                for extension in ("pdf", "xlsx")
            ]
        )
        for file in files:
            _write_report(built, file)
    answers.print_files(files, as_json)


@contextmanager
def _reports(settings: Settings) -> Iterator[ModuleType]:
    """The reports, reading the publications of this data folder; their errors are of usage."""
    os.environ["COLLECTO_PUBLISHED_DIR"] = str(settings.published)
    from dashboards import reports

    try:
        yield reports
    except (reports.ReportError, reports.RecallError) as error:
        raise UsageError(str(error)) from None


def _write_report(report: Any, file: Path) -> None:
    """A report into a file of its extension, whole or not at all."""
    from dashboards import reports
    from pipelines.store import write_atomically

    writers = {".pdf": reports.write_pdf, ".xlsx": reports.write_report_workbook}
    write = writers.get(file.suffix.lower())
    if write is None:
        raise UsageError(f"{file}: a report is written as .pdf or .xlsx")
    content = write(report)
    file.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(file) as temporary:
        temporary.write_bytes(content)


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
        generation, _ = store.read_key_mark() or (1, "")
    paths = write_corrections(rows, output, settings.today(), generation)
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


@publications_app.command("list", epilog="Example: collecto publications list --json")
def list_publications(as_json: AsJson = False) -> None:
    """Publications, newest first: current, published, rolled back, refused or removed."""
    from pipelines import answers
    from pipelines.publish.history import list_publications as list_all

    answers.print_publications(list_all(load_settings()), as_json)


@publications_app.command("show", epilog="Example: collecto publications show 3f9a --json")
def show_publication(
    publication: Annotated[str, typer.Argument(help="Its identifier, or the beginning of it.")],
    as_json: AsJson = False,
) -> None:
    """The manifest of a publication: inputs, checks, rows per mart, data up to."""
    from pipelines import answers
    from pipelines.publish.history import find_publication, show

    settings = load_settings()
    answers.print_publication(show(settings, find_publication(settings, publication)), as_json)


@publications_app.command("diff", epilog="Example: collecto publications diff 3f9a 81c0 --json")
def diff_publications(
    first: Annotated[str, typer.Argument(help="The earlier one.")],
    second: Annotated[str, typer.Argument(help="The later one.")],
    as_json: AsJson = False,
) -> None:
    """The figures that moved, and the deliveries, corrections, factors or code that moved them."""
    from pipelines import answers
    from pipelines.publish.history import compare, find_publication

    settings = load_settings()
    ids = [find_publication(settings, name) for name in (first, second)]
    answers.print_differences(compare(settings, *ids), as_json)


@publications_app.command(
    "rollback", epilog="Example: collecto publications rollback 3f9a --reason 'wrong factor'"
)
def roll_back_publication(
    publication: Annotated[str, typer.Argument(help="The one to go back to.")],
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show an earlier publication at once, without a build, and hold it until `release`."""
    from pipelines import answers
    from pipelines.publish.history import find_publication
    from pipelines.publish.pointer import roll_back
    from pipelines.settings import now

    settings = load_settings()
    found = find_publication(settings, publication)
    roll_back(settings, found, now(), reason)
    answers.print_message(
        {"publication_id": found, "is_held": True},
        f"Publication {found} stands and is held: collecto publications release lifts it.",
        as_json,
    )


@publications_app.command("release", epilog="Example: collecto publications release")
def release_publication(as_json: AsJson = False) -> None:
    """Lift the hold of a rollback, so that the next refresh publishes again."""
    from pipelines import answers
    from pipelines.publish.pointer import release
    from pipelines.settings import now

    was_held = release(load_settings(), now())
    text = "The hold is lifted: the next refresh publishes." if was_held else "Nothing is held."
    answers.print_message({"was_held": was_held}, text, as_json)


@publications_app.command("accept", epilog="Example: collecto publications accept 3f9a")
def accept_publication(
    publication: Annotated[str, typer.Argument(help="The refused one.")],
    as_json: AsJson = False,
) -> None:
    """Say that figures that fell against the last publication are right; then refresh."""
    from pipelines import answers
    from pipelines.publish.history import accept_drift, find_publication

    settings = load_settings()
    found = find_publication(settings, publication)
    accept_drift(settings, found)
    answers.print_message(
        {"publication_id": found, "is_accepted": True},
        f"{found} is accepted: collecto refresh publishes it.",
        as_json,
    )


@app.command(epilog="Example: collecto backup -o /srv/backup/collecto-2024-06-26.tar.zst")
def backup(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file, .tar.zst.")],
    as_json: AsJson = False,
) -> None:
    """Keep what cannot be made again in one file: no key, no warehouse. Keep the key elsewhere."""
    from dataclasses import asdict

    from pipelines import answers
    from pipelines.backup import make_backup
    from pipelines.settings import now

    with answers.show_progress("Packing", as_json) as report:
        made = make_backup(load_settings(), output, now(), report)
    answers.print_message(
        asdict(made),
        f"{made.files} files, {made.bytes} bytes in {made.file}. The key is not in it:"
        " keep COLLECTO_PSEUDONYM_KEY elsewhere.",
        as_json,
    )


@app.command(epilog="Example: COLLECTO_DATA_DIR=empty collecto restore collecto-2024-06-26.tar.zst")
def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A backup.")],
    as_json: AsJson = False,
) -> None:
    """Put a backup into an empty data folder, every file checked; then `collecto rebuild`."""
    from dataclasses import asdict

    from pipelines import answers
    from pipelines.backup import restore_backup

    settings = load_settings()
    with answers.show_progress("Restoring", as_json) as report:
        restored = restore_backup(settings, file, report)
    answers.print_message(
        asdict(restored),
        f"{restored.files} files of {restored.made_at} are back in {settings.data}."
        " Next: the key as it was, then collecto rebuild.",
        as_json,
    )


@app.command(epilog="Example: collecto rotate --by NAME")
def rotate(by: Name, as_json: AsJson = False) -> None:
    """Let stored pseudonyms follow a new key, so that no household becomes new.

    First put the present key into COLLECTO_PSEUDONYM_FORMER_KEYS (oldest first, by |) and a
    new one into COLLECTO_PSEUDONYM_KEY. The former ones are needed from then on, too.
    """
    from dataclasses import asdict

    from pipelines import answers, privacy, runs
    from pipelines.settings import now
    from pipelines.store import hold_writer_lock, open_store

    settings = load_settings()
    with answers.show_progress("Rotating", as_json) as report:
        with hold_writer_lock(settings), open_store(settings) as store:
            done = privacy.rotate(settings, store, by, now())
        summary = runs.refresh(settings, is_rebuild=True, on_progress=report)
    files = sum(sum(entry.files.values()) for entry in done)
    answers.print_message(
        {"certificates": [asdict(entry) for entry in done], "refresh": summary.as_json()},
        f"{files} files follow the new key; publication {summary.publication_id} stands.",
        as_json,
    )
    raise typer.Exit(summary.exit_status)


@app.command(
    epilog="Examples: echo IDENTIFIER | collecto erase --food-bank bourgogne --by NAME;"
    " collecto erase --expired --by NAME"
)
def erase(
    by: Name,
    food_bank: Annotated[str | None, typer.Option("--food-bank", help="Whose household.")] = None,
    is_pseudonym: Annotated[
        bool, typer.Option("--pseudonym", help="Standard input holds a pseudonym instead.")
    ] = False,
    expired: Annotated[
        bool, typer.Option("--expired", help="Everybody whom the contracts keep no longer.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a household, whose identifier comes by standard input; or all that have expired.

    Its pseudonym becomes a random value, where it lives and how large it is become empty, in every
    stored file; kilograms and counts stay. A certificate is written into `certificates`.
    """
    from dataclasses import asdict

    from pipelines import answers, privacy, runs
    from pipelines.settings import now
    from pipelines.store import hold_writer_lock, open_store

    settings = load_settings()
    if expired == (food_bank is not None):
        raise UsageError("say whose household, --food-bank, or --expired")
    identifier = "" if expired else sys.stdin.readline().strip()
    if not expired and not identifier:
        raise UsageError("the identifier comes by standard input: echo ... | collecto erase")
    with answers.show_progress("Erasing", as_json) as report:
        with hold_writer_lock(settings), open_store(settings) as store:
            if expired:
                done = privacy.erase_expired(settings, store, settings.today(), by, now())
            else:
                done = [
                    privacy.erase(
                        settings, store, str(food_bank), identifier, by, now(),
                        is_pseudonym=is_pseudonym,
                    )
                ]  # fmt: skip
        summary = runs.refresh(settings, is_rebuild=True, on_progress=report) if done else None
    rows = sum(sum(entry.rows.values()) for entry in done)
    answers.print_message(
        {
            "certificates": [asdict(entry) for entry in done],
            "refresh": summary.as_json() if summary else None,
        },
        f"Erased in {rows} rows, kilograms as before; certificates in {settings.certificates}."
        if done
        else "Nobody has expired.",
        as_json,
    )
    raise typer.Exit(summary.exit_status if summary else 0)


@app.command(
    epilog="Examples: collecto close 2024-05; collecto close 2024-05 --food-bank bourgogne"
    " --by NAME --none transformations; collecto close --to 2024-06-25 --by NAME"
)
def close(
    month: Annotated[str | None, typer.Argument(help="2024-05")] = None,
    to: Day = None,
    food_bank: FoodBanks = None,
    by: Annotated[str | None, typer.Option("--by", help="Who closes it; without: look.")] = None,
    none: Annotated[
        list[str] | None, typer.Option("--none", help="A record that has none; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Close a month: every expected delivery has come, or is declared as none.

    Without --by it says what is missing; exit status 1 where something is.
    """
    from pipelines import answers, editions
    from pipelines.settings import now
    from pipelines.store import open_store

    settings = load_settings()
    _, end = editions.read_end(month, to.date() if to else None)
    with open_store(settings) as store:
        closings = editions.describe_closings(settings, store, end, food_bank or ())
        if by is not None:
            closings = [
                editions.close(settings, store, entry.food_bank_id, end, by, now(), none or ())
                for entry in closings
            ]
    answers.print_closings(closings, as_json)
    if any(entry.missing for entry in closings):
        raise typer.Exit(1)


@editions_app.command("list", epilog="Example: collecto editions list --json")
def list_editions(
    territory: Annotated[str | None, typer.Argument(help="Only of this territory.")] = None,
    as_json: AsJson = False,
) -> None:
    """Editions with who approved them, and proposals that wait."""
    from pipelines import answers
    from pipelines.editions import describe_editions

    answers.print_editions(describe_editions(load_settings(), territory), as_json)


@editions_app.command(
    "propose", epilog="Example: collecto editions propose 242100410 --period 2024-05"
)
def propose_edition(
    territory: Annotated[str, typer.Argument(help="Its code.")],
    period: Annotated[str | None, typer.Option(help="A month, 2024-05.")] = None,
    to: Day = None,
    publication: Annotated[
        str | None, typer.Option(help="The publication; default: the current one.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help="Why an edition of the same period is corrected.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prepare an edition for the approval of the food banks of a territory."""
    from pipelines import answers, editions
    from pipelines.publish.history import find_publication
    from pipelines.settings import now

    settings = load_settings()
    code, end = editions.read_end(period, to.date() if to else None)
    chosen = find_publication(settings, publication) if publication else None
    proposal = editions.propose(
        settings, territory, code, end, now(), publication_id=chosen, reason=reason
    )
    banks = ", ".join(proposal["food_banks"])
    answers.print_message(
        proposal,
        f"Edition {proposal['number']} of {territory} ({code}) waits for the approval of {banks}.",
        as_json,
    )


@editions_app.command(
    "approve",
    epilog="Example: collecto editions approve 242100410 --food-bank bourgogne --by NAME",
)
def approve_edition(
    territory: Annotated[str, typer.Argument(help="Its code.")],
    food_bank: Annotated[str, typer.Option("--food-bank", help="For which food bank.")],
    by: Name,
    comment: Annotated[str, typer.Option(help="What is to be said with it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Approve the proposal that waits, by name."""
    from pipelines import answers, editions
    from pipelines.settings import now

    proposal = editions.approve(load_settings(), territory, food_bank, by, comment, now())
    answers.print_message(
        proposal,
        f"{by} approved edition {proposal['number']} of {territory} for {food_bank}.",
        as_json,
    )


@editions_app.command("publish", epilog="Example: collecto editions publish 242100410")
def publish_edition(
    territory: Annotated[str, typer.Argument(help="Its code.")], as_json: AsJson = False
) -> None:
    """Put an approved proposal in place: the metropole and the public read it from now on."""
    from dataclasses import asdict

    from pipelines import answers, editions
    from pipelines.settings import now

    edition = editions.publish(load_settings(), territory, now())
    answers.print_message(
        asdict(edition), f"Edition {edition.number} of {territory} is published.", as_json
    )


@editions_app.command("diff", epilog="Example: collecto editions diff 242100410 1 2 --json")
def diff_editions(
    territory: Annotated[str, typer.Argument(help="Its code.")],
    first: Annotated[int, typer.Argument(help="Number of the earlier one.")],
    second: Annotated[int, typer.Argument(help="Number of the later one.")],
    as_json: AsJson = False,
) -> None:
    """The figures that differ between two editions, as the metropole reads them."""
    from pipelines import answers
    from pipelines.editions import compare_editions

    figures = compare_editions(load_settings(), territory, first, second)
    answers.print_differences(
        {"before": first, "after": second, "inputs": None, "figures": figures}, as_json
    )


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
    from pipelines import answers
    from pipelines.ingest.containers import UnreadableError
    from pipelines.ingest.drafting import draft_profile

    try:
        answers.print_lines(draft_profile(file, food_bank, record))
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
    """Serve the dashboards until stopped. They read `published/` only and know no secret, but
    those of the login. They write approvals into `inbox/` and accesses into `access_log/`."""
    settings = load_settings()
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COLLECTO_", "DAGSTER_", "DBT_"))
    }
    environment["COLLECTO_PUBLISHED_DIR"] = str(settings.published)
    environment["COLLECTO_AUTH_MODE"] = settings.auth_mode
    environment["COLLECTO_LOCAL_ROLE"] = settings.local_role
    environment["COLLECTO_INBOX_DIR"] = str(settings.inbox)
    environment["COLLECTO_ACCESS_LOG_DIR"] = str(settings.access_log)
    if settings.commune_contours:
        environment["COLLECTO_COMMUNE_CONTOURS"] = str(settings.commune_contours.resolve())
    if settings.auth_mode == "oidc":
        environment.update(_read_login(settings))
    _replace_process(
        [sys.executable, "-m", "dashboards", "--host", host, "--port", str(port)],
        environment,
    )


@app.command(
    epilog="Example: collecto export programme-ledgers --period 2024-Q1 --food-bank bourgogne"
)
def export(
    what: Annotated[
        str | None, typer.Argument(metavar="RETURN", help="A return, or open-data; see --list.")
    ] = None,
    period: Annotated[
        str | None, typer.Option(help="2023, 2024-Q1, 2024-05, 2024-to-date, 2023-09..2023-12.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder; <data>/exports by default.")
    ] = None,
    food_bank: FoodBanks = None,
    edition: Annotated[
        str | None, typer.Option(help="Of an edition, <territory>-<number>.")
    ] = None,
    language: Annotated[str, typer.Option(help="fr or en.")] = "fr",
    is_list: Annotated[bool, typer.Option("--list", help="The returns that there are.")] = False,
    as_json: AsJson = False,
) -> None:
    """Returns to the federation, the State and the European observatory, and open data.

    A workbook and CSV per food bank, from the current publication or an edition; open data are of
    an edition, by default the last one of each territory.
    """
    from pipelines import answers
    from pipelines.returns.files import export_returns
    from pipelines.returns.open_data import export_open_data

    settings = load_settings()
    folder = output or settings.data / "exports"
    if is_list or what is None:
        answers.print_returns(as_json)
    elif what == "open-data":
        if period or food_bank:
            raise UsageError(
                "open data are of an edition, of all its food banks and days: --edition"
                " <territory>-<number>"
            )
        answers.print_files(export_open_data(settings.published, folder, edition), as_json)
    else:
        paths = export_returns(
            settings.published, what, period, folder, food_bank or (), edition, language
        )
        answers.print_files(paths, as_json)


def _read_login(settings: Settings) -> dict[str, str]:
    """The settings of the login that are set, as the dashboards read them."""
    secrets = {"oidc_client_secret": settings.oidc_client_secret,
               "cookie_secret": settings.cookie_secret}  # fmt: skip
    values = {
        **{name: secret.get_secret_value() for name, secret in secrets.items() if secret},
        **{
            name: str(value)
            for name in ("public_url", "oidc_issuer", "oidc_metadata_url", "oidc_client_id",
                         "oidc_claim", "idle_minutes")
            if (value := getattr(settings, name)) is not None
        },
    }  # fmt: skip
    if settings.access_file:
        values["access_file"] = str(settings.access_file.expanduser().resolve())
    return {f"COLLECTO_{name.upper()}": value for name, value in values.items()}


@access_app.command("list", epilog="Example: collecto access list --month 2024-06 --json")
def list_accesses(
    month: Annotated[str | None, typer.Option(help="Only of this month, 2024-06.")] = None,
    subject: Annotated[
        str | None, typer.Option(help="Only of the person whom the provider calls so.")
    ] = None,
    reader: Annotated[str | None, typer.Option(help="Only of this reader of the log.")] = None,
    as_json: AsJson = False,
) -> None:
    """Sign-ins, views, exports and refusals, the oldest first."""
    from pipelines import answers
    from pipelines.health import list_accesses as find

    answers.print_accesses(find(load_settings(), month, subject, reader), as_json)


@access_app.command("check", epilog="Example: collecto access check --json")
def check_access(as_json: AsJson = False) -> None:
    """Check the file of roles, and say what each of its entries opens."""
    from pipelines import answers
    from pipelines.health import check_access_file

    results = check_access_file(load_settings())
    answers.print_checks(results, as_json)
    if not all(result["ok"] for result in results):
        raise typer.Exit(1)


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
    os.execve(command[0], command, environment)  # noqa: S606 (no shell is wanted)  # nosec B606


USAGE_ERRORS = (
    UsageError, SettingsError, PeriodError, ContractError, EditionError, PrivacyError, BackupError,
    ReturnError,
)  # fmt: skip
KNOWN_ERRORS = (*USAGE_ERRORS, PublicationError, StoreBusyError, StaleEpochError, OSError)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; every error is one line and an exit status."""
    from pipelines.answers import escape_steering
    from pipelines.runs import RefreshFailedError

    try:
        app(arguments)
    except Exception as error:
        if os.environ.get("COLLECTO_DEBUG"):
            traceback.print_exc()
        message = " ".join(str(error).split())
        if not isinstance(error, (*KNOWN_ERRORS, RefreshFailedError)):
            message = f"{type(error).__name__}: {message}; `collecto --debug` shows where"
        print(f"collecto: {escape_steering(message)}", file=sys.stderr)
        sys.exit(2 if isinstance(error, USAGE_ERRORS) else 1)


if __name__ == "__main__":
    main()
