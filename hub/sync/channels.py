"""One message on one way to a person: a stream of a connection, or mail."""

import asyncio

from sqlalchemy import text

from hub.config.channels import Channel
from hub.sdk.connector import Messages
from hub.sdk.errors import ConnectorError, Uncertain
from hub.sdk.records import Message
from hub.settings import MailSettings
from hub.sync.engine import Engine
from hub.sync.mail import Told, post


async def send(engine: Engine, mail: MailSettings, told: str, message: Message) -> Told:
    """Never raises for what the other side does."""
    try:
        channel = Channel.of(told)
    except ValueError:
        return Told("failed", f"{told} is no channel: see docs/configuration.md", f"{told} 不是有效的通知渠道")
    if channel.mail:
        return await asyncio.to_thread(post, mail, channel.mail, message)
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
