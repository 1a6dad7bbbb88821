"""Masks secrets in anything that is logged, recorded or shown: by the name of a field and by known value."""

import json
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from hub.sdk import jsontext

MASK = "***"

# Whole words of a field's name, so that `design`, `monkey` or `secretary` keep their values.
SECRET_WORDS = frozenset(
    (
        *("authorization", "password", "passwd", "pwd", "passphrase", "secret", "secrets", "token", "tokens"),
        *("signature", "cookie", "credential", "credentials", "apikey", "sessionid", "corpsecret", "appsecret"),
    )
)
# Secret as the whole name; as one word among others they are ordinary (`record_key`, `sign_date`, `ticket_id`).
SECRET_NAMES = frozenset(
    ("key", "sign", "auth", "session", "ticket", "authkey", "aeskey", "jsessionid", "sessionid", "kdsvcsessionid")
)
# What makes a key the key of a door: `x-api-key`, `EncodingAESKey`, `private_key`.
KEY_OF = frozenset(("api", "app", "access", "auth", "aes", "private", "signing", "consumer", "subscription", "webhook"))
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
PARAMETER = re.compile(r"(?P<name>[A-Za-z0-9_.\-]+)(?P<sign>=)(?P<value>[^&\s\"'<>]+)")
BEARER = re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=\-]{6,}", re.IGNORECASE)
USERINFO = re.compile(r"(?<=://)([^/\s:@]*):([^/\s@]+)@")
SHORTEST = 4
"""Known values shorter than this are not searched for: they would mask half of every text."""


@lru_cache(maxsize=1024)
def secret_name(name: str) -> bool:
    """Does a field of this name hold a secret? (`X-Api-Key`, `appSecret`, `access_token` …)"""
    words = [word.lower() for word in WORD.findall(name)]
    if "".join(words) in SECRET_NAMES or SECRET_WORDS.intersection(words):
        return True
    return len(words) > 1 and words[-1] == "key" and words[-2] in KEY_OF


def redact(value: Any, secrets: Collection[str] = ()) -> Any:
    """A copy of the value without its secrets. Texts that are JSON are read as JSON."""
    known = _pattern(frozenset(secrets))
    return _value(value, known)


def _value(value: Any, known: re.Pattern[str] | None) -> Any:
    if isinstance(value, str):
        return _text(value, known)
    if isinstance(value, Mapping):
        return {name: _named(name, item, known) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_value(item, known) for item in value]
    return value


def _named(name: object, value: Any, known: re.Pattern[str] | None) -> Any:
    empty = value is None or value == "" or isinstance(value, bool | Mapping | list)
    if not empty and secret_name(str(name)):
        return MASK
    return _value(value, known)


def _text(value: str, known: re.Pattern[str] | None) -> str:
    if value[:1] in ("{", "["):
        try:
            read = jsontext.loads(value)
        except jsontext.BadJson:
            read = None
        if read is not None:
            return _rewritten(value, read, known)
    # Most texts are short values in which nothing of the kind can stand: a look is cheaper than a search.
    small = value.lower()
    if "bearer" in small or "basic" in small:
        value = BEARER.sub(lambda found: f"{found[1]} {MASK}", value)
    if "@" in value:
        value = USERINFO.sub(lambda found: f"{found[1]}:{MASK}@", value)
    if "=" in value:
        value = PARAMETER.sub(_parameter, value)
    return known.sub(MASK, value) if known else value


def _rewritten(original: str, read: Any, known: re.Pattern[str] | None) -> str:
    """JSON is only written anew when something in it was masked, so that other bodies stay byte for byte."""
    masked = _value(read, known)
    return original if masked == read else jsontext.dumps(masked).decode()


def _parameter(found: re.Match[str]) -> str:
    return f"{found['name']}={MASK}" if secret_name(found["name"]) else found[0]


@lru_cache(maxsize=64)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str] | None:
    """Known values in every spelling they may travel in: plain, in a URL, in JSON."""
    spellings = {
        form
        for secret in secrets
        if len(secret) >= SHORTEST
        for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1])
    }
    if not spellings:
        return None
    return re.compile("|".join(re.escape(form) for form in sorted(spellings, key=len, reverse=True)))
