"""Processor time of the database's processes: on a busy machine it says more than the clock."""

import os
from pathlib import Path

USER, CHILDREN_END, PARENT = 11, 15, 1  # places in /proc/PID/stat after the name


def of_database(folder: Path) -> float:
    """Seconds spent so far by the embedded server and all it ever started; 0 where the machine does not say."""
    if not Path("/proc/self/stat").exists():
        return 0.0
    pidfile = folder / "postgres" / "cluster" / "postmaster.pid"
    server = int(pidfile.read_text(encoding="utf-8").split()[0])
    ticks = 0
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            ticks += _ticks(place, server)
    return ticks / os.sysconf("SC_CLK_TCK")


def _ticks(place: Path, server: int) -> int:
    try:
        fields = (place / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    if int(place.name) == server:
        return sum(map(int, fields[USER:CHILDREN_END]))
    return sum(map(int, fields[USER : USER + 2])) if int(fields[PARENT]) == server else 0
