"""One letter by SMTP. What came of it is one of three words; what went wrong names the setting to look at."""

import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Final, Literal

from hub.sdk.records import Message
from hub.settings import MailSettings

MAIL_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Told:
    """`perhaps`: sent, and nobody knows what became of it; it is not sent again."""

    outcome: Literal["sent", "perhaps", "failed"]
    error: str = ""
    zh: str = ""


def post(mail: MailSettings, to: str, message: Message) -> Told:
    """Never raises for what the server does. It blocks: call it in a thread."""
    if not mail.host:
        return Told("failed", "no mail server is set: HUB_MAIL__HOST", "未设置邮件服务器：HUB_MAIL__HOST")
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = mail.sender, to, message.title
    letter["Message-ID"] = f"<{message.key}@o2c-hub>"
    letter.set_content(message.text)
    try:
        trust = ssl.create_default_context(cafile=mail.ca_file)
    except OSError as error:
        return Told(
            "failed",
            f"HUB_MAIL__CA_FILE {mail.ca_file} holds no certificates that can be read ({error})",
            f"HUB_MAIL__CA_FILE {mail.ca_file} 中没有可读取的证书（{error}）",
        )
    try:
        server = _connected(mail, trust)
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        return _told("failed", mail, error)
    try:
        server.send_message(letter)
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        return _told("failed", mail, error)
    except (smtplib.SMTPException, OSError) as error:  # the letter was under way
        return _told("perhaps", mail, error)
    finally:
        with suppress(smtplib.SMTPException, OSError):
            server.quit()
    return Told("sent")


def _connected(mail: MailSettings, trust: ssl.SSLContext) -> smtplib.SMTP:
    """Greeted, encrypted as the settings say and never less, signed in. The certificate must be the host's and of an
    authority that is trusted."""
    if mail.encryption == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(mail.host, mail.port, timeout=MAIL_SECONDS, context=trust)
    else:
        server = smtplib.SMTP(mail.host, mail.port, timeout=MAIL_SECONDS)
    try:
        if mail.encryption == "starttls":
            server.starttls(context=trust)
        if mail.user:
            server.login(mail.user, mail.password.get_secret_value())
    except BaseException:
        server.close()
        raise
    return server


_SAID: Final[Sequence[tuple[type[Exception], str, str]]] = (
    (
        ssl.SSLCertVerificationError,
        "shows a certificate that is not trusted ({error}): check HUB_MAIL__HOST, or give the authority's certificate by"
        " HUB_MAIL__CA_FILE",
        "的证书不受信任（{error}）：请核对 HUB_MAIL__HOST，或用 HUB_MAIL__CA_FILE 指定签发机构的证书",
    ),
    (
        ssl.SSLError,
        "speaks no TLS there ({error}): port 465 mostly wants HUB_MAIL__ENCRYPTION=tls, port 587 starttls, port 25 none",
        "在该端口不使用 TLS（{error}）：465 端口一般用 HUB_MAIL__ENCRYPTION=tls，587 用 starttls，25 用 none",
    ),
    (
        smtplib.SMTPAuthenticationError,
        "refuses the login of {user} ({error}): check HUB_MAIL__USER and HUB_MAIL__PASSWORD; many providers want a code"
        " made for programs in its place",
        "拒绝 {user} 登录（{error}）：请核对 HUB_MAIL__USER 和 HUB_MAIL__PASSWORD，许多邮箱需使用客户端授权码",
    ),
    (
        smtplib.SMTPNotSupportedError,
        "does not offer what is asked for ({error}): check HUB_MAIL__ENCRYPTION, and HUB_MAIL__USER if it wants no login",
        "不支持所需的功能（{error}）：请核对 HUB_MAIL__ENCRYPTION；若无需登录，请去掉 HUB_MAIL__USER",
    ),
    (
        smtplib.SMTPRecipientsRefused,
        "does not take mail for this address: {error}",
        "不接受该收件人：{error}",
    ),
    (
        smtplib.SMTPSenderRefused,
        "does not take mail from {sender} ({error}): check HUB_MAIL__SENDER",
        "不接受发件人 {sender}（{error}）：请核对 HUB_MAIL__SENDER",
    ),
    (smtplib.SMTPException, "did not take it: {error}", "未接受邮件：{error}"),
    (
        UnicodeError,
        "can be told letters of ASCII alone ({error}): check HUB_MAIL__USER and HUB_MAIL__PASSWORD",
        "只接受 ASCII 字符（{error}）：请核对 HUB_MAIL__USER 和 HUB_MAIL__PASSWORD",
    ),
    (
        OSError,
        "cannot be reached ({error}): check HUB_MAIL__HOST and HUB_MAIL__PORT",
        "无法连接（{error}）：请核对 HUB_MAIL__HOST 和 HUB_MAIL__PORT",
    ),
)
"""The most specific first: an SSLError is an OSError, and so is every SMTPException."""


def _told(outcome: Literal["perhaps", "failed"], mail: MailSettings, error: Exception) -> Told:
    english, chinese = next((en, zh) for kind, en, zh in _SAID if isinstance(error, kind))
    told = {"error": _words(error), "user": mail.user, "sender": mail.sender}
    place = f"{mail.host}:{mail.port}"
    return Told(
        outcome, f"the mail server {place} {english.format(**told)}", f"邮件服务器 {place} {chinese.format(**told)}"
    )


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "; ".join(f"{to}: {code} {_text(said)}" for to, (code, said) in error.recipients.items())
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_text(error.smtp_error)}"
    return str(error) or type(error).__name__


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said
