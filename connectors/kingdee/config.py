"""What one Kingdee connection needs to know."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from hub.sdk import ConnectionConfig

DEFAULT_REFERENCE = "F_HUB_REF"
_FIELD_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*")


def is_field_key(text: str) -> bool:
    """`FNote`, `FCustId.FNumber`: what may stand in FieldKeys and FilterString."""
    return _FIELD_KEY.fullmatch(text) is not None


def _field_key(text: str) -> str:
    if not is_field_key(text):
        raise ValueError(f"{text!r} is not a field key such as F_NOTE or F_AREA.FNumber")
    return text


def _server_url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("base_url is the server's address, such as https://erp.example.com/k3cloud/")
    return text if text.endswith("/") else text + "/"


FieldKey = Annotated[str, AfterValidator(_field_key)]


class KingdeeConfig(ConnectionConfig):
    """One data centre and one integration user."""

    base_url: Annotated[str, AfterValidator(_server_url)]
    acct_id: str = Field(min_length=1)  # the data centre's id, not its name
    user: str = Field(min_length=1)
    app_id: str = Field(pattern=r"^[^_\s]+_[A-Za-z0-9+/=]{32}$")  # <clientId>_<32 characters>
    app_secret: SecretStr
    auth: Literal["signature", "app_secret", "sign"] = "signature"
    lcid: int = 2052
    organization: str = "0"  # number of the organisation; "0": the user's own
    reference_field: FieldKey = DEFAULT_REFERENCE
    # Who numbers a document we create. Kingdee refuses a number that is taken, so "hub" makes a second create
    # impossible (grade B); its numbering rule must allow numbers given from outside.
    numbering: Literal["kingdee", "hub"] = "kingdee"
    page_size: int = Field(default=2000, ge=1, le=2000)  # 2000 is the documented maximum of Limit
    # Whether the hub may un-audit or withdraw a document in order to change it.
    reopen: bool = True
    # stream -> more header fields to read, e.g. {"customers": ["F_AREA.FNumber"]}
    extra_fields: Mapping[str, tuple[FieldKey, ...]] = {}
    # stream -> a condition every reading adds, e.g. {"customers": "FUseOrgId.FNumber = '100'"}
    filters: Mapping[str, str] = {}
