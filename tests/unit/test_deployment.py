"""What the deployment guide and its files name is there: commands, settings, units, services."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from pipelines.cli import app
from pipelines.settings import PROJECT_DIR, Settings

GUIDE = PROJECT_DIR / "docs" / "deployment.md"
UNITS = sorted((PROJECT_DIR / "deploy" / "systemd").iterdir())
# Of others: PostgreSQL's image and Dagster.
FOREIGN = {"DAGSTER_HOME", "BROWSER_PATH", "PATH"}


class Unit(configparser.RawConfigParser):
    """A unit of systemd: its names are told apart by capitals, and may stand twice."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def read_unit(path: Path) -> Unit:
    unit = Unit(strict=False)
    unit.read(path)
    return unit


def list_commands() -> set[str]:
    group: Any = typer.main.get_command(app)
    return set(group.commands)


def list_texts() -> list[tuple[str, str]]:
    files = [GUIDE, PROJECT_DIR / "compose.yaml", PROJECT_DIR / "deploy" / "Dockerfile", *UNITS]
    return [(path.name, path.read_text(encoding="utf-8")) for path in files]


@pytest.mark.parametrize(("name", "text"), list_texts(), ids=lambda value: str(value)[:30])
def test_commands_and_settings_exist(name: str, text: str) -> None:
    called = set(
        re.findall(r"(?:bin/|`|^ +|&& |env |\) |-daemon )collecto ([a-z][a-z-]+)", text, re.M)
    )
    called |= set(re.findall(r'\["collecto", "([a-z-]+)"', text))
    assert called <= list_commands(), name
    settings = {f"COLLECTO_{field.upper()}" for field in Settings.model_fields}
    assert set(re.findall(r"COLLECTO_[A-Z_]+[A-Z]", text)) <= settings, name


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_runs_as_its_own_user_and_starts_what_there_is(path: Path) -> None:
    unit = read_unit(path)
    if path.suffix == ".timer":
        assert unit["Timer"]["OnCalendar"].endswith("Europe/Paris")
        assert path.with_suffix(".service") in UNITS
        return
    service = unit["Service"]
    assert service["User"] == "collecto"
    assert service["NoNewPrivileges"] == "true"
    assert service["ProtectSystem"] == "strict"
    program = re.search(r"/opt/collecto/\.venv/bin/([a-z-]+)", service["ExecStart"])
    assert program is not None
    assert program[1] in {"collecto", "dagster-daemon", "dagster-webserver"}
    if "webserver" in program[1]:
        assert "--read-only --host 127.0.0.1" in service["ExecStart"]


def test_the_dashboards_are_given_no_key_of_the_pipeline() -> None:
    unit = read_unit(PROJECT_DIR / "deploy" / "systemd" / "collecto-dashboards.service")
    assert unit["Service"]["EnvironmentFile"] == "/etc/collecto/dashboards.env"
    compose = yaml.safe_load((PROJECT_DIR / "compose.yaml").read_text(encoding="utf-8"))
    given = set(compose["services"]["dashboards"]["environment"])
    assert not given & {"COLLECTO_PSEUDONYM_KEY", "COLLECTO_DAGSTER_POSTGRES_URL"}
    assert "COLLECTO_PSEUDONYM_KEY" in compose["services"]["dagster-daemon"]["environment"]


def test_services_listen_on_loopback_and_wait_for_what_they_need() -> None:
    compose = yaml.safe_load((PROJECT_DIR / "compose.yaml").read_text(encoding="utf-8"))
    services = compose["services"]
    for name, service in services.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert set(service.get("depends_on", {})) <= set(services), name
        volumes = {str(v).split(":")[0] for v in service.get("volumes", [])}
        assert {v for v in volumes if not v.startswith("$")} <= set(compose["volumes"]), name
