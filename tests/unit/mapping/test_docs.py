"""docs/mapping.md: its example compiles and passes its tests; it names every function and every key."""

from pathlib import Path

from hub.mapping import check_mapping
from hub.mapping.hub_functions import HUB
from hub.mapping.line_parser import LINE_KEYS
from tests.unit.mapping.orders import kinds

PAGE = (Path(__file__).parents[3] / "docs" / "mapping.md").read_text("utf-8")


def test_the_example_works() -> None:
    example = PAGE.split("```yaml\n")[1].split("```")[0]
    assert [str(problem) for problem in check_mapping(example, kinds=kinds, file="docs/mapping.md")] == []


def test_everything_is_named() -> None:
    assert [name for name in HUB if f"`{name}" not in PAGE] == []
    assert [key for key in LINE_KEYS - {"description"} if f"`{key}" not in PAGE] == []
