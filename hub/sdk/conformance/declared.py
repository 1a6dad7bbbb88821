"""What a connector says of itself, against what it is: manifest, config, fixtures."""

import re
from collections.abc import Iterator, Mapping

from pydantic import SecretStr, ValidationError

from hub.sdk.conformance.kit import Subject
from hub.sdk.conformance.trial import BASE_URL, config_of, secrets_of, spellings
from hub.sdk.connector import Stream, verbs_of
from hub.sdk.manifest import read_manifest

SECRET_WORDS = frozenset({"secret", "secrets", "token", "password", "passwd", "passphrase"})
SECRET_ENDS = ("aes_key", "private_key", "api_key")
TYPE_WORDS = frozenset({"text", "enum", "integer", "decimal", "money", "bool", "date", "instant", "list", "object"})
GRADES = frozenset("ABC")


async def manifest(subject: Subject) -> list[str]:
    """connector.toml is valid and says of streams, verbs and events what the code does."""
    try:
        said = read_manifest(subject.folder)
    except (OSError, ValueError) as error:
        return [f"connector.toml cannot be read: {error}"]
    connector, found = subject.connector, list(_names(subject))
    if said != connector.manifest:
        found.append("the connector was not made with the manifest of its own folder")
    verbs = {name: frozenset(listed) for name, listed in said.streams.items()}
    if verbs != dict(connector.verbs):
        found.append(f"streams and verbs: connector.toml says {_shown(verbs)}, the code {_shown(connector.verbs)}")
    events = dict(connector.hook.events) if connector.hook else {}
    if said.events != events:
        found.append(f"events: connector.toml says {said.events}, the hook {events}")
    if said.credential not in connector.config.model_fields:
        found.append(f"`credential` names {said.credential}, which is no field of the config")
    try:
        streams = connector.streams_of(config_of(subject))
    except ValidationError as error:
        return [*found, f"the kit's config is not valid: {error.errors(include_input=False)}"]
    found += [
        f"event {event} is of the stream {name}, which is not there"
        for event, name in events.items()
        if name not in streams
    ]
    return found + [sentence for name, stream in streams.items() for sentence in _stream(name, stream)]


def _names(subject: Subject) -> Iterator[str]:
    ident = subject.connector.manifest.id
    for what, name in (("entry point", subject.name), ("folder", subject.folder.name)):
        if name != ident:
            yield f"id is {ident}, but the {what} is called {name}"


def _shown(verbs: Mapping[str, frozenset[str]]) -> dict[str, list[str]]:
    return {name: sorted(listed) for name, listed in sorted(verbs.items())}


def _stream(name: str, stream: Stream) -> Iterator[str]:
    if stream.name != name:
        yield f"the stream under {name} calls itself {stream.name}"
    for path, word in stream.schema.items():
        if word not in TYPE_WORDS:
            yield f"{name}: {path} is of the unknown type {word!r}; known are {', '.join(sorted(TYPE_WORDS))}"
    if verbs_of(stream) & {"push", "message"} and getattr(stream, "grade", None) not in GRADES:
        yield f"{name} writes and has no grade A, B or C"


async def config_secrets(subject: Subject) -> list[str]:
    """What is secret in a config is a SecretStr, and shows in no spelling of the config or of a complaint about it."""
    found = [
        f"config field {name} holds a secret and is no SecretStr"
        for name, field in subject.connector.config.model_fields.items()
        if _sounds_secret(name) and SecretStr not in _types(field.annotation)
    ]
    config = config_of(subject)
    secrets = secrets_of(config)
    shown = {"repr": repr(config), "str": str(config), "JSON": config.model_dump_json()}
    try:
        subject.connector.config.model_validate({**subject.kit.config(BASE_URL), "no_such_field": 1})
        found.append("the config accepts a field it does not know")
    except ValidationError as error:
        shown["complaint"] = str(error.errors(include_input=False, include_url=False))
    for where, text in shown.items():
        if any(spelt in text for secret in secrets for spelt in spellings(secret)):
            found.append(f"the {where} of a config shows a secret")
    return found


def _sounds_secret(name: str) -> bool:
    return bool(SECRET_WORDS.intersection(name.split("_"))) or name.endswith(SECRET_ENDS)


def _types(annotation: object) -> set[object]:
    inner = getattr(annotation, "__args__", ())
    return {annotation, *(kind for one in inner for kind in _types(one))}


_FIELD = re.compile(r'"(?P<name>[A-Za-z_-]+)"\s*:\s*"(?P<value>[^"]{8,})"')


async def fixtures(subject: Subject) -> list[str]:
    """No fixture holds a secret; each event of the hook has a fixture and each fixture of a hook an event."""
    secrets = {spelt for secret in secrets_of(config_of(subject)) for spelt in spellings(secret)}
    found: list[str] = []
    named: set[str] = set()
    hook = subject.kit.hook
    for path in subject.fixtures():
        body = path.read_bytes()
        text = body.decode("utf-8", "replace")
        if any(secret in text for secret in secrets):
            found.append(f"fixture {path.name} holds a secret of the sandbox")
        found += [
            f"fixture {path.name}: {match['name']} looks like a secret; redact it"
            for match in _FIELD.finditer(text)
            if subject.redact({match["name"]: match["value"]}, ()) != {match["name"]: match["value"]}
        ]
        if subject.connector.hook is not None and hook is not None:
            event = hook.event(body)
            named.add(event)
            if path.name.partition(".")[0].partition("__")[0] != event:
                found.append(f"fixture {path.name} holds the event {event}: its name begins with another")
    declared = set(subject.connector.hook.events) if subject.connector.hook else set()
    found += [f"event {event} has no fixture" for event in sorted(declared - named)]
    return found + [f"a fixture shows the event {event}, which is not declared" for event in sorted(named - declared)]
