"""The dependencies of a bundle: which they are, and their wheels for another machine, by pip or uv, without Docker."""

import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

from stepwell.aws.bytecode import compile_in
from stepwell.aws.target import Target
from stepwell.errors import ConfigurationError
from stepwell.pipeline.pipeline import Pipeline
from stepwell.pipeline.settings import Setting
from stepwell.pipeline.task import LoadTask

REQUIREMENTS = "requirements.txt"
_RUNTIME_HAS = ("boto3", "botocore", "s3transfer")  # 30 MB that every Python runtime of Lambda brings
_NOT_SHIPPED = ("jsonata-python", "stepwell", *_RUNTIME_HAS)
_ONLY_OF_INSTALLERS = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "WHEEL")


def requirements(pipeline: Pipeline, root: Path, target: Target) -> list[str]:
    """What the function needs beside the project: what its tasks use of Stepwell, and its own requirements.txt."""
    wanted = [line for line in _ours(pipeline) if _name(line) not in _NOT_SHIPPED]
    if target.python in ("3.11", "3.12"):
        wanted.append("typing-extensions>=4.6")  # psycopg's; pip asks the running Python, not the target
    file = root / REQUIREMENTS
    if file.is_file():
        lines = (line.split(" #")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
        wanted += [line for line in lines if line and not line.startswith("#") and _name(line) not in _NOT_SHIPPED]
    return sorted(set(wanted))


def install(wanted: list[str], target: Target, cache: Path) -> Path:
    """A folder with their files, pinned to the versions that are installed here; made once for the same wishes."""
    pins = sorted(
        f"{found.name}=={found.version}"
        for found in metadata.distributions()
        if found.name and _name(found.name) != "stepwell" and "+" not in found.version
    )
    asked = "\n".join([*target, *wanted, "", *_relevant(pins, wanted)])
    folder = cache / hashlib.sha256(asked.encode()).hexdigest()[:16]
    if not folder.exists():
        with TemporaryDirectory(dir=_made(cache)) as scratch:
            _download(wanted, pins, target, Path(scratch))
            _clean(Path(scratch) / "files")
            if target.same_python():
                made = Path(scratch) / "files"
                compile_in(made, [path.relative_to(made).as_posix() for path in made.rglob("*.py")])
            with suppress(OSError):  # another process was faster
                (Path(scratch) / "files").rename(folder)
    return folder


def _relevant(pins: list[str], wanted: list[str]) -> list[str]:
    """What is installed here for these wishes: other packages may come and go without a new download."""
    by_name = {_name(pin): pin for pin in pins}
    found: dict[str, str] = {}
    ahead = [_name(line) for line in wanted]
    while ahead:
        name = ahead.pop()
        if name in by_name and name not in found:
            found[name] = by_name[name]
            ahead += [_name(line) for line in metadata.requires(name) or []]
    return sorted(found.values())


def _ours(pipeline: Pipeline) -> list[str]:
    extras = {""} | ({"chunks"} if any(task.chunks is not None for task in pipeline.tasks) else set())
    if any(isinstance(task, LoadTask) and isinstance(task.source, Setting | str) for task in pipeline.tasks):
        extras |= {"copy"} if importlib.util.find_spec("asyncpg") else set()
    found = []
    for line in metadata.requires("stepwell") or []:
        requirement, _, marker = line.partition(";")
        extra = re.search(r"extra\s*==\s*['\"](\w+)", marker)
        if (extra[1] if extra else "") in extras:
            found.append(requirement.strip())
    return found


def _download(wanted: list[str], pins: list[str], target: Target, scratch: Path) -> None:
    (scratch / "wanted").write_text("\n".join(wanted), encoding="utf-8")
    (scratch / "pins").write_text("\n".join(pins), encoding="utf-8")
    (scratch / "files").mkdir()
    if importlib.util.find_spec("pip"):
        command = [sys.executable, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--no-compile"]
        command += ["--implementation", "cp", "--python-version", target.python]
        command += [word for platform in target.platforms for word in ("--platform", platform)]
    elif uv := shutil.which("uv"):
        command = [uv, "pip", "install", "--python-version", target.python, "--python-platform", target.triple]
    else:
        raise ConfigurationError("a bundle needs pip or uv: `python -m ensurepip` brings pip")
    command += ["--quiet", "--only-binary", ":all:", "--target", str(scratch / "files")]
    command += ["-r", str(scratch / "wanted"), "-c", str(scratch / "pins")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "WARNING" not in line and line.strip()]
        raise ConfigurationError(
            f"the wheels for {target.runtime} on {target.architecture} could not be had:\n  "
            + "\n  ".join(said[-8:])
            + "\n  Lambda needs binary wheels; where one has none for it, another --python or --architecture may help."
        )


def _clean(files: Path) -> None:
    """What only installers read, and what differs from one to the next, stays out; so does what the runtime has."""
    shutil.rmtree(files / "bin", ignore_errors=True)
    for folder in [*files.glob("*.dist-info"), *files.glob("__pycache__")]:
        if _name(folder.name.rsplit("-", 1)[0].split("-")[0]) in _RUNTIME_HAS or folder.name == "__pycache__":
            shutil.rmtree(folder)
            continue
        for name in _ONLY_OF_INSTALLERS:
            (folder / name).unlink(missing_ok=True)
    for name in _RUNTIME_HAS:
        shutil.rmtree(files / name, ignore_errors=True)


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else requirement


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
