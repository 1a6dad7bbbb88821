"""What can be wrong with a directory is found with file, line, path and a next step."""

from pathlib import Path

import pytest

from hub.canon.kinds import Kinds
from hub.config.problem import Problem
from hub.db.kinds import parse_shape
from tests.unit.config.support import ENVIRONMENT, FILES, checked, problems, write_files

SHOP = FILES["connections/shop.yaml"]
SYNC = FILES["syncs/shop_orders.yaml"]
TELL = FILES["syncs/tell.yaml"]
OWNERS = FILES["owners/order.yaml"]
MAPPING = FILES["mappings/orders.yaml"]


def only(root: Path, name: str, text: str | None, **options: object) -> Problem:
    (found,) = problems(write_files(root, {name: text}), **options)
    return found


def test_a_valid_directory_has_no_problem(tmp_path: Path) -> None:
    draft, found = checked(write_files(tmp_path))
    assert found == []
    assert set(draft.connections) == {"shop"}
    assert draft.sync_kinds == {"shop_orders": "order", "tell": "order"}
    assert set(draft.mappings) == {"acme.orders"}
    assert set(draft.kinds) == {"asset"}
    assert draft.owners["order"].rules() == {
        "payment_status": "hub",
        "remark": "latest",
        "total": ["shop"],
        "title": ["shop"],
    }
    assert set(draft.files) == set(FILES)
    assert "s3cr3t" not in repr(draft)


def test_a_missing_directory_is_told(tmp_path: Path) -> None:
    (found,) = problems(tmp_path / "nowhere")
    assert "there is no directory" in found.sentence
    assert "没有目录" in found.sentence_zh


@pytest.mark.parametrize(
    ("name", "text", "line", "path", "words"),
    [
        ("connections/shop.yaml", "connection: shop\n  bad: [", 2, "", "not valid YAML"),
        ("connections/shop.yaml", "- a\n", 1, "", "names and values"),
        ("connections/shop.yaml", SHOP + "config: {}\n", 7, "config", "given twice"),
        ("connections/shop.yaml", SHOP.replace("connector:", "conector:"), 2, "conector", "did you mean connector"),
        ("connections/shop.yaml", SHOP.replace("acme", "acmee"), 2, "connector", "did you mean acme"),
        ("connections/shop.yaml", SHOP.replace("app_key: key", "app_kee: key"), 4, "config.app_kee", "mean app_key"),
        ("connections/shop.yaml", SHOP.replace("key: key", "key: 123"), 4, "config.app_key", "put the value in quotes"),
        ("connections/shop.yaml", SHOP + "  extra: {regio: x}\n", 7, "config.extra.regio", "did you mean region"),
        ("connections/shop.yaml", SHOP + "  zone: Asia/Nowhere\n", 7, "config.zone", "no time zone Asia/Nowhere"),
        ("connections/shop.yaml", SHOP.replace("${env:SECRET}", "plain"), 5, "config.app_secret", "written out"),
        ("connections/shop.yaml", SHOP + "  extra: {api_secret: x}\n", 7, "config.extra.api_secret", "written out"),
        (
            "connections/shop.yaml",
            SHOP.replace("env:SECRET", "SECRET"),
            5,
            "config.app_secret",
            "looks like a reference",
        ),
        ("connections/shop.yaml", SHOP + "limits: [{calls: many}]\n", 7, "limits[0].calls", "whole number"),
        ("connections/shop.yaml", SHOP.replace("connection: shop", "connection: shp"), 1, "connection", "same name"),
        ("syncs/shop_orders.yaml", SYNC.replace("30s", "soon"), 6, "every", "such as 30s"),
        ("syncs/shop_orders.yaml", SYNC.replace("both", "sideways"), 5, "direction", "'in', 'out' or 'both'"),
        ("syncs/shop_orders.yaml", SYNC.replace("connection: shop", "connection: shp"), 2, "connection", "mean shop"),
        ("syncs/shop_orders.yaml", SYNC.replace("stream: orders", "stream: order"), 3, "stream", "mean orders"),
        ("syncs/shop_orders.yaml", SYNC.replace("acme.orders", "acme.order"), 4, "mapping", "mean acme.orders"),
        ("syncs/shop_orders.yaml", SYNC.replace("status ==", "status =="[:-1]), 7, "push.when", "position"),
        ("syncs/shop_orders.yaml", SYNC.replace("status ==", "statu =="), 7, "push.when", "did you mean status"),
        (
            "syncs/shop_orders.yaml",
            SYNC.replace("direction: both", "direction: in"),
            7,
            "push",
            "direction out or both",
        ),
        ("syncs/tell.yaml", TELL.replace("notes", "orders"), 4, "message", "cannot carry messages"),
        ("syncs/tell.yaml", TELL.replace("kind: order", "kind: ordr"), 5, "message.kind", "did you mean order"),
        ("syncs/tell.yaml", TELL.replace("[payment_status]", "[pay_status]"), 6, "message.when_changed[0]", "no field"),
        ("syncs/tell.yaml", TELL.replace("owner.mobile", "owner.phone"), 8, "message.to", "kind employee has no field"),
        ("syncs/tell.yaml", TELL.replace("{number}", "{customer}"), 9, "message.title", "is not one value"),
        ("syncs/tell.yaml", TELL.replace("customer.name", "customer.owner.name"), 10, "message.text", "not one value"),
        ("syncs/tell.yaml", TELL.replace("customer.name", "lines"), 10, "message.text", "not one value"),
        ("syncs/tell.yaml", TELL.replace("{number}", "{ number }"), 9, "message.title", "is no placeholder"),
        ("syncs/tell.yaml", TELL.replace("{number}", "{status|fr}"), 9, "message.title", "is no placeholder"),
        ("owners/order.yaml", OWNERS.replace("remark", "remarc"), 2, "fields.remarc", "did you mean remark"),
        ("owners/order.yaml", OWNERS.replace("title: shop", "title: shopp"), 2, "fields.title", "did you mean shop"),
        ("owners/orders.yaml", OWNERS.replace("order", "orders"), 1, "kind", "did you mean order"),
        ("kinds/customer.yaml", "kind: customer\nfields: {a: text}\n", 1, "kind", "kind of the hub's own"),
        ("kinds/asset.yaml", "kind: asset\nfields: {a: txt}\n", 2, "fields.a", "did you mean text"),
        ("kinds/asset.yaml", "kind: asset\nfields: {a: {ref: custmer}}\n", 2, "fields.a.ref", "mean customer"),
        ("kinds/asset.yaml", "kind: asset\nfields: {a: {enum: [1, 2]}}\n", 2, "fields.a.enum", "quote numbers"),
        (
            "kinds/asset.yaml",
            "kind: asset\nfields: {a: [{b: [{c: text}]}]}\n",
            2,
            "fields.a[0].b",
            "lines of their own",
        ),
        ("kinds/asset.yaml", "kind: asset\nfields: {custom: text}\n", 2, "fields.custom", "cannot name a field"),
        ("kinds/asset.yaml", "kind: asset\nfields: {}\n", 2, "fields", "no fields"),
        (
            "mappings/orders.yaml",
            MAPPING.replace("number: no\n", "numbr: no\n"),
            6,
            "fields.numbr",
            "did you mean number",
        ),
        ("mappings/orders.yaml", MAPPING.replace("in: sum", "in: summ"), 7, "fields.total.in", "did you mean sum"),
        (
            "mappings/other.yaml",
            "mapping: other\nkind: order\nkey: id\nfields: {numbr: a}\n",
            4,
            "fields.numbr",
            "number",
        ),
        ("mappings/other.yaml", "kind: order\n", 1, "mapping", "missing"),
        ("mappings/z/again.yaml", MAPPING, 1, "mapping", "also stands in"),
        ("sync/shop.yaml", "sync: x\n", 0, "", "did you mean syncs"),
        ("stray.yaml", "a: 1\n", 0, "", "files belong into"),
    ],
)
def test_one_mistake_is_one_problem(tmp_path: Path, name: str, text: str, line: int, path: str, words: str) -> None:
    found = problems(write_files(tmp_path, {name: text}))
    mine = [
        problem
        for problem in found
        if problem.file == (name.split("/", maxsplit=1)[0] if name.startswith("sync/") else name)
    ]
    assert [(problem.line, problem.path) for problem in mine] == [(line, path)], [str(problem) for problem in found]
    assert words in mine[0].sentence
    assert mine[0].sentence_zh != mine[0].sentence
    assert "s3cr3t" not in str(found)


def test_a_failing_inline_test_is_told_for_both_ways(tmp_path: Path) -> None:
    text = MAPPING.replace("entity: {number: SO-1", "entity: {number: SO-2")
    found = problems(write_files(tmp_path, {"mappings/orders.yaml": text}))
    assert [(problem.file, problem.line, problem.path) for problem in found] == [
        ("mappings/orders.yaml", 10, "tests[0].entity.number"),
        ("mappings/orders.yaml", 10, "tests[0].record.no"),
    ]


@pytest.mark.parametrize("name", ["SECRET", "TOKEN"])
def test_a_missing_secret_is_named_with_the_next_step(tmp_path: Path, name: str) -> None:
    environment = {key: value for key, value in ENVIRONMENT.items() if key != name}
    (found,) = problems(write_files(tmp_path), environment=environment)
    field = {"SECRET": "app_secret", "TOKEN": "hook_token"}[name]
    assert found.sentence == (
        f"missing secret: connection shop, field {field} refers to ${{env:{name}}}, which is not set; "
        f"export {name} where the hub starts"
    )
    assert name in found.sentence_zh
    assert found.file == "connections/shop.yaml"


def test_an_empty_secret_counts_as_missing(tmp_path: Path) -> None:
    found = only(tmp_path, "connections/shop.yaml", SHOP.replace("env:SECRET", "env:EMPTY"))
    assert "missing secret" in found.sentence


def test_a_missing_stored_secret_names_the_command(tmp_path: Path) -> None:
    found = only(tmp_path, "connections/shop.yaml", SHOP.replace("env:SECRET", "secret:shop"))
    assert "hub secret set shop" in found.sentence


NO_TOKEN = SHOP.replace("  hook_token: ${env:TOKEN}\n", "")
EVENTS = "sync: odd\nconnection: shop\nstream: events\nmapping: acme.orders\n"


def test_a_hook_that_nobody_asks_for_needs_no_token(tmp_path: Path) -> None:
    assert problems(write_files(tmp_path, {"connections/shop.yaml": NO_TOKEN})) == []


def test_a_hook_that_is_asked_for_cannot_be_saved_without_one(tmp_path: Path) -> None:
    found = only(tmp_path, "connections/shop.yaml", NO_TOKEN + "hook: true\n")
    assert (found.line, found.path) == (3, "config")
    assert "set `hook_token`" in found.sentence


def test_a_hook_whose_stream_is_read_cannot_be_saved_without_one(tmp_path: Path) -> None:
    (found,) = problems(write_files(tmp_path, {"connections/shop.yaml": NO_TOKEN, "syncs/odd.yaml": EVENTS}))
    assert "set `hook_token`" in found.sentence


def test_a_stream_only_the_hook_brings_cannot_be_read_when_the_hook_is_off(tmp_path: Path) -> None:
    changes = {"connections/shop.yaml": NO_TOKEN + "hook: false\n", "syncs/odd.yaml": EVENTS}
    (found,) = problems(write_files(tmp_path, changes))
    assert (found.file, found.line, found.path) == ("syncs/odd.yaml", 1, "direction")
    assert "cannot be read" in found.sentence


def test_a_stream_is_read_once(tmp_path: Path) -> None:
    again = SYNC.replace("shop_orders", "zz_again").replace("direction: both", "direction: in").replace("push:", "# ")
    found = only(tmp_path, "syncs/zz_again.yaml", again)
    assert (found.file, found.path) == ("syncs/zz_again.yaml", "stream")
    assert "shop_orders already reads" in found.sentence


@pytest.mark.parametrize(
    ("direction", "words"),
    [("in", "cannot be read"), ("out", "cannot be written to")],
)
def test_a_stream_must_do_what_the_direction_needs(tmp_path: Path, direction: str, words: str) -> None:
    text = f"sync: odd\nconnection: shop\nstream: notes\nmapping: acme.orders\ndirection: {direction}\n"
    assert words in only(tmp_path, "syncs/odd.yaml", text).sentence


def test_a_stream_that_only_the_hook_brings_can_be_read(tmp_path: Path) -> None:
    assert problems(write_files(tmp_path, {"syncs/odd.yaml": EVENTS})) == []


def test_records_and_messages_do_not_mix(tmp_path: Path) -> None:
    assert "not both" in only(tmp_path, "syncs/tell.yaml", TELL + "mapping: acme.orders\n").sentence
    (tmp_path / "b").mkdir()
    text = SYNC.replace("mapping: acme.orders\n", "")
    assert "say `mapping:`" in only(tmp_path / "b", "syncs/shop_orders.yaml", text).sentence


def test_a_field_in_use_keeps_its_type(tmp_path: Path) -> None:
    current = Kinds(own={"asset": parse_shape("asset", {"name": "integer"})})
    (found,) = problems(write_files(tmp_path), kinds=current)
    assert (found.path, found.line) == ("fields.name", 3)
    assert "cannot become text" in found.sentence


def test_text_that_is_not_utf8_is_told_with_its_line(tmp_path: Path) -> None:
    write_files(tmp_path)
    (tmp_path / "owners/order.yaml").write_bytes("kind: order\nfields: {remark: hub} # 备注".encode("gb18030"))
    (found,) = problems(tmp_path)
    assert (found.line, "UTF-8" in found.sentence) == (2, True)


def test_an_anchor_that_unfolds_without_end_is_refused(tmp_path: Path) -> None:
    levels = "".join(f"  l{n + 1}: &l{n + 1} [{', '.join([f'*l{n}'] * 9)}]\n" for n in range(8))
    found = only(tmp_path, "kinds/asset.yaml", "kind: asset\nfields:\n  l0: &l0 [text]\n" + levels)
    assert "too many values" in found.sentence


def test_several_mistakes_are_told_at_once_in_the_order_of_the_files(tmp_path: Path) -> None:
    changes = {"owners/order.yaml": OWNERS.replace("remark", "remarc"), "syncs/tell.yaml": TELL + "colour: red\n"}
    found = problems(write_files(tmp_path, changes))
    assert [(problem.file, problem.path) for problem in found] == [
        ("owners/order.yaml", "fields.remarc"),
        ("syncs/tell.yaml", "colour"),
    ]
    assert str(found[1]) == "syncs/tell.yaml:12: colour: unknown name colour"


TABLE = "table: units\nentries: {台: pcs, 个: pcs}\n"
LOOKS_UP = MAPPING.replace("  number: no\n", "  number: no\n  title: {in: no, lookup: units, unknown: null}\n")


def with_table(root: Path, table: str | None, mapping: str = LOOKS_UP) -> list[Problem]:
    return list(problems(write_files(root, {"mappings/orders.yaml": mapping, "tables/units.yaml": table})))


def test_a_table_is_found_by_its_file_and_kept_with_the_mapping(tmp_path: Path) -> None:
    root = write_files(tmp_path, {"mappings/orders.yaml": LOOKS_UP, "tables/units.yaml": TABLE})
    draft, found = checked(root)
    assert found == []
    assert draft.mappings["acme.orders"].sources == {"table units": TABLE}


@pytest.mark.parametrize(
    ("table", "place", "words"),
    [
        (None, ("mappings/orders.yaml", 7), "there is no table units"),
        (TABLE.replace("units", "unit"), ("tables/units.yaml", 1), "write units"),
        (TABLE.replace("entries", "entry"), ("tables/units.yaml", 2), "did you mean entries"),
        (TABLE.replace("pcs,", "[1],"), ("tables/units.yaml", 2), "should be text, a number or true/false"),
        (TABLE + "unknown: skip\n", ("tables/units.yaml", 3), "skip is not one of fail, pass, null"),
        ("entries: }", ("tables/units.yaml", 1), "not valid YAML"),
    ],
)
def test_what_is_wrong_with_a_table(tmp_path: Path, table: str | None, place: tuple[str, int], words: str) -> None:
    told = {((problem.file, problem.line), problem.sentence) for problem in with_table(tmp_path, table)}
    assert any(where == place and words in sentence for where, sentence in told), told


def test_a_table_nobody_uses_is_checked_too(tmp_path: Path) -> None:
    assert "write spare" in only(tmp_path, "tables/spare.yaml", TABLE).sentence


def test_the_nearest_table_is_named(tmp_path: Path) -> None:
    mapping = LOOKS_UP.replace("lookup: units", "lookup: unit")
    (found, *_) = with_table(tmp_path, TABLE, mapping)
    assert "did you mean units?" in found.sentence


def test_a_reference_by_the_names_of_a_system_nobody_knows(tmp_path: Path) -> None:
    line = "  customer: {ref: customer, by: number, system: shp, in: no}\n"
    mapping = MAPPING.replace("  number: no\n", "  number: no\n" + line)
    found = only(tmp_path, "mappings/orders.yaml", mapping)
    assert (found.line, found.path) == (7, "fields.customer.system")
    assert found.sentence == "there is no connection shp; did you mean shop?"
    assert problems(write_files(tmp_path, {"mappings/orders.yaml": mapping.replace("shp", "shop")})) == []
