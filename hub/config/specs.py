"""From the files of one folder to specs: parsed, validated, named as their file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from hub.config.document import Document, read_document, stem
from hub.config.model import RESERVED, ConnectionSpec
from hub.config.problem import Flaw, Problem, flaws_of

S = TypeVar("S", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Read(Generic[S]):
    """A spec and the file it stands in."""

    spec: S
    document: Document


def read_specs(files: Mapping[str, str], model: type[S], problems: list[Problem]) -> dict[str, Read[S]]:
    """The valid specs of one folder by name; the others are told in `problems`."""
    found: dict[str, Read[S]] = {}
    key = next(iter(model.model_fields))  # a spec's first field is its name
    for file, text in files.items():
        document = read_document(file, text)
        if isinstance(document, Problem):
            problems.append(document)
            continue
        try:
            spec = model.model_validate(document.data)
        except ValidationError as error:
            problems += map(document.problem, flaws_of(error, model))
            continue
        name = str(getattr(spec, key))
        flaw = _misnamed(name, key, stem(file), model)
        if flaw:
            problems.append(document.problem(flaw))
        else:
            found[name] = Read(spec, document)
    return found


def _misnamed(name: str, key: str, file_name: str, model: type[BaseModel]) -> Flaw | None:
    if name != file_name:
        return Flaw(
            (key,),
            f"the file is called {file_name} but says {key}: {name}; give both the same name",
            f"文件名是 {file_name}，内容却写 {key}: {name}；请改为同名",
        )
    if model is ConnectionSpec and name in RESERVED:
        return Flaw((key,), f"{name} has a meaning of its own; choose another name", f"{name} 是保留字：请换一个名称")
    return None
