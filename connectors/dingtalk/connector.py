"""The DingTalk connector, put together."""

from pathlib import Path

from connectors.dingtalk.client import login, robot_answers
from connectors.dingtalk.config import DingtalkConfig
from connectors.dingtalk.streams import Robot, Users, WorkNotice
from connectors.dingtalk.webhook import DingtalkHook
from hub.sdk import Connector, Context, read_manifest


async def probe(ctx: Context) -> None:
    """A fresh login where there is an app (it needs no permission), else a question that sends nothing."""
    if ctx.config.app_key:
        await login(ctx, "work_notice")
    else:
        await robot_answers(ctx)


connector = Connector(
    manifest=read_manifest(Path(__file__).parent),
    config=DingtalkConfig,
    streams={stream.name: stream for stream in (Robot(), WorkNotice(), Users())},
    probe=probe,
    hook=DingtalkHook(),
)
