"""Bank statement files: a folder in, accounts, statements and transactions out."""

from pathlib import Path

from connectors.bank_files.config import BankFilesConfig
from connectors.bank_files.inbox import FolderInbox, probe
from connectors.bank_files.streams import STREAMS
from hub.sdk import Connector, read_manifest

connector = Connector(
    manifest=read_manifest(Path(__file__).parent),
    config=BankFilesConfig,
    streams=STREAMS,
    probe=probe,
    inbox=FolderInbox(),
)
