"""REST, put together: its streams are those the connection declares."""

from pathlib import Path

from connectors.rest.client import address_of, call
from connectors.rest.config import RestConfig
from connectors.rest.streams import streams_of
from connectors.rest.webhook import RestHook
from hub.sdk import Connector, Context, read_manifest


async def probe(ctx: Context) -> None:
    """The declared probe, else the first stream, one record where its paging can ask for one."""
    config: RestConfig = ctx.config
    name, spec = next(iter(config.streams.items()))
    if config.probe is not None:
        await call(ctx, name, "GET", address_of(config, config.probe))
        return
    params = {} if spec.paging.kind == "none" else {spec.paging.size_param: "1"}
    reply = await call(ctx, name, "GET", address_of(config, spec.path), params={**spec.params, **params})
    reply.json()


connector = Connector(
    manifest=read_manifest(Path(__file__).parent),
    config=RestConfig,
    streams={},
    probe=probe,
    hook=RestHook(),
    declared=streams_of,
)
