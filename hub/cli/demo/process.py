"""One process of the demo: a vendor's sandbox, or the hub. It ends by itself when the demo that started it is gone."""

import asyncio
import fcntl
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

MODULE = "hub.cli.demo.process"
GRACE_SECONDS = 30.0


def sandbox_module(connector: str) -> Any:
    """The module `sandbox` beside an installed connector; five processes start with this, so it imports little."""
    (found,) = entry_points(group="hub.connectors", name=connector)
    return import_module(f"{found.module.rpartition('.')[0]}.sandbox")


def run_sandbox(connector: str, port: int, ledger: Path, settings: dict[str, Any]) -> None:
    """Serve a vendor's sandbox until told to stop; its state is what the ledger says."""
    from hub.sdk.sandbox import Ledger, serve

    made = sandbox_module(connector).sandbox(Ledger(ledger), **settings)
    asyncio.run(serve(made, "127.0.0.1", port))


def run_hub() -> None:
    """`hub serve`, configured by the environment."""
    from hub.jobs.serve import ServeError, serve
    from hub.settings import load_settings
    from hub.telemetry.log import configure

    settings = load_settings()
    configure(settings.log.level, settings.log.format)
    try:
        serve(settings, lambda _: None)
    except ServeError as error:
        raise SystemExit(error.sentence) from None


def hold(path: Path) -> Any:
    """Lock a file for as long as this process lives and write our pid into it; None when another one holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def _end_with_parent() -> None:
    """Our stdin is a pipe from the demo: it ends when the demo does, however that was."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


def main(arguments: Sequence[str]) -> None:
    """`LOCK hub`, or `LOCK sandbox CONNECTOR PORT LEDGER SETTINGS`."""
    lock, role, *rest = arguments
    held = hold(Path(lock))
    if held is None:
        raise SystemExit(f"{lock} is held: this process runs already")
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with held:
        if role == "hub":
            run_hub()
        else:
            connector, port, ledger, settings = rest
            run_sandbox(connector, int(port), Path(ledger), json.loads(settings))


if __name__ == "__main__":
    main(sys.argv[1:])
