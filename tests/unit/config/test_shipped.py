"""What we ship: a mapping for every stream that carries records, tested in each way it has."""

from collections.abc import Iterator

import pytest

from hub.canon.kinds import Kinds
from hub.config.catalogue import connectors
from hub.config.shipped import shipped_mappings
from hub.config.texts import Texts, compiled
from hub.mapping import CompiledMapping, round_trip, run_tests
from hub.sdk.connector import Stream, verbs_of

FEWEST = 2  # tests inward: one record as people hope for, one as it is


def _streams() -> Iterator[tuple[str, str]]:
    """Every stream that carries records. Those a customer declares (rest) are not known here."""
    catalogue = connectors()
    for vendor in sorted(catalogue.names):
        for name, stream in catalogue[vendor].streams.items():
            if carries_records(stream):
                yield vendor, name


def carries_records(stream: Stream) -> bool:
    return bool(stream.schema) or bool(verbs_of(stream) - {"message"})


STREAMS = sorted(_streams())


def missing_tests(mapping: CompiledMapping, writable: bool) -> list[str]:
    """The ways of a mapping that none of its tests tries."""
    inward = [test for test in mapping.tests if test.way != "out"]
    outward = {test.creating for test in mapping.tests if test.way != "in"}
    missing = [f"reading ({len(inward)} of {FEWEST})"] if mapping.fields_in and len(inward) < FEWEST else []
    if writable and mapping.fields_out:
        missing += ["creating"] if True not in outward else []
        missing += ["changing"] if False not in outward else []
    return missing


@pytest.mark.parametrize(("vendor", "stream"), STREAMS)
def test_every_stream_has_a_mapping_that_is_tested_in_each_way(vendor: str, stream: str) -> None:
    found = connectors()[vendor].streams[stream]
    text = shipped_mappings().get(f"{vendor}.{stream}")
    assert text is not None, f"no mapping is shipped for {vendor}.{stream}: write mappings/{vendor}/{stream}.yaml"
    assert text.file == f"mappings/{vendor}/{stream}.yaml"
    mapping = compiled(text, Texts({}), Kinds(), "Asia/Shanghai", found.schema)
    missing = missing_tests(mapping, "push" in verbs_of(found))
    assert not missing, f"{text.file} has no test for: {', '.join(missing)}"
    assert [str(problem) for problem in run_tests(mapping) + round_trip(mapping)] == []


@pytest.mark.parametrize(("vendor", "stream"), STREAMS)
def test_what_can_be_written_is_mapped_both_ways(vendor: str, stream: str) -> None:
    """A stream that takes records, and whose mapping writes, can find again what it made."""
    found = connectors()[vendor].streams[stream]
    if "push" not in verbs_of(found):
        return
    mapping = compiled(shipped_mappings()[f"{vendor}.{stream}"], Texts({}), Kinds(), "Asia/Shanghai", found.schema)
    assert mapping.fields_out, f"{vendor}.{stream} can be written, its mapping writes nothing"
    assert mapping.reference_path, f"{vendor}.{stream} can be written, its mapping leaves our reference nowhere"


def test_a_stream_without_mapping_and_a_mapping_without_tests_are_named() -> None:
    text = shipped_mappings()["kingdee.customers"]
    bare = type(text)(text.file, text.text[: text.text.index("tests:")])
    mapping = compiled(bare, Texts({}), Kinds(), "Asia/Shanghai", None)
    assert missing_tests(mapping, True) == ["reading (0 of 2)", "creating", "changing"]
    assert missing_tests(mapping, False) == ["reading (0 of 2)"]
    assert ("wecom", "users") in STREAMS and ("wecom", "robot") not in STREAMS
