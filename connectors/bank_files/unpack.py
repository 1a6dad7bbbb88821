"""From a file's bytes to XML trees: unzipped, recognised, parsed without anything XML could do to us."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from lxml import etree

from connectors.bank_files import refusal
from connectors.bank_files.tree import Node
from hub.sdk import Refused

MAX_SIZE = 64 * 1024 * 1024  # bytes of a file, and of everything a zip holds
MAX_MEMBERS = 1000
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_DOCTYPE = tuple("<!DOCTYPE".encode(code) for code in ("ascii", "utf-16-le", "utf-16-be"))
_MESSAGE = re.compile(r"camt\.05[234]\.001\.\d\d")


@dataclass(frozen=True, slots=True)
class Piece:
    """One XML document of a file, or why this part of it is none and what format it seems to be. `member` is its name
    inside a zip."""

    member: str
    root: Node | None
    refused: Refused | None = None
    format: str = ""


def pieces(body: bytes) -> tuple[bool, list[Piece]]:
    """Whether the file is a zip, and its documents. A part that cannot be read says so by itself."""
    if len(body) > MAX_SIZE:
        return False, [Piece("", None, refusal.too_large(MAX_SIZE))]
    if body[:4] == b"PK\x03\x04":
        try:
            return True, [_piece(name, content) for name, content in _members(body)]
        except refusal.OtherFormat as refused:
            return False, [Piece("", None, refused, refused.name)]
        except Refused as refused:
            return True, [Piece("", None, refused)]
    return False, [_piece("", body)]


def _piece(member: str, body: bytes) -> Piece:
    try:
        return Piece(member, parse(body), format=_named(body))
    except refusal.OtherFormat as refused:
        return Piece(member, None, refused, refused.name)
    except Refused as refused:
        return Piece(member, None, refused, _named(body))


def _named(body: bytes) -> str:
    """The message a broken file would have been, as far as its beginning says."""
    found = _MESSAGE.search(_text(body[:4000])) if _looks_like_xml(body) else None
    return found[0] if found else ""


def _members(body: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(body))
        infos = [info for info in archive.infolist() if not info.is_dir() and not _ignored(info.filename)]
        if any(info.filename == "[Content_Types].xml" for info in infos):
            raise refusal.OtherFormat("XLSX")
        if not infos or len(infos) > MAX_MEMBERS:
            raise refusal.bad_zip(f"it holds {len(infos)} files", f"其中有 {len(infos)} 个文件")
        left = MAX_SIZE
        for info in infos:
            if info.flag_bits & 1:
                raise refusal.bad_zip("it is encrypted; unpack it first", "已加密，请先解压")
            with archive.open(info) as stream:
                content = stream.read(left + 1)
            left -= len(content)
            if left < 0:  # measured while unpacking: the sizes in a zip's own directory may lie
                raise refusal.too_large(MAX_SIZE)
            yield info.filename, content
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise refusal.bad_zip(f"{error}; copy it into the folder again", f"{error}，请重新复制") from None


def _ignored(name: str) -> bool:
    path = PurePosixPath(name)
    return path.parts[0] == "__MACOSX" or path.name.startswith(".")


def parse(body: bytes) -> Node:
    """The root of an XML document; no DTD, no entities, no network, bounded depth. Raises Refused."""
    if not body.strip():
        raise refusal.empty()
    if not _looks_like_xml(body):
        raise _not_xml(body)
    if any(word in body for word in _DOCTYPE):
        raise refusal.unsafe()
    try:
        root = etree.fromstring(body.lstrip() if body[:1].isspace() else body, _parser())
    except etree.XMLSyntaxError as error:
        raise _broken(body, error) from None
    if root.getroottree().docinfo.internalDTD is not None:  # in an encoding the search above does not see
        raise refusal.unsafe()
    return root


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )


def _broken(body: bytes, error: etree.XMLSyntaxError) -> Refused:
    reason = str(error).split(", line")[0]
    line = error.position[0] if error.position else 0
    if not reason.startswith("Entity") and _begins_well(body):
        return refusal.cut_off(line)
    return refusal.unreadable(f"line {line} is no proper XML ({reason})", f"第 {line} 行不是合法的 XML（{reason}）")


def _begins_well(body: bytes) -> bool:
    """Nothing is wrong with the document so far: only its end is missing."""
    parser = _parser()
    try:
        parser.feed(body.lstrip() if body[:1].isspace() else body)
    except etree.XMLSyntaxError:
        return False
    return True


def _text(body: bytes) -> str:
    for bom, code in _BOMS:
        if body.startswith(bom):
            return body[len(bom) :].decode(code, "replace")
    if body[:2] in {b"<\x00", b"\x00<"}:
        return body.decode("utf-16-le" if body[:1] == b"<" else "utf-16-be", "replace")
    return body.decode("utf-8", "replace")


def _looks_like_xml(body: bytes) -> bool:
    head = _text(body[:400]).lstrip()
    return head.startswith("<") and not head[:100].lower().startswith(("<!doctype html", "<html"))


def _not_xml(body: bytes) -> Refused:
    for magic, name in ((b"\xd0\xcf\x11\xe0", "XLS"), (b"%PDF", "PDF")):
        if body.startswith(magic):
            return refusal.OtherFormat(name)
    words = _text(body[:20000])
    if words.lstrip()[:15].lower().startswith(("<!doctype html", "<html")):
        return refusal.OtherFormat("HTML")
    if ":20:" in words and ":25" in words:
        return refusal.OtherFormat("MT940" if ":60F:" in words or ":60M:" in words else "MT942")
    rows = [row for row in words.splitlines() if row.strip()]
    if sum(max(row.count(mark) for mark in ",\t;") >= 3 for row in rows) >= max(1, len(rows) // 2):
        return refusal.OtherFormat("CSV")
    return refusal.unknown()
