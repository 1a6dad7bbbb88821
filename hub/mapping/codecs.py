"""Values in and out, by type: from a vendor's form to the canonical one and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from decimal import Decimal
from typing import Any, Final, Literal

from hub.mapping import moments
from hub.mapping.decimals import cleaned, decimal_decoder, decimal_of, decimal_text, exact, integer_of
from hub.mapping.faults import Fault
from hub.mapping.shape import FieldType

Change = Callable[[Any], Any]
Unknown = Literal["fail", "pass", "null"]
_TRUTHS: Final[Mapping[str, bool]] = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Usual:
    """What most values are, so that no function need be called for them: `unchanged` is a Python condition over `{0}`
    for those that stay as they are; `words` says what known texts become."""

    unchanged: str = ""
    words: Mapping[Any, Any] | None = None


ANYTHING: Final = Usual()
# Text that can be stored: no NUL, no lone surrogate. Nothing that can be printed is either.
PLAIN_TEXT: Final = Usual(r"type({0}) is str and ({0}.isascii() and '\x00' not in {0} or {0}.isprintable())")
_PLAIN_BOOL: Final = Usual("{0} is True or {0} is False")
_PLAIN_INTEGER: Final = Usual(f"type({{0}}) is int and {-(2**63)} <= {{0}} < {2**63}")


@dataclass(frozen=True, slots=True)
class Codec:
    """`decode` inward, `encode` outward; `same` is what two vendor values are compared by. `read` and `written` are the
    short cuts of `decode` and `encode`: they give the same."""

    decode: Change
    encode: Change
    same: Change
    read: Usual = ANYTHING
    written: Usual = ANYTHING


@dataclass(frozen=True, slots=True)
class Options:
    zone: tzinfo | None = None
    form: str | None = None
    epoch: moments.Epoch | None = None
    clean: bool = False
    as_text: bool | None = None
    enum: EnumTable | None = None
    values: tuple[str, ...] = ()


def scalar_text(raw: Any, rule: str = "text") -> str:
    """Text, or a number as text: ids and codes arrive as either."""
    kind = type(raw)
    if kind is str:
        text: str = raw
    elif kind is int:
        text = str(integer_of(raw))
    elif kind is Decimal:
        text = decimal_text(decimal_of(raw))
    else:
        raise Fault("float" if kind is float else rule)
    if not text.isascii() or "\x00" in text:
        _storable(text)
    return text


def _storable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Fault("storable") from None
    if "\x00" in text:
        raise Fault("storable")


def word(raw: Any) -> str:
    """A vendor's enum value as it is looked up: 1, "1" and true are the words 1, 1 and true."""
    return ("true" if raw else "false") if isinstance(raw, bool) else scalar_text(raw, "text")


@dataclass(frozen=True, slots=True)
class EnumTable:
    """Vendor word -> ours. Outward the first vendor word that gives ours is used, as it was written."""

    inward: Mapping[str, Any]
    outward: Mapping[Any, Any] = field(default_factory=dict)
    unknown: Unknown = "fail"
    name: str = ""
    """Of the shared table these words are from."""

    def decode(self, raw: Any) -> Any:
        text = word(raw)
        if text in self.inward:
            return self.inward[text]
        if self.unknown == "fail":
            if self.name:
                raise Fault("lookup", table=self.name)
            raise Fault("enum", known=", ".join(list(self.inward)[:12]))
        return text if self.unknown == "pass" else None

    def encode(self, ours: Any) -> Any:
        simple = isinstance(ours, str | int)
        if simple and ours in self.outward:
            return self.outward[ours]
        if simple and self.unknown == "pass":
            return ours
        raise Fault("lookup_out", table=self.name) if self.name else Fault("enum_out")

    def same(self, raw: Any) -> Any:
        text = word(raw)
        return self.inward.get(text, ("unknown", text))


def _decode_decimal(rule: str, clean: bool) -> Change:
    decode = decimal_decoder(rule)
    return (lambda raw: decode(cleaned(raw))) if clean else decode


def _encode_decimal(as_text: bool) -> Change:
    return (lambda ours: decimal_text(decimal_of(ours))) if as_text else exact


def _decode_bool(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    truth = _TRUTHS.get(raw.strip().lower()) if isinstance(raw, str) else None
    if truth is None:
        raise Fault("bool")
    return truth


def _encode_bool(ours: Any) -> bool:
    if not isinstance(ours, bool):
        raise Fault("bool")
    return ours


def _allowed(values: tuple[str, ...]) -> Change:
    known = frozenset(values)

    def decode(raw: Any) -> str:
        text = scalar_text(raw)
        if known and text not in known:
            raise Fault("enum", known=", ".join(values[:12]))
        return text

    return decode


def _text(options: Options) -> Codec:
    as_number = options.as_text is False
    encode = integer_of if as_number else scalar_text
    return Codec(scalar_text, encode, scalar_text, PLAIN_TEXT, ANYTHING if as_number else PLAIN_TEXT)


def _word(raw: Any) -> int:
    """A whole number as the database keeps it."""
    number = integer_of(raw)
    if not -(2**63) <= number < 2**63:
        raise Fault("range")
    return number


def _integer(options: Options) -> Codec:
    encode: Change = (lambda ours: str(integer_of(ours))) if options.as_text else integer_of
    return Codec(_word, encode, _word, _PLAIN_INTEGER, ANYTHING if options.as_text else _PLAIN_INTEGER)


def _number(rule: str) -> Callable[[Options], Codec]:
    def build(options: Options) -> Codec:
        decode = _decode_decimal(rule, options.clean)
        return Codec(decode, _encode_decimal(bool(options.as_text)), decode)

    return build


def _as_text(encode: Change, options: Options) -> Change:
    return (lambda ours: str(encode(ours))) if options.epoch and options.as_text else encode


def _date(options: Options) -> Codec:
    form = (options.zone, options.form, options.epoch)
    decode = moments.date_decoder(*form)
    return Codec(decode, _as_text(moments.date_encoder(*form), options), decode)


def _instant(options: Options) -> Codec:
    form = (options.zone, options.form, options.epoch)
    decode = moments.instant_decoder(*form)
    return Codec(decode, _as_text(moments.instant_encoder(*form), options), decode)


def _bool(options: Options) -> Codec:
    return Codec(_decode_bool, _encode_bool, _decode_bool, _PLAIN_BOOL, _PLAIN_BOOL)


def _enum(options: Options) -> Codec:
    known = Usual(words={value: value for value in options.values}) if options.values else PLAIN_TEXT
    return Codec(_allowed(options.values), scalar_text, scalar_text, known, PLAIN_TEXT)


_BUILDERS: Final[Mapping[str, Callable[[Options], Codec]]] = {
    "text": _text,
    "integer": _integer,
    "decimal": _number("decimal"),
    "money": _number("amount"),
    "date": _date,
    "instant": _instant,
    "bool": _bool,
    "enum": _enum,
    "ref": _text,
}


def codec(type_: FieldType, options: Options) -> Codec:
    """The codec of a line; an enum table takes the place of the type's own forms."""
    if options.enum is None:
        return _BUILDERS[type_](options)
    table = options.enum
    words = {text: ours for text, ours in table.inward.items() if text.isprintable()}
    read, written = Usual(words=words), Usual(words=table.outward)
    if table.unknown != "pass" or not options.values:
        return Codec(table.decode, table.encode, table.same, read, written)
    allowed = _allowed(options.values)

    def decode(raw: Any) -> Any:
        ours = table.decode(raw)
        return ours if word(raw) in table.inward else allowed(ours)

    return Codec(decode, table.encode, table.same, read, written)


def comparable(same: Change, raw: Any) -> Any:
    """A vendor's value for comparison: empty is one thing, and what cannot be read equals only itself."""
    if raw is None or raw == "":
        return None
    try:
        return same(raw)
    except Fault:
        return ("unreadable", str(raw))
