"""Every setting and every folder, named once. Imports nothing of ours.

Settings come from the environment or a `.env` file; `.env.example` lists them all.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_DIR = Path(__file__).resolve().parent.parent
DBT_PROJECT_DIR = PROJECT_DIR / "dbt_project"


class SettingsError(Exception):
    """A setting is missing or wrong; the message says which and what to do."""


class Settings(BaseSettings):
    """Settings of one run. Folders are derived from `data_dir`."""

    model_config = SettingsConfigDict(
        env_prefix="COLLECTO_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    data_dir: Path = Path("data")
    landing_dir: Path | None = None
    pseudonym_key: SecretStr | None = None
    pseudonym_former_keys: SecretStr | None = None
    dagster_postgres_url: SecretStr | None = None
    auth_mode: Literal["none", "oidc"] = "none"
    local_role: str = "data_team"
    public_url: str | None = None
    oidc_issuer: str | None = None
    oidc_metadata_url: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_claim: str | None = None
    cookie_secret: SecretStr | None = None
    access_file: Path | None = None
    idle_minutes: float | None = None
    commune_contours: Path | None = None
    target: Literal["duckdb"] = "duckdb"
    memory_limit: str = Field(default="4GB", pattern=r"^\d+(\.\d+)?(MB|GB)$")
    sources_dir: Path | None = None
    as_of: date | None = None
    alerts: Path | None = None
    smtp_password: SecretStr | None = None

    @cached_property
    def data(self) -> Path:
        return self.data_dir.expanduser().resolve()

    @property
    def landing(self) -> Path:
        landing = self.landing_dir.expanduser().resolve() if self.landing_dir else None
        return landing or self.data / "landing"

    @property
    def raw(self) -> Path:
        return self.data / "raw"

    @property
    def staged(self) -> Path:
        return self.data / "staged"

    @property
    def accepted(self) -> Path:
        return self.data / "accepted"

    @property
    def state_file(self) -> Path:
        return self.data / "state" / "deliveries.sqlite"

    @property
    def alerts_file(self) -> Path:
        return self.data / "state" / "alerts.json"

    @property
    def lock_file(self) -> Path:
        return self.data / "state" / "writer.lock"

    @property
    def pointer_lock_file(self) -> Path:
        return self.data / "state" / "pointer.lock"

    @property
    def inbox(self) -> Path:
        return self.data / "inbox"

    @property
    def access_log(self) -> Path:
        return self.data / "access_log"

    @property
    def certificates(self) -> Path:
        return self.data / "certificates"

    @property
    def key_file(self) -> Path:
        return self.data / "secrets" / "pseudonym.key"

    @property
    def warehouse_dir(self) -> Path:
        return self.data / "warehouse"

    @property
    def warehouse_file(self) -> Path:
        return self.warehouse_dir / "observatory.duckdb"

    @property
    def inputs(self) -> Path:
        return self.warehouse_dir / "inputs"

    @property
    def published(self) -> Path:
        return self.data / "published"

    @property
    def reports(self) -> Path:
        return self.data / "reports"

    @property
    def dagster_home(self) -> Path:
        return self.data / "dagster"

    def today(self) -> date:
        """The date that a refresh takes as today: `COLLECTO_AS_OF`, else the clock's (UTC)."""
        return self.as_of or now().date()


def load_settings() -> Settings:
    """Read the settings.

    Raises SettingsError that names the setting, never its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "COLLECTO_" + "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(f"{name}: {first['msg']}; see .env.example") from error


def now() -> datetime:
    """The clock, in UTC to the second."""
    return datetime.now(UTC).replace(microsecond=0)
