"""One connection put together: its connector, its config with secrets resolved, its streams."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, SecretStr, ValidationError

from hub.config.catalogue import Catalogue
from hub.config.model import ConnectionSpec
from hub.config.problem import Flaw, Path, dotted, flaws_of
from hub.mapping.faults import near
from hub.sdk.connector import ConnectionConfig, Connector, Hook, Stream
from hub.sdk.errors import ConfigInvalid
from hub.security.redact import redact, secret_name
from hub.security.secrets import REFERENCE, Lookup, references, resolve

_HOOK_FIELDS = ("hook", "callback")
"""How the fields of a config that concern the hook begin, in every connector."""

_STAND_IN = "0"
"""Takes the place of a missing secret, so that the rest of the config is checked all the same."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A connection ready for work. `secrets`: every resolved secret value, to be masked wherever text leaves.
    `hooked`: the vendor may call us, and what authenticates its calls is configured."""

    name: str
    connector: Connector
    config: ConnectionConfig
    spec: ConnectionSpec
    streams: Mapping[str, Stream]
    secrets: frozenset[str]
    hooked: bool


def bind(
    spec: ConnectionSpec, catalogue: Mapping[str, Connector], lookup: Lookup, *, reads: Collection[str]
) -> tuple[Bound | None, list[Flaw]]:
    """The connection, or what is wrong with it. `reads`: its streams that syncs read."""
    connector = catalogue.get(spec.connector)
    if connector is None:
        return None, [_no_connector(spec.connector, catalogue)]
    flaws, missing = _reference_flaws(spec, lookup)
    given = resolve(spec.config, lambda source, name: lookup(source, name) or _STAND_IN)
    try:
        config = connector.config.model_validate(given)
    except ValidationError as error:
        flaws += _config_flaws(error, connector, missing, _looked_up(spec, lookup))
        return None, flaws
    secrets = _secrets(spec, config, lookup)
    flaws += _plain_secrets(spec, config)
    if flaws:
        return None, flaws
    hook = connector.hook if _hook_wanted(spec, connector, reads) else None
    flaws = [*_zone_flaws(config.zone), *(_hook_flaws(hook, config, secrets) if hook else [])]
    try:
        streams = connector.streams_of(config)
    except ConfigInvalid as error:
        flaws.append(Flaw(("config",), str(redact(error.sentence, secrets)), str(redact(error.zh, secrets))))
    if flaws:
        return None, flaws
    return Bound(spec.connection, connector, config, spec, streams, secrets, hook is not None), []


def _hook_wanted(spec: ConnectionSpec, connector: Connector, reads: Collection[str]) -> bool:
    """Said outright; else where the config speaks of it, or a sync reads what the vendor would call about."""
    if connector.hook is None or spec.hook is not None:
        return connector.hook is not None and bool(spec.hook)
    spoken = any(name.startswith(_HOOK_FIELDS) for name in spec.config)
    return spoken or not set(reads).isdisjoint(connector.hook.events.values())


def _hook_flaws(hook: Hook, config: ConnectionConfig, secrets: frozenset[str]) -> Iterator[Flaw]:
    try:
        hook.check(config)
    except ConfigInvalid as error:
        en, zh = str(redact(error.sentence, secrets)), str(redact(error.zh, secrets))
        yield Flaw(
            ("config",),
            f"{en}; or write `hook: false` beside config when the vendor shall not call",
            f"{zh}；如不需要对方回调，请在 config 旁写 hook: false",
        )


def _zone_flaws(zone: str) -> Iterator[Flaw]:
    try:
        ZoneInfo(zone)
    except (LookupError, ValueError, OSError):
        yield Flaw(
            ("config", "zone"),
            f"there is no time zone {zone}; write one such as Asia/Shanghai",
            f"没有时区 {zone}：请填写例如 Asia/Shanghai",
        )


def _no_connector(name: str, catalogue: Mapping[str, Connector]) -> Flaw:
    if isinstance(catalogue, Catalogue) and name in catalogue.broken:
        return Flaw(("connector",), *catalogue.broken[name])
    known = catalogue.names if isinstance(catalogue, Catalogue) else catalogue.keys()
    zh, en = near(name, known)
    en = en or f"; installed are {', '.join(sorted(known))}"
    zh = zh or f"；已安装的有 {'、'.join(sorted(known))}"
    return Flaw(("connector",), f"there is no connector {name}{en}", f"没有连接器 {name}{zh}")


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _leaves(item, (*path, name))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, index))


def _reference_flaws(spec: ConnectionSpec, lookup: Lookup) -> tuple[list[Flaw], set[Path]]:
    flaws: list[Flaw] = []
    missing: set[Path] = set()
    for path, text in _leaves(spec.config, ("config",)):
        if "${" in REFERENCE.sub("", text):
            flaws.append(_bad_reference(path))
        for source, name in sorted(references(text)):
            if not lookup(source, name):
                missing.add(path)
                flaws.append(_missing(spec.connection, path, source, name))
    return flaws, missing


def _bad_reference(path: Path) -> Flaw:
    return Flaw(
        path,
        "this looks like a reference and is none; write ${env:NAME} or ${secret:NAME}",
        "引用写法有误：请写 ${env:NAME} 或 ${secret:NAME}",
    )


_NEXT_STEP = {
    "env": ("export {name} where the hub starts", "请在启动处设置环境变量 {name}"),
    "secret": ("run `hub secret set {name}`", "请执行 hub secret set {name}"),
}


def _missing(connection: str, path: Path, source: str, name: str) -> Flaw:
    place, reference = dotted(path[1:]), f"${{{source}:{name}}}"
    en, zh = (sentence.format(name=name) for sentence in _NEXT_STEP[source])
    return Flaw(
        path,
        f"missing secret: connection {connection}, field {place} refers to {reference}, which is not set; {en}",
        f"缺少凭据：连接 {connection} 的 {place} 引用了 {reference}，但它没有值；{zh}",
    )


def _config_flaws(
    error: ValidationError, connector: Connector, missing: set[Path], secrets: frozenset[str]
) -> list[Flaw]:
    flaws: list[Flaw] = []
    for flaw in flaws_of(error, connector.config):
        path: Path = ("config", *flaw.path)
        if missing and (
            len(path) == 1 or any(gone[: len(path)] == path or path[: len(gone)] == gone for gone in missing)
        ):
            continue  # already told: a stand-in was looked at
        flaws.append(Flaw(path, str(redact(flaw.en, secrets)), str(redact(flaw.zh, secrets))))
    return flaws


def _looked_up(spec: ConnectionSpec, lookup: Lookup) -> frozenset[str]:
    """Everything a reference brought in, secret or not: an error sentence shows none of it."""
    return frozenset(filter(None, (lookup(source, name) for source, name in references(spec.config))))


def _secret_fields(model: BaseModel, path: Path = ()) -> Iterator[tuple[Path, str]]:
    for name, value in model:
        yield from _secret_values(value, (*path, name))


def _secret_values(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, SecretStr):
        yield path, value.get_secret_value()
    elif isinstance(value, BaseModel):
        yield from _secret_fields(value, path)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _secret_values(item, (*path, name))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _secret_values(item, (*path, index))


def _plain_secrets(spec: ConnectionSpec, config: ConnectionConfig) -> Iterator[Flaw]:
    """A secret written out would be stored and shown with the configuration."""
    written = dict(_leaves(spec.config, ()))
    for path, value in _secret_fields(config):
        if value and path in written and "${" not in written[path]:
            yield Flaw(
                ("config", *path),
                f"{dotted(path)} is a secret written out; write ${{env:NAME}} or ${{secret:NAME}} instead",
                f"{dotted(path)} 是凭据，不能明文填写：请改为 ${{env:NAME}} 或 ${{secret:NAME}}",
            )


def _secrets(spec: ConnectionSpec, config: ConnectionConfig, lookup: Lookup) -> frozenset[str]:
    found = {value for _, value in _secret_fields(config)}
    for path, text in _leaves(spec.config, ()):
        for source, name in references(text):
            if source == "secret" or secret_name(str(path[-1])):
                found.add(lookup(source, name) or "")
    return frozenset(found - {""})
