"""`make migration name="…"`: write the next migration from the tables, on a server started for it."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

from hub.db import migrations
from hub.db.migrate import migrate, revise
from tests.support.database import data_folder, running_server

STEPS = Path(migrations.__file__).parent / "versions"


def main() -> None:
    with data_folder() as folder, running_server(folder) as url:
        asyncio.run(migrate(url))
        before = set(STEPS.glob("*.py"))
        asyncio.run(revise(url, sys.argv[1]))
        written = set(STEPS.glob("*.py")) - before
    for file in written:
        file.write_text(re.sub(r" *# ### .*\n", "", file.read_text()))
        subprocess.run([sys.executable, "-m", "ruff", "check", "--fix", "--quiet", file], check=True)
        subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", file], check=True)
    print(*written or ["The migrations already end in these tables."])


if __name__ == "__main__":
    main()
