"""Templates: a whole scenario as a configuration directory, put together from parts, one part per role and connector.

Pure and deterministic: what is shipped in `mappings/templates`, the choices, and texts by path out of them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict

from hub.config.document import Document, read_document
from hub.config.shipped import PACKAGE, TEMPLATES
from hub.mapping.faults import near

PARTS: Final = "parts"
MODE, EVERY = "mode", "every"
_PLACE: Final = re.compile(r"<([a-z_]+)>")
Mode = Literal["observing", "live", "paused"]


class TemplateError(ValueError):
    """A choice that cannot be; says what there is, in both languages."""

    def __init__(self, sentence: str, zh: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.zh = zh


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Said(_Model):
    """A text in both languages."""

    zh: str
    en: str


class Setting(Said):
    """A field of a connection that the part decides, and why."""

    value: str | int | bool


class RoleSpec(Said):
    """`files`: which of the parts' shared files this template takes; none said: all."""

    optional: bool = False
    files: tuple[str, ...] | None = None


class PartSpec(_Model):
    """parts/ROLE/CONNECTOR/part.yaml. `asks`: the fields a connection needs here; `words`: for the role's shared files."""

    connector: str
    connection: str
    owner: str
    about: Said
    words: dict[str, str] = {}
    asks: dict[str, Said] = {}
    sets: dict[str, Setting] = {}
    remains: tuple[Said, ...] = ()


class TemplateSpec(_Model):
    """NAME/template.yaml."""

    template: str
    title: Said
    description: Said
    roles: dict[str, RoleSpec]
    remains: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One way to fill a role. `files`: target path -> text with places such as <crm>."""

    spec: PartSpec
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Role:
    name: str
    spec: RoleSpec
    parts: Mapping[str, Part]

    def part(self, connector: str) -> Part:
        if connector not in self.parts:
            zh, en = near(connector, self.parts)
            raise TemplateError(
                f"{connector} cannot be {self.name}{en or '; there is ' + ', '.join(self.parts)}",
                f"{connector} 不能担任 {self.name}{zh or '：可选 ' + '、'.join(self.parts)}",
            )
        return self.parts[connector]


@dataclass(frozen=True, slots=True)
class Template:
    spec: TemplateSpec
    roles: Mapping[str, Role]
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Choice:
    """Who fills a role. `config` None: the connection stands already and is not written. No name: the part's own."""

    connector: str
    connection: str = ""
    config: Mapping[str, Any] | None = field(default_factory=dict)


@cache
def templates() -> Mapping[str, Template]:
    """All templates that are shipped, by name."""
    root = files(PACKAGE) / TEMPLATES
    parts = {role.name: dict(_parts(role)) for role in _folders(root / PARTS)}
    found = {entry.name: _template(entry, parts) for entry in _folders(root) if entry.name != PARTS}
    return MappingProxyType(found)


def template(name: str) -> Template:
    """One template; TemplateError when there is none of that name."""
    if name not in templates():
        zh, en = near(name, templates())
        raise TemplateError(
            f"there is no template {name}{en or '; `hub template list` shows all'}",
            f"没有模板 {name}{zh or '：hub template list 可查看全部'}",
        )
    return templates()[name]


def render(name: str, choices: Mapping[str, Choice], *, mode: Mode = "observing", every: str = "60s") -> dict[str, str]:
    """The files of a scenario by path. A role that is not chosen is left out, which only optional ones may be."""
    made = template(name)
    _check_choices(made, choices)
    chosen = {
        role: (made.roles[role].part(choices[role].connector), choices[role]) for role in made.roles if role in choices
    }
    names = {role: choice.connection or part.spec.connection for role, (part, choice) in chosen.items()}
    texts = dict(_connections(chosen, names))
    for part, _ in chosen.values():
        words = {**names, **part.spec.words, MODE: mode, EVERY: every}
        texts |= {path: _filled(text, words) for path, text in part.files.items()}
    texts |= {path: _filled(text, names) for path, text in made.files.items()}
    return dict(sorted(texts.items()))


def remaining(name: str, choices: Mapping[str, Choice]) -> tuple[Said, ...]:
    """What a person still has to see to, of the parts and of the whole."""
    made = template(name)
    chosen = [made.roles[role].part(choice.connector).spec.remains for role, choice in choices.items()]
    return tuple(said for some in (*chosen, made.spec.remains) for said in some)


def _check_choices(made: Template, choices: Mapping[str, Choice]) -> None:
    name = made.spec.template
    for role in choices:
        if role not in made.roles:
            zh, en = near(role, made.roles)
            known, known_zh = ", ".join(made.roles), "、".join(made.roles)
            raise TemplateError(
                f"{name} has no role {role}{en or '; it has ' + known}",
                f"{name} 没有角色 {role}{zh or '：有 ' + known_zh}",
            )
    missing = [role for role, known in made.roles.items() if not known.spec.optional and role not in choices]
    if missing:
        some = ", ".join(f"{role} ({' or '.join(made.roles[role].parts)})" for role in missing)
        raise TemplateError(f"choose who is {some}: --set ROLE=CONNECTOR", f"请选择 {some}：--set 角色=连接器")
    if not choices:
        raise TemplateError(
            f"nothing is chosen of {', '.join(made.roles)}; choose at least one",
            f"{'、'.join(made.roles)} 都没有选择：请至少选一个",
        )


def _connections(chosen: Mapping[str, tuple[Part, Choice]], names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """One file per connection; two roles of one connection share it."""
    for name in dict.fromkeys(names.values()):
        some = [one for role, one in chosen.items() if names[role] == name]
        vendors = {part.spec.connector for part, _ in some}
        if len(vendors) > 1:
            first, second = sorted(vendors)
            raise TemplateError(
                f"{name} cannot be {first} and {second} at once; name one of them differently",
                f"连接 {name} 不能同时是 {first} 和 {second}：请换一个名称",
            )
        if all(choice.config is not None for _, choice in some):
            yield f"connections/{name}.yaml", connection_text(name, some, names)


def connection_text(name: str, some: Iterable[tuple[Part, Choice]], names: Mapping[str, str]) -> str:
    """A connection's file, with what each field means beside it."""
    parts = [part.spec for part, _ in some]
    heads = dict.fromkeys(line for spec in parts for line in (spec.about.zh, spec.about.en))
    config: dict[str, Any] = {}
    notes: dict[str, Said] = {}
    for part, choice in some:
        decided = {key: setting.value for key, setting in part.spec.sets.items()}
        config |= choice.config or {}
        config = {**config, **{key: value for key, value in decided.items() if key not in config}}
        notes |= part.spec.asks | part.spec.sets
    lines = [f"# {_filled(head, names)}" for head in heads]
    lines += [f"connection: {name}", f"connector: {parts[0].connector}", f"owner: {parts[0].owner}", "config:"]
    lines += [line for key, value in config.items() for line in _field(key, value, notes.get(key))]
    return "\n".join(lines) + "\n"


def _field(name: str, value: Any, note: Said | None) -> Iterator[str]:
    dumped = yaml.safe_dump({name: value}, allow_unicode=True, sort_keys=False, width=10_000).splitlines()
    remark = f"  # {note.zh}  {note.en}" if note is not None and len(dumped) == 1 else ""
    for line in dumped:
        yield f"  {line}{remark}"


def _filled(text: str, words: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda place: words[place[1]], text)


def _template(folder: Traversable, parts: Mapping[str, Mapping[str, Part]]) -> Template:
    spec = TemplateSpec.model_validate(_read(folder / "template.yaml"))
    roles = {name: Role(name, role, _taken(role, parts[name])) for name, role in spec.roles.items()}
    return Template(spec, MappingProxyType(roles), MappingProxyType(dict(_texts(folder))))


def _taken(role: RoleSpec, parts: Mapping[str, Part]) -> Mapping[str, Part]:
    if role.files is None:
        return parts
    wanted = role.files
    return {name: Part(part.spec, {path: part.files[path] for path in wanted}) for name, part in parts.items()}


def _parts(role: Traversable) -> Iterator[tuple[str, Part]]:
    """The parts of one role; files beside them are shared by all."""
    entries = [entry for entry in _folders(role) if (entry / "part.yaml").is_file()]
    shared = dict(_texts(role, leave=frozenset(entry.name for entry in entries)))
    for entry in entries:
        spec = PartSpec.model_validate(_read(entry / "part.yaml"))
        yield spec.connector, Part(spec, MappingProxyType({**shared, **dict(_texts(entry))}))


def _folders(folder: Traversable) -> list[Traversable]:
    found = [entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith((".", "_"))]
    return sorted(found, key=lambda entry: entry.name)


def _texts(folder: Traversable, leave: frozenset[str] = frozenset()) -> Iterator[tuple[str, str]]:
    for inside in _folders(folder):
        if inside.name not in leave:
            for file in sorted(inside.iterdir(), key=lambda file: file.name):
                yield f"{inside.name}/{file.name}", file.read_text(encoding="utf-8")


def _read(file: Traversable) -> dict[str, Any]:
    found = read_document(file.name, file.read_text(encoding="utf-8"))
    if not isinstance(found, Document):
        raise ValueError(f"{file}: {found}")
    return found.data
