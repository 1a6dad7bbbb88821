"""The sentences with which a file is refused: what it is, why not, what to do."""

from hub.sdk import Refused

_LATER = (
    "this connection reads camt.052, .053 and .054 (also zipped): ask the bank for camt.053",
    "本连接目前读取 camt.052、.053、.054（可用 zip）：请向银行索取 camt.053",
)
NAMES: dict[str, tuple[str, str]] = {
    "MT940": ("an MT940 statement", " MT940 对账单"),
    "MT942": ("an MT942 intraday report", " MT942 日间明细"),
    "CSV": ("a CSV table", " CSV 表格"),
    "XLS": ("an Excel file (.xls)", " Excel 文件（.xls）"),
    "XLSX": ("an Excel file (.xlsx)", " Excel 文件（.xlsx）"),
    "PDF": ("a PDF", " PDF 文件"),
    "HTML": ("a web page (perhaps the bank's login page)", "网页（可能是银行的登录页）"),
}


def unreadable(reason: str, zh: str) -> Refused:
    """The file is of a format we read, but something in it is wrong."""
    return Refused(
        f"the statement cannot be read: {reason}. Nothing of it was taken; ask the bank to send it again",
        zh=f"对账单无法读取：{zh}。文件未被采用，请让银行重新发送",
        status=422,
    )


def cut_off(line: int) -> Refused:
    """XML that stops in the middle."""
    return Refused(
        f"the file ends in the middle, at line {line}: it was cut off on its way. Copy it into the folder again",
        zh=f"文件在第 {line} 行中断，传输不完整：请重新复制到文件夹",
        status=422,
    )


class OtherFormat(Refused):
    """A file of a format we know and do not read."""

    def __init__(self, name: str) -> None:
        en, zh = NAMES[name]
        super().__init__(f"this is {en}; {_LATER[0]}", zh=f"这是{zh}；{_LATER[1]}", status=415)
        self.name = name


def other_xml(root: str, message: str) -> Refused:
    """XML that is no bank statement."""
    what = f"{message} ({root})" if message else f"<{root}>"
    return Refused(
        f"this XML is {what[:120]}, no bank statement; {_LATER[0]}",
        zh=f"此 XML 是 {what[:120]}，不是银行对账单；{_LATER[1]}",
        status=415,
    )


def unknown() -> Refused:
    return Refused(
        f"the format of this file is not known; {_LATER[0]}", zh=f"无法识别文件格式；{_LATER[1]}", status=415
    )


def empty() -> Refused:
    return Refused("the file is empty: copy it into the folder again", zh="文件为空：请重新复制到文件夹", status=422)


def too_large(limit: int) -> Refused:
    size = limit // (1024 * 1024)
    return Refused(
        f"the file is larger than {size} MB: ask the bank for one file a day",
        zh=f"文件超过 {size} MB：请让银行按天分文件",
        status=413,
    )


def unsafe() -> Refused:
    """A document type could fetch files or blow up; no bank's statement has one."""
    return Refused(
        "the XML declares a document type (DOCTYPE); statements never do, so it is not read for safety",
        zh="XML 含 DOCTYPE 声明：银行对账单不会有，为安全起见不予读取",
        status=422,
    )


def bad_zip(reason: str, zh: str) -> Refused:
    return Refused(f"the zip cannot be read: {reason}", zh=f"zip 无法读取：{zh}", status=422)
