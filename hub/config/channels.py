"""Ways to people, as a connection names them: `team/robot`, `team/app_message:zhang`, `anna@example.com`."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from hub.config.connection import Bound
from hub.config.model import CHANNEL, ConnectionSpec
from hub.config.problem import Flaw
from hub.mapping.faults import near
from hub.sdk.connector import Messages


@dataclass(frozen=True, slots=True)
class Channel:
    """Either a mail address, or a stream of a connection that takes messages and, where it does, a person's id there."""

    mail: str = ""
    connection: str = ""
    stream: str = ""
    to: str = ""

    @classmethod
    def of(cls, told: str) -> "Channel":
        found = CHANNEL.fullmatch(told)
        if found is None:
            raise ValueError(f"{told} is no channel")
        return cls(**{name: value or "" for name, value in found.groupdict().items()})


def person_channel(told: str) -> bool:
    """Does this lead to one person by itself: a mail address, or a person of a stream?"""
    found = CHANNEL.fullmatch(told)
    return found is not None and bool(found["mail"] or found["to"])


def channel_flaws(spec: ConnectionSpec, connections: Collection[str], bound: Mapping[str, Bound]) -> Iterator[Flaw]:
    """Every channel's connection exists and its stream takes messages."""
    for index, told in enumerate(spec.notify):
        channel = Channel.of(told)
        if channel.mail:
            continue
        path = ("notify", index)
        if channel.connection not in connections:
            zh, en = near(channel.connection, connections)
            yield Flaw(path, f"there is no connection {channel.connection}{en}", f"没有连接 {channel.connection}{zh}")
        elif channel.connection in bound:
            streams = bound[channel.connection].streams
            if not isinstance(streams.get(channel.stream), Messages):
                takes = sorted(name for name, stream in streams.items() if isinstance(stream, Messages))
                yield Flaw(
                    path,
                    f"{channel.connection} takes no messages at {channel.stream}; at {', '.join(takes) or 'none'}",
                    f"{channel.connection} 的 {channel.stream} 不能发消息；可用：{'、'.join(takes) or '无'}",
                )
