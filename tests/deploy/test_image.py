"""The image without a container engine: what its build may see makes the wheel, and its locks are ours."""

import fnmatch
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.deploy.tools import DEPLOY, ROOT, module

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


def seen(path: str) -> bool:
    """.dockerignore as Docker reads it: of the lines that fit a file or a folder above it, the last one counts."""
    parts = path.split("/")
    above = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    verdict = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if line and not line.startswith("#") and any(fits(each, pattern) for each in above):
            verdict = line.startswith("!")
    return verdict


def fits(path: str, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatch.fnmatchcase(path.rpartition("/")[2], pattern.removeprefix("**/"))
    return path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern)


def tracked() -> list[str]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git work tree: which files belong to the project is not known")
    command = [git, "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.splitlines() if (ROOT / name).is_file()]


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """Exactly what `docker build` would see."""
    for name in filter(seen, tracked()):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def test_the_wheel_is_made_from_what_the_build_may_see(context: Path) -> None:
    module("hatchling")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(context / "wheels")]
    subprocess.run(command, cwd=context, check=True, capture_output=True)
    (wheel,) = (context / "wheels").glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        inside = set(opened.namelist())
        (entries,) = (opened.read(name).decode() for name in inside if name.endswith("/entry_points.txt"))
    ours = {name for name in tracked() if name.startswith(("hub/", "connectors/", "mappings/"))}
    assert {name for name in ours if not re.match(r"connectors/\w+/tests/", name)} <= inside
    assert "hub = hub.cli.main:main" in entries and "kingdee" in entries


def test_the_image_gets_no_tests_no_data_and_no_secrets(context: Path) -> None:
    found = {path.relative_to(context).as_posix() for path in context.rglob("*") if path.is_file()}
    assert not [name for name in found if name.startswith(("tests/", "data/", "docs/", ".git", "deploy/secrets"))]
    assert not seen("data/token") and not seen("deploy/secrets/hub_secret_key") and not seen("hub/x/__pycache__/a.pyc")
    assert seen("hub/cli/main.py") and seen("deploy/requirements.lock")


def copied() -> set[str]:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    own = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    return {source for sources in own for source in sources}


def test_what_the_dockerfile_copies_is_there(context: Path) -> None:
    assert copied() and {source for source in copied() if not (context / source).exists()} == set()


def pins(file: Path) -> dict[str, str]:
    return dict(PIN.findall(file.read_text()))


@pytest.mark.parametrize("lock", ["requirements.lock", "build.lock"])
def test_the_image_is_made_of_what_is_tested(lock: str) -> None:
    tested = pins(ROOT / "requirements.lock")
    image = pins(DEPLOY / lock)
    assert image and {name: version for name, version in image.items() if tested.get(name) != version} == {}
    text = (DEPLOY / lock).read_text()
    assert text.count("--hash=sha256:") >= len(image)


def test_the_image_has_no_tools_of_ours() -> None:
    image = pins(DEPLOY / "requirements.lock")
    assert {"asyncpg", "fastapi", "opentelemetry-sdk"} <= image.keys()
    assert not {"pytest", "mypy", "ruff", "hypothesis", "hatchling"} & image.keys()
