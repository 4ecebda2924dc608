"""Bytecode beside its sources, the same bytes for the same sources.

A function's folder cannot be written to, so without it every cold start would compile everything anew. It is used
unasked: whether it fits its source was settled when the bundle was made.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# Runs in a Python of its own, so that nothing but the files decides: hash seed, order and state are always the same.
_COMPILE = """
import importlib.util, marshal, os, sys
for name in filter(None, sys.stdin.read().split("\\0")):
    with open(os.path.join(sys.argv[1], name), "rb") as file:
        source = file.read()
    try:
        code = compile(source, "/var/task/" + name, "exec", dont_inherit=True)
    except SyntaxError:
        continue
    path = importlib.util.cache_from_source(os.path.join(sys.argv[1], name))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    head = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + importlib.util.source_hash(source)
    with open(path, "wb") as file:
        file.write(head + marshal.dumps(code))
"""


def compile_in(folder: Path, names: Sequence[str]) -> None:
    """Write what belongs to these sources into their `__pycache__`. What is no Python of this version is left out."""
    environment = {"PYTHONHASHSEED": "0", "SYSTEMROOT": os.environ.get("SYSTEMROOT", "")}
    command = [sys.executable, "-I", "-S", "-X", "utf8", "-c", _COMPILE, str(folder)]
    subprocess.run(command, input="\0".join(sorted(names)).encode(), env=environment, check=True)
