"""What an admin says about a folder of bank statements."""

from pathlib import Path

from pydantic import Field

from hub.sdk import ConnectionConfig


class BankFilesConfig(ConnectionConfig):
    """`zone` is the bank's: a date-time without offset in a file is taken in it."""

    folder: Path = Field(description="where statement files are put")
    done_folder: Path | None = Field(default=None, description="where files go when taken; default: folder/done")

    @property
    def done(self) -> Path:
        return self.done_folder or self.folder / "done"
