"""One of the processes of `hub serve`: runs a module, and ends when the process that started it is gone."""

import os
import runpy
import signal
import sys
import threading
import time
from contextlib import suppress

LAST_SECONDS = 25.0  # to end by itself once the parent is gone


def main(module: str) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end_with_parent() -> None:
    """Our standard input is a pipe from the parent; it ends when the parent does, however that ends."""
    with suppress(OSError):
        while os.read(0, 1024):
            pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LAST_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
