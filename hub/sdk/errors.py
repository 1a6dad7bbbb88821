"""The nine errors a connector may raise; a class names the recovery, the engine decides what follows.

    ConnectorError
    ├── AuthFailed      credentials not accepted           pauses its scope until a person renews them
    ├── Throttled       too many calls                     pauses its scope until `retry_after`
    ├── Unavailable     the other side does not answer     pauses its scope, probed with back-off
    ├── ConfigInvalid   our configuration is wrong         pauses its scope until it is corrected
    ├── Busy            this record is locked there        this record waits
    ├── Rejected        the other side refuses the data    this record is parked
    ├── Conflict        the record changed there           read again, merge, push again
    ├── NotFound        the record is not there            the sync's policy decides
    └── Uncertain       a write may or may not have worked looked up by our reference before a second try

`scope` is None for the whole connection or the name of one stream.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field the other side refused: its vendor path (may be empty) and the vendor's own sentence."""

    path: str
    sentence: str


class ConnectorError(Exception):
    """Base of the nine. `sentence` is English, `zh` Chinese (the vendor's own words are best); neither holds secrets."""

    def __init__(self, sentence: str, *, zh: str | None = None, code: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.zh = zh or sentence
        self.code = code


class ScopedError(ConnectorError):
    """An error of a whole connection (`scope` None) or of one stream of it."""

    def __init__(
        self, sentence: str, *, zh: str | None = None, code: str | None = None, scope: str | None = None
    ) -> None:
        super().__init__(sentence, zh=zh, code=code)
        self.scope = scope


class AuthFailed(ScopedError):
    """Credentials not accepted, after one fresh login where the vendor has logins."""


class ConfigInvalid(ScopedError):
    """Something we configured (a field, a form, an address) does not exist there."""


class Unavailable(ScopedError):
    """No answer, or the other side says it is ill; the call surely had no effect or was a read."""


class Throttled(ScopedError):
    """Too many calls; `retry_after` seconds when the vendor says so."""

    def __init__(
        self,
        sentence: str,
        *,
        retry_after: float | None = None,
        zh: str | None = None,
        code: str | None = None,
        scope: str | None = None,
    ) -> None:
        super().__init__(sentence, zh=zh, code=code, scope=scope)
        self.retry_after = retry_after


class Busy(ConnectorError):
    """This one record is locked there; nobody else waits. `retry_after` in seconds."""

    def __init__(
        self,
        sentence: str,
        *,
        retry_after: float | None = None,
        zh: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(sentence, zh=zh, code=code)
        self.retry_after = retry_after


class Rejected(ConnectorError):
    """The other side refuses this record; `fields` say which fields and why, in the vendor's words."""

    def __init__(
        self,
        sentence: str,
        *,
        fields: Sequence[FieldError] = (),
        zh: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(sentence, zh=zh, code=code)
        self.fields = tuple(fields)


class Conflict(ConnectorError):
    """The record there is newer than the one we know."""


class NotFound(ConnectorError):
    """The record is not there (any more)."""


class Uncertain(ConnectorError):
    """A write whose outcome is unknown: sent, and no usable answer came back."""


ERRORS: tuple[type[ConnectorError], ...] = (
    AuthFailed,
    Throttled,
    Unavailable,
    ConfigInvalid,
    Busy,
    Rejected,
    Conflict,
    NotFound,
    Uncertain,
)
