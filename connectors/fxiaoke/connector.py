"""纷享销客, put together."""

from pathlib import Path

from connectors.fxiaoke.client import probe
from connectors.fxiaoke.config import FxiaokeConfig
from connectors.fxiaoke.streams import STREAMS
from connectors.fxiaoke.webhook import hook
from hub.sdk import Connector, read_manifest

connector = Connector(
    manifest=read_manifest(Path(__file__).parent),
    config=FxiaokeConfig,
    streams=STREAMS,
    probe=probe,
    hook=hook,
)
