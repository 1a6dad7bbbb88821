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


class SecuritySettings(_Group):
    """File names are relative to the data folder unless absolute."""

    secret_key_file: Path = Path("secret.key")
    token_file: Path = Path("token")


class EngineSettings(_Group):
    lease_seconds: float = Field(default=60, gt=0)
    heartbeat_seconds: float = Field(default=15, gt=0)
    sweep_seconds: float = Field(default=10, gt=0)
    speed: float = Field(default=1, gt=0)

    def scaled(self, seconds: float) -> float:
        """A duration of the engine, shortened for demos and drills by `speed`."""
        return seconds / self.speed


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
