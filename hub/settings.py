"""Typed settings of one installation, in groups, read from the environment (HUB_…)."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "json", "console"]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HttpSettings(_Group):
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    open_metrics: bool = False
    """/metrics without a token, for whoever reaches the port. Not by address: behind a proxy everybody is local."""


class SecuritySettings(_Group):
    """File names are relative to the data folder unless absolute."""

    secret_key_file: Path = Path("secret.key")
    token_file: Path = Path("token")


class HoldingSettings(_Group):
    """A run that would change more records than this, and this many times its sync's daily mean of the last days, is
    held for a person."""

    records: int = Field(default=50, ge=0)
    times: float = Field(default=10, ge=0)
    days: int = Field(default=30, ge=1)


class EngineSettings(_Group):
    lease_seconds: float = Field(default=60, gt=0)
    heartbeat_seconds: float = Field(default=15, gt=0)
    sweep_seconds: float = Field(default=10, gt=0)
    speed: float = Field(default=1, gt=0)
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
    receipt_days: int = Field(default=180, ge=2)
    attempt_days: int = Field(default=90, ge=2)
    """Also messages that were sent."""
    event_days: int = Field(default=30, ge=4)
    """A call that is repeated is recognised so long by its event id. Vendors try again for about three days."""
    every_minutes: float = Field(default=10, gt=0)


class MailSettings(_Group):
    """The way out for mail. Without a host there is none."""

    host: str = ""
    port: int = Field(default=587, ge=1, le=65535)
    encryption: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: SecretStr = SecretStr("")
    sender: str = "hub@localhost"


class NoticeSettings(_Group):
    """What owners are told of their syncs. `fallback`: the channels for whom no connection names any."""

    fallback: tuple[str, ...] = ()
    language: Literal["zh", "en"] = "zh"
    every_seconds: float = Field(default=15, gt=0)
    wait_seconds: float = Field(default=60, ge=0)
    """A trouble is told when it is so old; it may pass by itself."""
    calm_seconds: float = Field(default=300, ge=0)
    """It is over when it has been away for so long."""
    bundle_seconds: float = Field(default=300, ge=0)
    """At most one message per owner in so long."""


class LogSettings(_Group):
    level: LogLevel = "info"
    format: LogFormat = "auto"


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="HUB_", env_nested_delimiter="__", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    data_dir: Path = Path("data")
    database_url: SecretStr | None = None
    redis_url: SecretStr | None = None
    secret_key: SecretStr | None = None
    http: HttpSettings = HttpSettings()
    security: SecuritySettings = SecuritySettings()
    engine: EngineSettings = EngineSettings()
    log: LogSettings = LogSettings()
    retention: RetentionSettings = RetentionSettings()
    public_url: str = ""
    """Where people reach the hub, for the links in messages."""
    mail: MailSettings = MailSettings()
    notices: NoticeSettings = NoticeSettings()

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
