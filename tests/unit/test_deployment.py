"""What the deployment guide and its files name is there: commands, settings, units, services."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from pipelines import cli
from pipelines.settings import PROJECT_DIR, Settings

GUIDE = PROJECT_DIR / "docs" / "deployment.md"
UNITS = sorted((PROJECT_DIR / "deploy" / "systemd").iterdir())


class Unit(configparser.RawConfigParser):
    """A unit of systemd: its names are told apart by capitals, and may stand twice."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def read_unit(path: Path) -> Unit:
    unit = Unit(strict=False)
    unit.read(path)
    return unit


def list_commands() -> set[str]:
    group: Any = typer.main.get_command(cli.app)
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


def list_made_folders() -> set[str]:
    """Folders that the steps with systemd make, as root, before a unit starts."""
    steps = GUIDE.read_text(encoding="utf-8").split("## With systemd")[1].split("\n## ")[0]
    made = set(re.findall(r"useradd .*--home (/\S+) --create-home", steps))
    for command in re.findall(r"install -d ((?:-[mog] \S+ )*)((?:/\S+ ?)+)", steps):
        made |= set(command[1].split())
    return made


@pytest.mark.parametrize(
    "path", [path for path in UNITS if path.suffix == ".service"], ids=lambda path: path.name
)
def test_every_folder_that_a_unit_writes_is_made_by_the_guide(path: Path) -> None:
    """A folder of ReadWritePaths that is not there keeps its unit from starting."""
    folders = set(read_unit(path)["Service"]["ReadWritePaths"].split())
    assert folders and folders <= list_made_folders()


def read_compose() -> dict[str, Any]:
    compose: dict[str, Any] = yaml.safe_load(
        (PROJECT_DIR / "compose.yaml").read_text(encoding="utf-8")
    )
    return compose


def read_services() -> dict[str, Any]:
    services: dict[str, Any] = read_compose()["services"]
    return services


def test_the_dashboards_are_given_no_key_of_the_pipeline() -> None:
    unit = read_unit(PROJECT_DIR / "deploy" / "systemd" / "collecto-dashboards.service")
    assert unit["Service"]["EnvironmentFile"] == "/etc/collecto/dashboards.env"
    services = read_services()
    given = set(services["dashboards"]["environment"])
    assert not given & {"COLLECTO_PSEUDONYM_KEY", "COLLECTO_DAGSTER_POSTGRES_URL"}
    assert "PGPASSWORD" not in given
    assert "COLLECTO_PSEUDONYM_KEY" in services["dagster-daemon"]["environment"]


def test_the_dashboards_see_what_is_published_and_write_two_folders() -> None:
    mounts = read_services()["dashboards"]["volumes"]
    folder, data = "${DATA_FOLDER:-/var/lib/collecto}", "/var/lib/collecto"
    settings = Settings(data_dir=Path(data), _env_file=None)
    assert mounts[:3] == [
        f"{folder}/published:{settings.published}:ro",
        f"{folder}/access_log:{settings.access_log}",
        f"{folder}/inbox:{settings.inbox}",
    ]
    assert all(re.search(r":/etc/collecto/[a-z.]+:ro$", mount) for mount in mounts[3:])
    steps = GUIDE.read_text(encoding="utf-8").split("## With containers")[1].split("\n## ")[0]
    for name in ("published", "access_log", "inbox"):
        assert re.search(rf"install -d -o 10001 .*{data}/{name}\b", steps), name


# What no container is given.
NOT_GIVEN = {
    "COLLECTO_DATA_DIR": "the image sets it",
    "COLLECTO_LOCAL_ROLE": "nobody reads without login",
    "COLLECTO_TARGET": "has one value",
    "COLLECTO_AS_OF": "the day of a service is the clock's",
}


def list_settings_of_pages(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Settings that `collecto serve` hands to the dashboards, where everything is set."""
    given: dict[str, str] = {}
    everything = Settings(
        auth_mode="oidc", public_url="p", oidc_issuer="i", oidc_metadata_url="m",
        oidc_client_id="c", oidc_client_secret="s", oidc_claim="g", cookie_secret="k",
        access_file="a", idle_minutes=30, commune_contours="c", pseudonym_key="k",
        dagster_postgres_url="d", smtp_password="p", _env_file=None,
    )  # fmt: skip
    monkeypatch.setattr(cli, "load_settings", lambda: everything)
    monkeypatch.setattr(cli, "_replace_process", lambda command, values: given.update(values))
    cli.serve()
    return set(given) & {f"COLLECTO_{name.upper()}" for name in Settings.model_fields}


def test_every_setting_reaches_the_containers_that_read_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The dashboards are given what `collecto serve` hands on, the pipeline everything else."""
    services = read_services()
    pages = list_settings_of_pages(monkeypatch) - set(NOT_GIVEN)
    assert pages <= set(services["dashboards"]["environment"])
    every = {f"COLLECTO_{name.upper()}" for name in Settings.model_fields}
    assert set(NOT_GIVEN) <= every
    for name in ("first-refresh", "dagster-daemon", "dagster-web"):
        assert every - pages - set(NOT_GIVEN) <= set(services[name]["environment"]), name
    image = (PROJECT_DIR / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    assert "COLLECTO_DATA_DIR=" in image


def test_files_that_settings_name_are_mounted_where_the_container_is_told() -> None:
    """Each read-only, and as nothing where it is not set."""
    found = set()
    for name, service in read_services().items():
        for setting, value in service.get("environment", {}).items():
            if told := re.fullmatch(rf"(?:\$\{{{setting}:\+)?(/[^}}]+)\}}?", value):
                mount = next(m for m in service["volumes"] if f":{told[1]}:" in m)
                assert re.match(rf"\$\{{{setting}:(-/dev/null|\?[^}}]+)\}}:", mount), mount
                assert mount.endswith(":ro"), (name, mount)
                found.add(setting)
    paths = {
        f"COLLECTO_{name.upper()}"
        for name, field in Settings.model_fields.items()
        if "Path" in str(field.annotation)
    }
    assert found == paths - set(NOT_GIVEN)


def test_no_password_stands_in_an_address() -> None:
    """A character of it might have a meaning there."""
    for name, text in list_texts():
        assert not re.search(r"://[^/\s]*:[^/\s]*\$\{", text), name


def test_what_is_installed_is_wheels_but_for_what_has_none() -> None:
    """Make and the image run the same script; it names each package that is built from source."""
    for path in (PROJECT_DIR / "Makefile", PROJECT_DIR / "deploy" / "Dockerfile"):
        text = path.read_text(encoding="utf-8")
        assert "deploy/install.sh" in text, path
        assert not re.search(r"pip install.* -r ", text), path
    script = (PROJECT_DIR / "deploy" / "install.sh").read_text(encoding="utf-8")
    options = re.search(r"--only-binary :all:((?: --no-binary \S+)*)", script)
    assert options is not None
    lock = (PROJECT_DIR / "requirements.lock").read_text(encoding="utf-8")
    for package in re.findall(r"--no-binary (\S+)", options[1]):
        # a source and no wheel has one hash
        entry = re.search(rf"^{package}==\S+ ((?:\\\n\s+--hash=\S+ ?)+)", lock, re.M)
        assert entry is not None and entry[1].count("--hash=") == 1, package


@pytest.mark.sweep
def test_a_new_machine_installs_what_the_lock_names(tmp_path: Path) -> None:
    """No wheel kept by an earlier installation may be needed."""
    environment = os.environ | {"PIP_NO_CACHE_DIR": "1"}
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    subprocess.run([PROJECT_DIR / "deploy" / "install.sh", python], check=True, env=environment)
    said = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze"],
        check=True, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    lock = (PROJECT_DIR / "requirements.lock").read_text(encoding="utf-8")
    locked = set(re.findall(r"^(\S+==\S+) ", lock, re.M))
    normal = {re.sub(r"[-_.]+", "-", line).lower() for line in said.stdout.splitlines()}
    assert {re.sub(r"[-_.]+", "-", line).lower() for line in locked} <= normal


def test_services_listen_on_loopback_and_wait_for_what_they_need() -> None:
    compose = read_compose()
    services = compose["services"]
    for name, service in services.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert set(service.get("depends_on", {})) <= set(services), name
        volumes = {str(v).split(":")[0] for v in service.get("volumes", [])}
        assert {v for v in volumes if not v.startswith("$")} <= set(compose["volumes"]), name
