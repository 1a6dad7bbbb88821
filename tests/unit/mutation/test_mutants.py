"""The mutation test's own mistakes: made where a test could notice them, one at a time, and undone by nothing else."""

import ast
import json
import os
from pathlib import Path

from tests.mutation.mutants import Mutant, mutants, mutated
from tests.mutation.reaching import Reach, Uses, read

SOURCE = '''
"""A module."""
LIMIT: int = 3
QUERY = "SELECT id FROM t WHERE a <= :a AND b ->> 'x' IS NULL"
Alias = dict[str, int]

@once(5)
def late(row: Row, most: int = 2) -> bool:
    """Is it late?"""
    log.info("late")
    assert row is not None
    if not row.ended and row["age"] > LIMIT:
        return True
    raise Odd("this is told to a person")
'''


def of(source: str) -> dict[str, Mutant]:
    return {mutant.what: mutant for mutant in mutants("m.py", source)}


def test_every_place_that_matters_and_no_other() -> None:
    assert set(of(SOURCE)) == {
        "3 -> 4",
        "3 -> 2",
        "SQL <= -> < in …SELECT id FROM t WHERE a <= :a AND b ->> 'x' IS NULL…",
        "SQL AND -> OR in …ELECT id FROM t WHERE a <= :a AND b ->> 'x' IS NULL…",
        "SQL IS NULL -> IS NOT NULL in …t WHERE a <= :a AND b ->> 'x' IS NULL…",
        "2 -> 3",
        "2 -> 1",
        "not row.ended and row['age'] > LIMIT -> not row.ended or row['age'] > LIMIT",
        "not row.ended without not",
        "row['age'] > LIMIT -> row['age'] >= LIMIT",
        "True -> False",
        "deleted: raise Odd('this is told to a person')",
    }


def test_each_is_one_change_that_python_can_read() -> None:
    sound = ast.unparse(ast.parse(SOURCE))
    texts = [ast.unparse(mutated(SOURCE, mutant.number)) for mutant in mutants("m.py", SOURCE)]
    assert len({*texts, sound}) == len(texts) + 1
    for text in texts:
        compile(text, "m.py", "exec")


def test_a_default_belongs_to_the_module() -> None:
    """It is worked out when the function is defined: to exchange the function's code would change nothing."""
    found = of(SOURCE)
    assert found["2 -> 3"].scope == "" and found["2 -> 3"].names == ("late",)
    assert found["True -> False"].scope == "late()" and found["3 -> 4"].names == ("LIMIT",)


def test_near_tests_come_first_and_then_one_of_each_file(tmp_path: Path) -> None:
    near, far, other = (str(tmp_path / f"test_{name}.py") for name in ("near", "far", "other"))
    Path(near).write_text("from hub.sync.m import late", encoding="utf-8")
    Path(far).write_text("from hub.sync import n", encoding="utf-8")
    seconds = {f"{far}::1": 0.1, f"{far}::2": 0.2, f"{other}::1": 0.5, f"{near}::1": 0.9, f"{other}::2": 0.01}
    reach = Reach(seconds=seconds)
    (mutant, *_) = mutants("hub/sync/m.py", SOURCE)
    order = [f"{other}::2", f"{near}::1", f"{far}::1", f"{other}::1", f"{far}::2"]
    assert reach.worth_trying(mutant, list(seconds), most=4, seconds=9) == order
    assert reach.worth_trying(mutant, list(seconds), most=4, seconds=1.05) == [order[0], order[1], order[2]]
    reach.lines["hub/sync/m.py"] |= {mutant.line: set(seconds), mutant.line + 1: {f"{far}::2"}}
    rare_first = [f"{other}::2", f"{far}::2", f"{near}::1"]
    assert reach.worth_trying(mutant, list(seconds), most=2, seconds=9) == rare_first, "it takes a turn of its own"
    assert reach.worth_trying(mutant, [f"{other}::1"], most=4, seconds=0.1) == [f"{other}::1"], "one at least"


def test_what_is_said_of_a_constant_is_asked_where_it_is_used() -> None:
    reach = Reach(seconds={"t::1": 1.0, "t::2": 1.0})
    users = {
        "hub/m.py": SOURCE,
        "hub/n.py": "from hub.m import LIMIT\n\nMOST = LIMIT",
        "hub/other.py": "LIMIT = 5\nLIMIT",
    }
    uses = Uses()
    uses.__dict__["trees"] = {file: ast.parse(text) for file, text in users.items()}
    reach.lines["hub/n.py"][3] = {"t::1"}
    reach.lines["hub/other.py"][2] = {"t::2"}
    (constant, *_) = mutants("hub/m.py", SOURCE)
    assert constant.names == ("LIMIT",) and reach.tests_of(constant, uses) == ["t::1"]
    assert reach.tests_of(mutants("hub/m.py", SOURCE)[-1], uses) == []


def test_a_file_that_is_recorded_again_forgets_what_it_was(tmp_path: Path) -> None:
    for number, name in enumerate(("old", "new")):
        told = {
            "seconds": {f"t.py::{name}": 1, f"u{number}.py::same": 2},
            "digests": {},
            "lines": {"m.py": {"3": [0, 1]}},
        }
        (tmp_path / f"map-{number}.json").write_text(json.dumps(told), encoding="utf-8")
        os.utime(tmp_path / f"map-{number}.json", (number, number))
    reach = read(tmp_path)
    assert reach.lines["m.py"][3] == {"t.py::new", "u0.py::same", "u1.py::same"} == set(reach.seconds)
