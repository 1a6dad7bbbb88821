"""Typed settings of one installation, in groups, read from the environment (HUB_…) and from files (HUB_SECRETS_DIR)."""

import os
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "json", "console"]
SECRETS_DIR: Final = "HUB_SECRETS_DIR"
"""A folder of files called like settings (hub_database_url, hub_mail__password): their content is the value."""


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HttpSettings(_Group):
    """API and webhooks."""

    host: str = "127.0.0.1"
    """The address to listen on; 0.0.0.0 for all, in a container or behind a proxy on another machine."""
    port: int = Field(default=8080, ge=0, le=65535)
    """The port to listen on."""
    open_metrics: bool = False
    """/metrics without a token, for whoever reaches the port. Not by address: behind a proxy everybody is local."""


class SecuritySettings(_Group):
    """File names are relative to the data folder unless absolute."""

    secret_key_file: Path = Path("secret.key")
    """The key that opens the stored secrets; made on first use. Keep a copy of it with the backups."""
    token_file: Path = Path("token")
    """Where the first API token is written when the hub starts for the first time."""


class HoldingSettings(_Group):
    """A run that would change more records than this, and this many times its sync's daily mean of the last days, is
    held for a person."""

    records: int = Field(default=50, ge=0)
    """Records; fewer are never held."""
    times: float = Field(default=10, ge=0)
    """Times the daily mean."""
    days: int = Field(default=30, ge=1)
    """Days the mean is taken over."""


class EngineSettings(_Group):
    """Leases and rhythms of the engine."""

    lease_seconds: float = Field(default=60, gt=0)
    """Work that a process has in hand is taken back when it was not heard of for so long."""
    heartbeat_seconds: float = Field(default=15, gt=0)
    """How often a process says that it still has its work in hand."""
    sweep_seconds: float = Field(default=10, gt=0)
    """How often work is looked for whose bell was missed."""
    speed: float = Field(default=1, gt=0)
    """Durations of the engine are divided by this, for demos and drills."""
    holding: HoldingSettings = HoldingSettings()

    def scaled(self, seconds: float) -> float:
        """A duration of the engine, shortened for demos and drills by `speed`."""
        return seconds / self.speed


class RetentionSettings(_Group):
    """How long what is settled is kept. What is parked or waits is kept until it is settled, and so is what it came
    from; changes are kept for ever (docs/decisions/0013-retention.md)."""

    hot_hours: float = Field(default=24, ge=1)
    """Settled rows stay in the tables that the engine works on so long, then move to the archive."""
    inbox_days: int = Field(default=90, ge=2)
    """Inbox records."""
    receipt_days: int = Field(default=180, ge=2)
    """Receipts, with what was received."""
    attempt_days: int = Field(default=90, ge=2)
    """Attempts, and messages that were sent."""
    event_days: int = Field(default=30, ge=4)
    """A call that is repeated is recognised so long by its event id. Vendors try again for about three days."""
    every_minutes: float = Field(default=10, gt=0)
    """How often it is looked for what may go."""


class MailSettings(_Group):
    """The way out for mail. Without a host there is none."""

    host: str = ""
    """The mail server."""
    port: int = Field(default=587, ge=1, le=65535)
    """Its port."""
    encryption: Literal["starttls", "tls", "none"] = "starttls"
    """How the way to it is encrypted."""
    user: str = ""
    """Whom to log in as; empty: without."""
    password: SecretStr = SecretStr("")
    """The password of that user."""
    sender: str = "hub@localhost"
    """Who the mails are from."""
    ca_file: Path | None = None
    """Whose certificates are trusted; else those this machine trusts."""


class NoticeSettings(_Group):
    """What owners are told of their syncs."""

    fallback: tuple[str, ...] = ()
    """The channels for whom no connection names any, as a JSON list."""
    language: Literal["zh", "en"] = "zh"
    """The language of the messages."""
    every_seconds: float = Field(default=15, gt=0)
    """How often troubles are looked for."""
    wait_seconds: float = Field(default=60, ge=0)
    """A trouble is told when it is so old; it may pass by itself."""
    calm_seconds: float = Field(default=300, ge=0)
    """It is over when it has been away for so long."""
    bundle_seconds: float = Field(default=300, ge=0)
    """At most one message per owner in so long."""


class LogSettings(_Group):
    """The log, on standard error."""

    level: LogLevel = "info"
    """From which level on lines are written; `debug` follows every single record."""
    format: LogFormat = "auto"
    """`auto`: coloured text on a terminal, else one JSON object a line."""


class TraceSettings(_Group):
    """Traces by OpenTelemetry; need the package's extra `otel`. Without an address there are none, and no cost."""

    endpoint: str = ""
    """The OTLP/HTTP collector, such as http://collector:4318. Empty: what OTEL_EXPORTER_OTLP_ENDPOINT says."""
    share: float = Field(default=1, gt=0, le=1)
    """The part of all correlations that is traced; every process chooses the same ones."""


class Settings(BaseSettings):
    """The installation as a whole."""

    model_config = SettingsConfigDict(
        env_prefix="HUB_", env_nested_delimiter="__", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    data_dir: Path = Path("data")
    """The data folder: the embedded database, the key, the first token."""
    database_url: SecretStr | None = None
    """Your own PostgreSQL (15 or newer), as postgresql://user:password@host/database. Not set: the embedded one."""
    redis_url: SecretStr | None = None
    """The Redis that wakes workers on many machines, as redis://host:6379/0."""
    worker_name: str = ""
    """What this worker is called in `hub status`. Empty: its machine and process."""
    secret_key: SecretStr | None = None
    """The key itself, 32 bytes as base64, instead of the key file; the same on every machine."""
    http: HttpSettings = HttpSettings()
    security: SecuritySettings = SecuritySettings()
    engine: EngineSettings = EngineSettings()
    log: LogSettings = LogSettings()
    retention: RetentionSettings = RetentionSettings()
    public_url: str = ""
    """Where people reach the hub, for the links in messages."""
    mail: MailSettings = MailSettings()
    notices: NoticeSettings = NoticeSettings()
    traces: TraceSettings = TraceSettings()

    @classmethod
    def settings_customise_sources(  # what the environment says goes before what the files say
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        files = EnvSettingsSource(settings_cls)
        files.env_vars = _files(os.environ.get(SECRETS_DIR, ""))
        return init_settings, env_settings, files

    @property
    def embedded(self) -> bool:
        return self.database_url is None

    @property
    def secret_key_file(self) -> Path:
        return self.data_dir / self.security.secret_key_file

    @property
    def token_file(self) -> Path:
        return self.data_dir / self.security.token_file


def load_settings() -> Settings:
    """Read the environment once; call it inside a command, never while importing."""
    return Settings()


def _files(folder: str) -> dict[str, str]:
    """What a container or systemd hands over as files, each called like its setting."""
    if not folder:
        return {}
    found = {file.name.lower(): file for file in sorted(Path(folder).iterdir()) if file.is_file()}
    return {name: file.read_text(encoding="utf-8").strip() for name, file in found.items() if name.startswith("hub_")}
