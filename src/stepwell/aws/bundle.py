"""The zip for Lambda: the project, Stepwell's Lambda side and their dependencies; the same bytes for the same input."""

import hashlib
import os
import subprocess
import sys
import zipfile
from base64 import b64encode
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from stepwell import errors
from stepwell.aws import wheels
from stepwell.aws.bytecode import compile_in
from stepwell.aws.target import Target
from stepwell.errors import BundleError
from stepwell.pipeline.pipeline import Pipeline

HANDLER = "lambda_handler.lambda_handler"
LARGEST = 250 * 1024 * 1024  # bytes unzipped, Lambda's limit
_SHIPPED = ("__init__.py", "errors.py", "handler.py", "progress", "etl", "pipeline")
_OURS = Path(errors.__file__).parent
_ENTRY = Path(__file__).with_name("lambda_handler.py.in")
_LEFT_OUT = (".*", "__pycache__", "*.pyc", "tests", "aws", "build", "dist", "node_modules", "*.egg-info", "*.zip")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # no zip can be older

Files = dict[str, Path | bytes]  # by the name in the zip

_IMPORT = """
import sys
sys.path[:] = [sys.argv[1], *(path for path in sys.path if "site-packages" not in path)]
import lambda_handler
from stepwell.errors import UnknownAction
try:
    lambda_handler.lambda_handler({"action": "none of its actions"}, None)
except UnknownAction:
    print("imported")
"""


class Bundle(NamedTuple):
    """`sha256` in base64, as Lambda gives it; `sizes` are the unzipped bytes by package, the biggest first."""

    content: bytes
    target: Target
    sizes: dict[str, int]
    checked: str

    @property
    def unzipped(self) -> int:
        return sum(self.sizes.values())

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def sha256(self) -> str:
        return b64encode(hashlib.sha256(self.content).digest()).decode()


def bundle(pipeline: Pipeline, target: Target, cache: Path, exclude: Iterable[str] = ()) -> Bundle:
    """BundleError if it is too big, or could not be imported there; ConfigurationError if a wheel cannot be had."""
    root = Path(pipeline.root or ".")
    files: Files = {}
    libraries = wheels.install(wheels.requirements(pipeline, root, target), target, cache)
    files |= dict(_tree(libraries, libraries, ()))
    for part in _SHIPPED:
        files |= {f"stepwell/{name}": path for name, path in _tree(_OURS / part, _OURS, ("__pycache__",))}
    files["lambda_handler.py"] = _ENTRY.read_bytes().replace(b"{{target}}", (pipeline.target or "").encode())
    files |= dict(_tree(root, root, (*_LEFT_OUT, *exclude)))
    with TemporaryDirectory() as scratch:
        unpacked = Path(scratch) / "files"
        _write(files, unpacked)
        _must_be_for(target, unpacked)
        if target.same_python():
            files |= _compiled(files, unpacked)
        sizes = _sizes(files)
        _must_fit(sizes)
        checked = _smoke(unpacked, target)
    return Bundle(_zipped(files), target, sizes, checked)


def _tree(path: Path, root: Path, left_out: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """Name and place of each file; a pattern is of a name, or of the path below the root."""
    if path.is_file():
        yield path.relative_to(root).as_posix(), path
        return
    for entry in sorted(path.iterdir()):
        name = entry.relative_to(root).as_posix()
        if any(fnmatch(entry.name, pattern) or fnmatch(name, pattern) for pattern in left_out):
            continue
        if entry.is_file() or (entry.is_dir() and not (entry / "pyvenv.cfg").exists()):
            yield from _tree(entry, root, left_out)


def _write(files: Files, folder: Path) -> None:
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_bytes(content))


def _compiled(files: Files, unpacked: Path) -> Files:
    """The bytecode of what has none yet: that of the libraries was made with them."""
    names = [name for name in files if name.endswith(".py") and name not in _with_bytecode(files)]
    compile_in(unpacked, names)
    folders = {(unpacked / name).parent / "__pycache__" for name in names}
    found = (path for folder in folders if folder.is_dir() for path in folder.iterdir())
    return {path.relative_to(unpacked).as_posix(): path.read_bytes() for path in found}


def _with_bytecode(files: Files) -> set[str]:
    compiled = (name.rpartition("__pycache__/") for name in files if name.endswith(".pyc"))
    return {f"{folder}{name.partition('.')[0]}.py" for folder, _, name in compiled}


def _sizes(files: Files) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for name, content in files.items():
        top = name.split("/")[0]
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        sizes[top] = sizes.get(top, 0) + size
    return dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0])))


def _must_fit(sizes: dict[str, int]) -> None:
    total = sum(sizes.values())
    if total <= LARGEST:
        return
    biggest = "\n".join(f"  {megabytes(size):>9}  {name}" for name, size in list(sizes.items())[:8])
    raise BundleError(
        f"unzipped, the bundle has {megabytes(total)}, and Lambda takes {megabytes(LARGEST)}; its biggest parts:\n"
        f"{biggest}\n  Leave files out with --exclude, or take packages out of {wheels.REQUIREMENTS}."
    )


def _must_be_for(target: Target, unpacked: Path) -> None:
    for file in sorted(unpacked.rglob("*")):
        if file.is_file():
            with open(file, "rb") as opened:
                if target.is_for_another_machine(opened.read(20)):
                    name = file.relative_to(unpacked)
                    raise BundleError(f"{name} is machine code, but not of Linux on {target.architecture}")


def _smoke(unpacked: Path, target: Target) -> str:
    """Import it as Lambda would, where this machine can."""
    if not target.runs_here():
        return f"its machine code is of {target.architecture}; importing it was not tried: this machine is another one"
    command = [sys.executable, "-I", "-c", _IMPORT, str(unpacked)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "STEPWELL_"))}
    done = subprocess.run(
        command, cwd=unpacked, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    if done.stdout.split() != ["imported"]:
        why = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
        raise BundleError(f"the bundle cannot be imported: {why}")
    return "imported, and asked for an action that it does not have"


def _zipped(files: Files) -> bytes:
    from io import BytesIO

    held = BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, _LONG_AGO)
            info.create_system = 3  # Unix, on every system: whence come the permissions
            info.external_attr = 0o100644 << 16
            archive.writestr(info, _bytes(files[name]), zipfile.ZIP_DEFLATED, 6)
    return held.getvalue()


def _bytes(content: Path | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()


def megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:.1f} MB"
