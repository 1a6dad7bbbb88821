"""The mutation test's own mistakes: made where a test could notice them, one at a time, and undone by nothing else."""

import ast

from tests.mutation.mutants import Mutant, mutants, mutated
from tests.mutation.reaching import Reach, Uses

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


def test_tests_of_other_files_come_before_the_second_of_one() -> None:
    reach = Reach(seconds={"a::1": 0.1, "a::2": 0.2, "b::1": 0.5, "c::1": 9.0, "c::2": 0.01})
    assert reach.worth_trying(list(reach.seconds), most=3, seconds=5) == ["c::2", "a::1", "b::1", "a::2"]
    assert reach.worth_trying(["c::1"], most=3, seconds=5) == ["c::1"], "one at least"


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
