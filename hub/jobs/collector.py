"""The garbage collector, kept out of the way of batches."""

import gc

THRESHOLDS = (100_000, 20, 50)


def calm() -> None:
    """Call it once when a process has started. A batch makes many objects that live as long as it does; by the usual
    thresholds they are looked through dozens of times, with everything that was imported (docs/performance.md)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
