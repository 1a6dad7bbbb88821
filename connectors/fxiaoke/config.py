"""What one connection to 纷享销客 needs to know."""

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from hub.sdk import ConnectionConfig


class FxiaokeConfig(ConnectionConfig):
    """`user` is who the hub acts as: a CRM employee id ("1000") in the new scheme, an openUserId ("FSUID_…") in the old."""

    base_url: str = "https://open.fxiaoke.com"
    scheme: Literal["new", "old"] = "new"
    app_id: str
    app_secret: SecretStr
    permanent_code: SecretStr
    user: str = ""
    user_mobile: str = ""  # old scheme only: finds the openUserId when `user` is empty
    overlap: float = Field(default=120.0, ge=0)  # seconds read again by every pull
    trigger_workflow: bool = False  # let what the hub writes start the customer's workflows
    trigger_approval: bool = False
    hook_token: SecretStr | None = None
    hook_token_old: SecretStr | None = None  # still accepted while the customer changes the workflow

    @field_validator("base_url")
    @classmethod
    def _an_api_address(cls, value: str) -> str:
        # www.fxiaoke.com answers API paths with a redirect to a web page (vendor sheet, 2026-11).
        if (urlsplit(value).hostname or "").startswith("www."):
            raise ValueError("www. is the website; use the API address of your cloud, such as https://open.fxiaoke.com")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _somebody_acts(self) -> Self:
        if self.user or (self.scheme == "old" and self.user_mobile):
            return self
        wanted = "user" if self.scheme == "new" else "user or user_mobile"
        raise ValueError(f"nobody to act as: fill in {wanted}, an employee with all rights")
