"""The demo: the story from won deal to paid order, on this machine, with one command."""

import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub.cli.demo.play import Play
    from hub.cli.demo.show import Show
    from hub.cli.demo.stage import Stage

__all__ = ["run"]

_STOPS = (signal.SIGINT, signal.SIGTERM)


def run(*, once: bool, json: bool, seed: int, data_dir: Path | None) -> int:
    """Play the story; 0 when both ends agree. Without `once` it stays up until it is told to stop."""
    from hub.cli.demo.play import Play
    from hub.cli.demo.show import Show
    from hub.cli.demo.stage import Stage
    from hub.cli.demo.story import make_story
    from hub.cli.render import print_json

    folder = (data_dir or Path("data") / "demo" / f"seed-{seed}").resolve()
    for number in _STOPS:
        signal.signal(number, _interrupt)  # also where a shell started us with Ctrl-C ignored
    stage, show = Stage(folder, seed), Show(silent=json)
    play = Play(make_story(seed), stage)
    try:
        result = _perform(play, show, seed)
        if json:
            print_json(result)
        else:
            show.end(result)
        if not once and result["steps"][0]["ok"]:
            show.stay(stage.hub_url, str(stage.token_file), str(folder))
            _stay(stage)
    except KeyboardInterrupt:
        return 130 if once else 0
    finally:
        for number in _STOPS:
            signal.signal(number, signal.SIG_IGN)  # what is being stopped in order is not interrupted again
        play.close()
        stage.close()
    return 0 if result["agree"] else 1


def _perform(play: "Play", show: "Show", seed: int) -> dict[str, Any]:
    from hub.cli.demo.show import told

    started = time.monotonic()
    show.begin(seed)
    steps = []
    for step in play.steps():
        played = show.perform(step, play.perform)
        steps.append(told(played))
        if not played.ok:
            break
    agree = bool(play.checks) and all(answer["ok"] for answer in play.checks) and all(step["ok"] for step in steps)
    seconds = round(time.monotonic() - started, 2)
    return {"seed": seed, "steps": steps, "agree": agree, "checks": play.checks, "seconds": seconds}


def _stay(stage: "Stage") -> None:
    while True:
        time.sleep(1)
        stage.tend()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
