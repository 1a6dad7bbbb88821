"""One message on one way to a person: a stream of a connection, or mail. What came of it is one of three words."""

import asyncio
import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Literal

from sqlalchemy import text

from hub.config.channels import Channel
from hub.sdk.connector import Messages
from hub.sdk.errors import ConnectorError, Uncertain
from hub.sdk.records import Message
from hub.settings import MailSettings
from hub.sync.engine import Engine

MAIL_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Told:
    """`perhaps`: sent, and nobody knows what became of it; it is not sent again."""

    outcome: Literal["sent", "perhaps", "failed"]
    error: str = ""
    zh: str = ""


async def send(engine: Engine, mail: MailSettings, told: str, message: Message) -> Told:
    """Never raises for what the other side does."""
    try:
        channel = Channel.of(told)
    except ValueError:
        return Told("failed", f"{told} is no channel: see docs/configuration.md", f"{told} 不是有效的通知渠道")
    if channel.mail:
        return await asyncio.to_thread(_mail, mail, channel.mail, message)
    return await _by_connection(engine, channel, message)


async def _by_connection(engine: Engine, channel: Channel, message: Message) -> Told:
    bound = engine.configuration.connections.get(channel.connection)
    stream = bound.streams.get(channel.stream) if bound else None
    if bound is None or not isinstance(stream, Messages):
        return Told(
            "failed",
            f"{channel.connection} cannot be used for messages at {channel.stream}",
            f"连接 {channel.connection} 的 {channel.stream} 无法用于发消息",
        )
    async with engine.db.read() as conn:
        scope = {"connection": channel.connection, "stream": channel.stream}
        paused = (
            await conn.execute(
                text(
                    "SELECT reason, error, error_zh FROM pause WHERE connection = :connection AND stream IN ('', :stream)"
                ),
                scope,
            )
        ).first()
    if paused is not None:
        return Told("failed", paused.error or f"paused: {paused.reason}", paused.error_zh or f"已暂停：{paused.reason}")
    personal = Message(channel.to, message.title, message.text, message.key)
    try:
        await stream.message(engine.outward.context(bound), personal)
    except Uncertain as error:
        return Told("perhaps", error.sentence, error.zh)
    except ConnectorError as error:
        return Told("failed", error.sentence, error.zh)
    return Told("sent")


def _mail(mail: MailSettings, to: str, message: Message) -> Told:
    if not mail.host:
        return Told("failed", "no mail server is set: HUB_MAIL__HOST", "未设置邮件服务器：HUB_MAIL__HOST")
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = mail.sender, to, message.title
    letter["Message-ID"] = f"<{message.key}@o2c-hub>"
    letter.set_content(message.text)
    try:
        server = _connected(mail)
    except (smtplib.SMTPException, OSError) as error:
        return _refused(mail, error)
    try:
        server.send_message(letter)
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        return _refused(mail, error)
    except (smtplib.SMTPException, OSError) as error:  # the letter was under way
        return Told("perhaps", _refused(mail, error).error, _refused(mail, error).zh)
    finally:
        with suppress(smtplib.SMTPException, OSError):
            server.quit()
    return Told("sent")


def _connected(mail: MailSettings) -> smtplib.SMTP:
    """Greeted, encrypted as the settings say, signed in."""
    if mail.encryption == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            mail.host, mail.port, timeout=MAIL_SECONDS, context=ssl.create_default_context()
        )
    else:
        server = smtplib.SMTP(mail.host, mail.port, timeout=MAIL_SECONDS)
    try:
        if mail.encryption == "starttls":
            server.starttls(context=ssl.create_default_context())
        if mail.user:
            server.login(mail.user, mail.password.get_secret_value())
    except BaseException:
        server.close()
        raise
    return server


def _refused(mail: MailSettings, error: Exception) -> Told:
    said = f"the mail server {mail.host} did not take it: {type(error).__name__}: {error}"
    return Told("failed", said, f"邮件服务器 {mail.host} 未接受邮件：{type(error).__name__}: {error}")
