"""The code of functions: a zip, unpacked once into a folder that is named after what is in it."""

import hashlib
import io
import os
import shutil
import tempfile
import zipfile
from base64 import b64encode
from pathlib import Path
from typing import Any, NamedTuple

from stepwell.errors import InvalidParameterValueException

LARGEST = 262_144_000  # bytes unpacked, as on AWS


class Unpacked(NamedTuple):
    """`folder` is relative to the journal's; `facts` are of the function's configuration."""

    folder: str
    facts: dict[str, Any]


class Code:
    """The unpacked zips below `home`/functions. What a running process uses is never changed in place."""

    def __init__(self, home: Path) -> None:
        self._home = home.absolute()

    def place(self, folder: str) -> Path:
        return self._home / folder

    def unpack(self, name: str, data: bytes) -> Unpacked:
        digest = hashlib.sha256(data)
        folder = f"functions/{name}/{digest.hexdigest()[:16]}"
        facts = {"CodeSize": len(data), "CodeSha256": b64encode(digest.digest()).decode()}
        place = self.place(folder)
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            new = Path(tempfile.mkdtemp(dir=place.parent, prefix="new-"))
            try:
                _extract(data, new)
                os.replace(new, place)
            except BaseException:
                shutil.rmtree(new, ignore_errors=True)
                if not place.exists():  # else somebody else was faster with the same
                    raise
        return Unpacked(folder, facts)

    def sweep(self, used: set[str]) -> None:
        """Remove what no function has any more; called before anything runs."""
        for folder in (self._home / "functions").glob("*/*"):
            if str(folder.relative_to(self._home)) not in used:
                shutil.rmtree(folder, ignore_errors=True)


def _extract(data: bytes, folder: Path) -> None:
    """zipfile itself keeps every file below the folder, whatever its name says."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(item.file_size for item in archive.infolist()) > LARGEST:
                raise InvalidParameterValueException(f"Unzipped size must be smaller than {LARGEST} bytes")
            for item in archive.infolist():
                path = archive.extract(item, folder)
                mode = item.external_attr >> 16 & 0o777
                if mode and not item.is_dir():
                    os.chmod(path, mode | 0o400)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, OSError):
        raise InvalidParameterValueException(
            "Could not unzip uploaded file. Please check your file, then try to upload again."
        ) from None
