"""Files cut into records; bad files that must end well."""

import io
import zipfile
from decimal import Decimal

import pytest

from connectors.bank_files.connector import connector
from connectors.bank_files.reading import Reader
from connectors.bank_files.records import SCHEMAS
from connectors.bank_files.tests.made import CONFIG, FOLDER, arrived, movement, paper
from hub.sdk import Opened, Refused, jsontext

TWO = [movement("88.00", "K1", counterparty_name="甲公司", remittance="货款 SO-1"), movement("-8.00", "K2")]


def opened(body: bytes) -> Opened:
    assert connector.inbox is not None
    return connector.inbox.open(CONFIG, arrived(body))


def records(body: bytes, stream: str) -> list[dict[str, object]]:
    return [found.record for found in opened(body).records if found.stream == stream]


def refused(body: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        opened(body)
    assert caught.value.zh != caught.value.sentence
    return caught.value


def zipped(**members: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name.replace("__", "/"), body)
    return target.getvalue()


def test_a_good_statement_becomes_account_statement_and_lines() -> None:
    body = paper(TWO)
    assert [found.stream for found in opened(body).records] == ["accounts", "statements", *["transactions"] * 2]
    (account,) = records(body, "accounts")
    assert account["number"] == "110907123410901" and account["currency"] == "CNY"
    (statement,) = records(body, "statements")
    assert (statement["opening"], statement["closing"]) == (Decimal("100.00"), Decimal("180.00"))
    assert (statement["status"], statement["reason"], statement["lines_count"]) == ("ok", None, 2)
    first, second = records(body, "transactions")
    assert (first["amount"], first["remittance"], first["held"]) == (Decimal("88.00"), "货款 SO-1", False)
    assert (second["amount"], second["statement"]) == (Decimal("-8.00"), statement["identity"])
    for name, schema in SCHEMAS.items():
        for record in records(body, name):
            assert set(record) - {"details"} <= set(schema)


def test_a_wrong_closing_balance_holds_the_statement_and_its_lines() -> None:
    body = paper(TWO, closing="190.00")
    (statement,) = records(body, "statements")
    assert statement["status"] == "held"
    assert "应为 180.00 CNY，对账单期末为 190.00 CNY" in str(statement["reason"])
    assert "make 180.00 CNY, the statement closes at 190.00 CNY" in str(statement["reason_en"])
    assert [line["held"] for line in records(body, "transactions")] == [True, True]


def test_cut_in_half_is_refused_as_such() -> None:
    body = paper(TWO).replace(b"><", b">\n<")
    for length in range(60, len(body) - 12, 13):
        error = refused(body[:length])
        assert "cut off" in error.sentence and "不完整" in error.zh, body[:length][-40:]


FIXTURES = {
    "statement__balances.xml": ("ok", ""),
    "statement__overlaps_the_first.xml": ("ok", ""),
    "statement__wrong_closing.xml": ("held", "make 1600.50 CNY, the statement closes at 1700.50 CNY"),
    "statement__cut_in_half.xml": ("refused", "it was cut off"),
}


@pytest.mark.parametrize("name", FIXTURES)
def test_fixtures_end_as_their_names_say(name: str) -> None:
    check = Reader().check(name, (FOLDER / name).read_bytes())
    assert check.status == FIXTURES[name][0] and FIXTURES[name][1] in check.reason
    assert check.format == "camt.053.001.08"


def test_every_fixture_is_in_the_table() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(FIXTURES)


def test_delivered_twice_and_overlapping_counts_each_payment_once() -> None:
    """Day one holds two equal payments without a reference; day two repeats one of them and adds another."""
    first, second = ((FOLDER / name).read_bytes() for name in list(FIXTURES)[:2])
    seen: dict[object, object] = {}
    for body in (first, first, second, first):
        seen |= {line["identity"]: line["amount"] for line in records(body, "transactions")}
    assert sorted(map(str, seen.values())) == ["-20.00", "200.50", "320.00", "500.00", "500.00"]


def test_overlapping_days_take_the_larger_count() -> None:
    once, equal = [movement("5.00", "", remittance="x")], [movement("5.00", "", remittance="x")] * 2
    keys = [
        {line["identity"] for line in records(paper(lines, number=number), "transactions")}
        for number, lines in ((1, once), (2, equal), (3, once))
    ]
    assert [len(found) for found in keys] == [1, 2, 1]
    assert len(keys[0] | keys[1] | keys[2]) == 2


def test_order_in_the_file_changes_no_key() -> None:
    lines = [movement("5.00", "R"), movement("905.00", "R"), movement("7.00", "S")]
    forth, back = (
        {line["identity"]: line["amount"] for line in records(paper(found), "transactions")}
        for found in (lines, lines[::-1])
    )
    assert forth == back and len(forth) == 3


def test_a_correction_outranks_and_a_broken_copy_does_not() -> None:
    good, broken = paper(TWO), paper(TWO, closing="1.00")
    (right, _), (wrong, _) = records(good, "transactions"), records(broken, "transactions")
    assert right["identity"] == wrong["identity"] and str(right["version"]) > str(wrong["version"])
    intraday = good.replace(b"BkToCstmrStmt", b"BkToCstmrAcctRpt").replace(b"Stmt>", b"Rpt>")
    early = records(intraday, "transactions")[0]
    assert (early["identity"], early["status"], early["statement"]) == (right["identity"], "pending", None)
    assert str(early["version"]) < str(wrong["version"])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b">88.00<", b">1,234.50<", '"1,234.50" is not an amount'),
        (b">88.00<", b">-88.00<", "without a sign"),
        (b">88.00<", b">NaN<", '"NaN" is not an amount'),
        (b"88.00</Amt><CdtDbtInd>CRDT", b"88.00</Amt><CdtDbtInd>C", "Ntry[1]/CdtDbtInd"),
        (b"<BookgDt><Dt>2026-11-20", b"<BookgDt><Dt>2026-02-30", '"2026-02-30" is not a date'),
        (b"<Id>110907123410901</Id>", b"<Id/>", "Acct/Id is missing"),
        (b"Stmt>", b"Othr>", "no bank statement"),
        (b"<Stmt><Id>", b"<Stmd><Id>", "no proper XML"),
        (b"?>\n<Document", b"?><!DOCTYPE d [<!ENTITY a 'b'>]><Document", "DOCTYPE"),
        (b"</Stmt>", b"</Smtt>", "no proper XML"),
        (b"</Stmt>", b"</Stmt>&nbsp;", "Entity 'nbsp' not defined"),
        (b"BkToCstmrStmt", b"CstmrCdtTrfInitn", "no bank statement"),
    ],
)
def test_what_cannot_be_read_says_where(old: bytes, new: bytes, words: str) -> None:
    body = paper(TWO)
    assert old in body
    assert words in refused(body.replace(old, new)).sentence


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b":20:A\n:25:B\n:28C:1\n:60F:C260101EUR1,\n", "MT940"),
        ("日期,摘要,收入,支出,余额\n2026-01-01,a,1,,1\n".encode("gb18030"), "CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", ".xls"),
        (b"%PDF-1.7", "PDF"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"\x00\x01\x02", "not known"),
        (b"PK\x03\x04 and no more", "zip cannot be read"),
        (b"\xff\xfe" + "<!DOCTYPE a><a/>".encode("utf-16-le"), "DOCTYPE"),
        (b"<a>" * 300, "cannot be read"),
        (b"<Document/>", "no bank statement"),
    ],
)
def test_files_of_other_kinds_are_named(body: bytes, words: str) -> None:
    assert words in refused(body).sentence


def test_entities_are_never_expanded() -> None:
    """Hidden from the search for DOCTYPE by an encoding of its own."""
    text = '<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE d +AFsAPAAh-ENTITY a "b"+AD4AXQA+-<d>+ACY-a;</d>'
    assert refused(text.encode("ascii")).status == 422


def test_encodings() -> None:
    body = paper(TWO)
    text = body.decode()
    for other in (
        b"\xef\xbb\xbf" + body,
        b"\r\n " + body,
        text.replace("UTF-8", "UTF-16").encode("utf-16"),
        text.replace("UTF-8", "GB18030").encode("gb18030"),
    ):
        assert [line["identity"] for line in records(other, "transactions")] == [
            line["identity"] for line in records(body, "transactions")
        ]
        assert records(other, "transactions")[0]["counterparty_name"] == "甲公司"


def test_a_message_without_a_statement_is_refused() -> None:
    body = paper(TWO).replace(b"<Stmt>", b"<Rest>").replace(b"</Stmt>", b"</Rest>")
    assert "there is no Stmt in it" in refused(body).sentence


def test_a_zip_holds_several_and_one_bad_part_harms_no_other() -> None:
    good, second = paper(TWO), paper([movement("1.00", "K9")], number=2)
    whole = opened(zipped(**{"a.xml": good, "b.xml": second, "__MACOSX__._a.xml": b"junk", ".DS_Store": b"junk"}))
    assert [found.stream for found in whole.records].count("statements") == 2 and not whole.flaws
    partly = opened(zipped(**{"a.xml": good, "b.xml": second[:300]}))
    assert [found.stream for found in partly.records].count("statements") == 1
    assert [flaw.sentence.startswith("b.xml: the file ends in the middle") for flaw in partly.flaws] == [True]
    assert refused(zipped(**{"a.xml": second[:300]})).sentence.startswith("a.xml: the file ends in the middle")
    assert ".xlsx" in refused(zipped(**{"[Content_Types].xml": b"<a/>"})).sentence


def test_a_zip_bomb_is_stopped_while_it_unpacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.bank_files.unpack.MAX_SIZE", 10_000)
    assert "larger than" in refused(zipped(**{"a.xml": b" " * 20_000})).sentence
    assert "larger than" in refused(b"<" * 10_001).sentence


def paged(body: bytes, page: int, *, last: bool, drop: bytes = b"") -> bytes:
    mark = f"<StmtPgntn><PgNb>{page}</PgNb><LastPgInd>{str(last).lower()}</LastPgInd></StmtPgntn>".encode()
    start, end = body.find(b"<Bal><Tp><CdOrPrtry><Cd>" + drop), 0
    if drop:
        end = body.index(b"</Bal>", start) + 6
        body = body[:start] + body[end:]
    return body.replace(b"<ElctrncSeqNb>", mark + b"<ElctrncSeqNb>")


def test_pages_are_judged_together() -> None:
    one = paged(paper(TWO[:1], closing="180.00"), 1, last=False, drop=b"CLBD")
    two = paged(paper(TWO[1:], closing="180.00"), 2, last=True, drop=b"OPBD")
    (statement,) = records(zipped(**{"2.xml": two, "1.xml": one}), "statements")
    assert (statement["status"], statement["lines_count"], statement["page"]) == ("ok", 2, None)
    for page in (one, two):
        (alone,) = records(page, "statements")
        assert alone["status"] == "held" and "other pages are not in this file" in str(alone["reason_en"])


def test_a_huge_batch_keeps_its_record_small() -> None:
    detail = "<TxDtls><Refs><EndToEndId>E</EndToEndId></Refs><RmtInf><Ustrd>" + "x" * 400 + "</Ustrd></RmtInf></TxDtls>"
    body = paper(TWO[:1]).decode()
    start, end = body.index("<TxDtls>"), body.index("</NtryDtls>")
    (line,) = records((body[:start] + detail * 5000 + body[end:]).encode(), "transactions")
    assert line["batch_of"] == 5000 and len(line["details"]) == 500  # type: ignore[arg-type]
    assert len(jsontext.dumps(line)) < 1024 * 1024


def test_a_line_in_another_currency_is_held() -> None:
    body = paper(TWO).replace(b'<Ntry><Amt Ccy="CNY">88.00', b'<Ntry><Amt Ccy="USD">88.00')
    (statement,) = records(body, "statements")
    assert statement["status"] == "held" and "88.00 USD" in str(statement["reason_en"])


def test_pending_and_informational_lines_do_not_count() -> None:
    body = paper(TWO, closing="92.00").replace(b"BOOK", b"PDNG", 1)
    assert records(body, "statements")[0]["status"] == "ok"
    assert [line["status"] for line in records(body, "transactions")] == ["pending", "booked"]
    assert records(body.replace(b"PDNG", b"FUTR"), "transactions")[0]["status"] == "info"


def test_times_without_offset_are_the_banks_and_plain_dates_never_shift() -> None:
    body = paper(TWO).replace(
        b"<BookgDt><Dt>2026-11-20</Dt>", b"<BookgDt><DtTm>2026-11-20T00:30:00.000000000</DtTm>", 1
    )
    assert records(body, "transactions")[0]["booked_on"] == "2026-11-20"
    shifted = body.replace(b"00:30:00.000000000", b"23:00:00Z")
    assert records(shifted, "transactions")[0]["booked_on"] == "2026-11-21"
