"""Who fills the roles of a template: by options, by a connection that stands, or by asking."""

import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from hub.cli.words import say
from hub.config.catalogue import connectors
from hub.config.document import Document, read_document
from hub.config.templates import Choice, Part, Role, Said, TemplateError
from hub.mapping.faults import near
from hub.sdk.connector import ConnectionConfig
from hub.security.secrets import references

NOBODY: Final = "none"
WHO, CONNECTION = "", "connection"
Given = Mapping[str, Mapping[str, str]]
"""Role -> what was said of it: who (under the empty name), its connection's name, fields of its config."""


@dataclass(frozen=True, slots=True)
class Question:
    """A field of a connection. `default` is what is written when nobody says anything."""

    name: str
    hint: Said | None
    secret: bool
    default: str


def parse_settings(pairs: Iterable[str]) -> dict[str, dict[str, str]]:
    """`crm=fxiaoke`, `crm.base_url=https://…`, `crm.connection=fxk`."""
    given: dict[str, dict[str, str]] = {}
    for pair in pairs:
        place, sign, value = pair.partition("=")
        if not sign or not place:
            raise TemplateError(
                f"{pair} is no setting; write ROLE=CONNECTOR or ROLE.FIELD=VALUE",
                f"{pair} 写法有误：请写 角色=连接器 或 角色.字段=值",
            )
        role, _, field = place.partition(".")
        given.setdefault(role, {})[field] = value
    return given


def standing_connections(directory: Path) -> dict[str, str]:
    """The connections that have a file in the directory: name -> connector."""
    found: dict[str, str] = {}
    for file in sorted((directory / "connections").glob("*.y*ml")):
        read = read_document(file.name, file.read_text(encoding="utf-8-sig"))
        if isinstance(read, Document) and {"connection", "connector"} <= read.data.keys():
            found[str(read.data["connection"])] = str(read.data["connector"])
    return found


def choose(roles: Mapping[str, Role], given: Given, standing: Mapping[str, str], *, ask: bool) -> dict[str, Choice]:
    """A choice for each role that is to be filled."""
    strangers = {role: said for role, said in given.items() if role not in roles}
    choices = {role: Choice(said.get(WHO, "")) for role, said in strangers.items()}  # `render` says what is wrong
    for name, role in roles.items():
        said = given.get(name, {})
        who = said.get(WHO) or (_asked_who(role, standing) if ask else _default_who(role, standing))
        if who != NOBODY:
            choices[name] = _choice(role, who, said, standing, ask=ask)
    return choices


def _choice(role: Role, who: str, said: Mapping[str, str], standing: Mapping[str, str], *, ask: bool) -> Choice:
    if who in standing and who not in role.parts:
        role.part(standing[who])
        return Choice(standing[who], who, None)
    part = role.part(who)
    name = said.get(CONNECTION) or _free_name(part, standing, ask=ask and WHO not in said)
    if name in standing:
        if standing[name] != who:
            raise TemplateError(
                f"connection {name} is a {standing[name]} already; say --set {role.name}.{CONNECTION}=ANOTHER_NAME",
                f"连接 {name} 已是 {standing[name]}：请用 --set {role.name}.{CONNECTION}=其他名称",
            )
        return Choice(who, name, None)
    return Choice(who, name, _config(role, part, name, said, ask=ask))


def _fitting(role: Role, standing: Mapping[str, str]) -> list[str]:
    return [name for name, connector in standing.items() if connector in role.parts]


def _default_who(role: Role, standing: Mapping[str, str]) -> str:
    """Nobody is asked: the one connection that fits, else the one connector that fits; nothing that was not wished."""
    if role.spec.optional:
        return NOBODY
    fitting = _fitting(role, standing)
    if len(fitting) == 1:
        return fitting[0]
    return next(iter(role.parts)) if len(role.parts) == 1 else NOBODY


def _asked_who(role: Role, standing: Mapping[str, str]) -> str:
    fitting = _fitting(role, standing)
    options = [*fitting, *role.parts, *([NOBODY] if role.spec.optional else [])]
    for option in options:
        click.echo(f"  {option}  {_meaning(option, role, standing)}")
    question = say(f"{role.spec.zh}（{role.name}）用哪个", f"{role.spec.en} ({role.name})")
    return str(click.prompt(question, type=click.Choice(options), default=options[0], show_choices=False))


def _meaning(option: str, role: Role, standing: Mapping[str, str]) -> str:
    if option == NOBODY:
        return say("不用", "leave it out")
    if option in role.parts:
        about = role.parts[option].spec.about
        return say(f"新建连接：{about.zh}", f"a new connection: {about.en}")
    return say(f"已有的连接（{standing[option]}）", f"a connection that stands ({standing[option]})")


def _free_name(part: Part, standing: Mapping[str, str], *, ask: bool) -> str:
    name = part.spec.connection
    if not ask:
        return name
    taken = standing.get(name, part.spec.connector) != part.spec.connector
    return str(click.prompt(say("连接的名称", "name of the connection"), default=f"{name}2" if taken else name))


def _config(role: Role, part: Part, name: str, said: Mapping[str, str], *, ask: bool) -> dict[str, Any]:
    model = connectors()[part.spec.connector].config
    stray = said.keys() - model.model_fields.keys() - {WHO, CONNECTION}
    for field in sorted(stray):
        zh, en = near(field, model.model_fields)
        raise TemplateError(
            f"{part.spec.connector} has no field {field}{en}", f"{part.spec.connector} 没有字段 {field}{zh}"
        )
    config: dict[str, Any] = {}
    for question in questions(part, model, name):
        value = said.get(question.name)
        if value is None:
            value = _asked(question) if ask else question.default
        elif question.secret and not references(value):
            raise TemplateError(*_written_out(f"{role.name}.{question.name}"))
        config[question.name] = value
    return config | {field: value for field, value in said.items() if field not in {WHO, CONNECTION}}


def questions(part: Part, model: type[ConnectionConfig], connection: str) -> Iterator[Question]:
    """What the part asks for, then whatever else the connector cannot do without."""
    required = [name for name, field in model.model_fields.items() if field.is_required()]
    for name in dict.fromkeys((*part.spec.asks, *required)):
        if name in part.spec.sets:
            continue
        field = model.model_fields[name]
        told = field.description
        hint = part.spec.asks.get(name) or (Said(zh=told, en=told) if told else None)
        secret = _is_secret(field.annotation)
        if secret:
            default = f"${{secret:{connection}_{name}}}"
        elif field.default in (None, "", PydanticUndefined):
            default = f"${{env:{connection.upper().replace('-', '_')}_{name.upper()}}}"
        else:
            default = str(field.default)
        yield Question(name, hint, secret, default)


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_is_secret(part) for part in typing.get_args(annotation))


def _asked(question: Question) -> str:
    hint = say(question.hint.zh, question.hint.en) if question.hint else ""
    label = f"  {question.name}{f'（{hint}）' if hint else ''}"
    while True:
        value = str(click.prompt(label, default=question.default))
        if not question.secret or references(value):
            return value
        en, zh = _written_out(question.name)
        click.echo(say(zh, en), err=True)


def _written_out(place: str) -> tuple[str, str]:
    return (
        f"{place} is a secret and is not written into a file; write ${{secret:NAME}} or ${{env:NAME}}",
        f"{place} 是凭据，不写进文件：请写 ${{secret:名称}} 或 ${{env:名称}}",
    )
