"""What a Lambda function waits for at its first event: importing the handler with the example's pipeline.

Beside it a bare handler that imports psycopg, as any function must that talks to PostgreSQL; and the zip of `stepwell
package`, unpacked where nothing can be written, as on Lambda: with the bytecode that it brings, and without.
"""

import platform
import shutil
import sys
import zipfile
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.common import Command, cache, interleaved, options, ratio, report

EXAMPLE = Path(__file__).parents[1] / "examples" / "visits"
BARE_ZIP, ZIP, PLAIN_ZIP = (
    "from the zip: psycopg alone",
    "from the zip: lambda_handler",
    "the same without its bytecode",
)
BARE = "import psycopg\ndef handler(event, context): return {}"
OURS = """
import psycopg
from stepwell.handler import _pipeline, handler
for action in _pipeline().actions[1:]:
    _pipeline().action(action)
from stepwell.etl import fence, load, run
"""
# As Lambda starts it: nothing but the bundle is on the path, no bytecode can be kept.
FROM_ZIP = (
    "import sys; sys.dont_write_bytecode = True; sys.path[:] = ['.', *(p for p in sys.path if 'site-' not in p)]; "
)


def main() -> None:
    with TemporaryDirectory() as folder:
        measure(Path(folder))


def measure(folder: Path) -> None:
    chosen = options(__doc__ or "", runs=15).parse_args()
    root = {"LAMBDA_TASK_ROOT": str(EXAMPLE)}
    commands = {
        "python -c pass": Command([sys.executable, "-c", "pass"], EXAMPLE),
        "bare handler that imports psycopg": Command([sys.executable, "-c", BARE], EXAMPLE),
        "stepwell.handler with the example": Command([sys.executable, "-c", OURS], EXAMPLE, root),
        "stepwell.handler, no database": Command([sys.executable, "-c", "import stepwell.handler"], EXAMPLE),
    }
    commands |= from_zip(folder)
    rows = interleaved(commands, chosen.runs)
    bare, ours = "bare handler that imports psycopg", "stepwell.handler with the example"
    ratios = {
        "with the example / bare": ratio(rows, ours, bare),
        "milliseconds over bare": (rows[ours].median - rows[bare].median) * 1000,
        "no database / python -c pass": ratio(rows, "stepwell.handler, no database", "python -c pass"),
        "zip / bare": ratio(rows, ZIP, BARE_ZIP),
        "milliseconds over bare, from the zip": (rows[ZIP].median - rows[BARE_ZIP].median) * 1000,
        "zip without its bytecode / zip": ratio(rows, PLAIN_ZIP, ZIP),
    }
    report("Cold start of the handler", rows, ratios, chosen)


def from_zip(folder: Path) -> dict[str, Command]:
    """The example's bundle for this machine, unpacked twice."""
    from stepwell.aws.bundle import bundle
    from stepwell.aws.target import Target, running
    from stepwell.pipeline.find import find_pipeline

    architecture = {"aarch64": "arm64"}.get(platform.machine(), "x86_64")
    made = bundle(find_pipeline(str(EXAMPLE)), Target(running(), architecture), cache() / "wheels")
    for name in ("zip", "plain"):
        zipfile.ZipFile(BytesIO(made.content)).extractall(folder / name)
    for compiled in list((folder / "plain").rglob("__pycache__")):
        shutil.rmtree(compiled)
    return {
        BARE_ZIP: Command([sys.executable, "-c", FROM_ZIP + "import psycopg"], folder / "zip"),
        ZIP: Command([sys.executable, "-c", FROM_ZIP + "import lambda_handler"], folder / "zip"),
        PLAIN_ZIP: Command([sys.executable, "-c", FROM_ZIP + "import lambda_handler"], folder / "plain"),
    }


if __name__ == "__main__":
    main()
