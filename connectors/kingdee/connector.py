"""Kingdee K/3 Cloud, put together."""

from pathlib import Path

from connectors.kingdee.client import query
from connectors.kingdee.config import KingdeeConfig
from connectors.kingdee.forms import FORMS
from connectors.kingdee.streams import streams, streams_of
from hub.sdk import Connector, Context, read_manifest


async def probe(ctx: Context) -> None:
    """One customer's number: the cheapest reading that needs the credentials."""
    await query(ctx, FORMS["customers"], ["FNumber"], where="", order="FCUSTID asc", limit=1)


connector = Connector(
    manifest=read_manifest(Path(__file__).parent),
    config=KingdeeConfig,
    streams=streams(),
    probe=probe,
    declared=streams_of,
)
