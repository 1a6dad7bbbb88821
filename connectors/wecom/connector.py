"""The WeCom connector, put together."""

from pathlib import Path

from connectors.wecom.client import answers, login
from connectors.wecom.config import WecomConfig
from connectors.wecom.streams import AppMessage, Robot, Users
from connectors.wecom.webhook import WecomHook
from hub.sdk import Connector, Context, read_manifest


async def probe(ctx: Context) -> None:
    """A fresh login where there is an app (it needs no permission), else whether WeCom answers at all."""
    if ctx.config.corp_id:
        await login(ctx, "app_message")
    else:
        await answers(ctx)


connector = Connector(
    manifest=read_manifest(Path(__file__).parent),
    config=WecomConfig,
    streams={stream.name: stream for stream in (Robot(), AppMessage(), Users())},
    probe=probe,
    hook=WecomHook(),
)
