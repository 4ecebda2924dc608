"""What a bundle is made for: a Python of Lambda on a kind of processor; which wheels and machine code run there."""

import platform
import sys
from typing import NamedTuple

from stepwell.errors import ConfigurationError

PYTHONS = ("3.11", "3.12", "3.13", "3.14")  # of Lambda's runtimes, those that Stepwell runs on
_USUAL = "3.13"
ARCHITECTURES = ("arm64", "x86_64")
_MACHINE = {"arm64": "aarch64", "x86_64": "x86_64"}  # as wheels, Linux and ELF call them
_ELF = {"arm64": 183, "x86_64": 62}  # e_machine
_AMAZON_LINUX_2 = {"3.11": 26}  # the minor version of its glibc; later runtimes are Amazon Linux 2023
_AMAZON_LINUX_2023 = 34


class Target(NamedTuple):
    python: str
    architecture: str

    @property
    def runtime(self) -> str:
        return f"python{self.python}"

    @property
    def platforms(self) -> list[str]:
        """The tags of wheels that run there, the newest first; pip does not know which include which."""
        newest = _AMAZON_LINUX_2.get(self.python, _AMAZON_LINUX_2023)
        machine = _MACHINE[self.architecture]
        return [f"manylinux_2_{minor}_{machine}" for minor in range(newest, 16, -1)] + [f"manylinux2014_{machine}"]

    @property
    def triple(self) -> str:
        """The platform as uv calls it."""
        return f"{_MACHINE[self.architecture]}-manylinux_2_{17 if self.python in _AMAZON_LINUX_2 else 28}"

    def same_python(self) -> bool:
        return self.python == running()

    def runs_here(self) -> bool:
        """Whether this very Python can import what runs there."""
        return self.same_python() and sys.platform == "linux" and platform.machine() == _MACHINE[self.architecture]

    def is_for_another_machine(self, head: bytes) -> bool:
        """Whether a file that begins like this is machine code, but not of this processor under Linux."""
        if head[:4] == b"\x7fELF":
            return int.from_bytes(head[18:20], "little") != _ELF[self.architecture]
        return head[:2] == b"MZ" or head[:4] in (b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")


def running() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def target(python: str | None, architecture: str | None) -> Target:
    """By default this Python, so that what runs there is what runs here, and arm64, which costs a fifth less.

    Lambda's Python 3.11 has a glibc that the wheels of psycopg for arm64 are too new for, so it must be asked for.
    """
    chosen = python or (running() if running() in PYTHONS[1:] else _USUAL)
    if chosen.removeprefix("python") not in PYTHONS:
        raise ConfigurationError(f"Lambda's Pythons that Stepwell runs on are {', '.join(PYTHONS)}, not {chosen!r}")
    if architecture not in (None, *ARCHITECTURES):
        raise ConfigurationError(f"an architecture of Lambda is {' or '.join(ARCHITECTURES)}, not {architecture!r}")
    return Target(chosen.removeprefix("python"), architecture or ARCHITECTURES[0])
