"""What a Lambda function waits for at its first event: importing the handler with the example's pipeline.

Beside it a bare handler that imports psycopg, as any function must that talks to PostgreSQL.
"""

import sys
from pathlib import Path

from benchmarks.common import Command, interleaved, options, ratio, report

EXAMPLE = Path(__file__).parents[1] / "examples" / "visits"
BARE = "import psycopg\ndef handler(event, context): return {}"
OURS = """
import psycopg
from stepwell.handler import _pipeline, handler
for action in _pipeline().actions[1:]:
    _pipeline().action(action)
from stepwell.etl import fence, load, run
"""


def main() -> None:
    chosen = options(__doc__ or "", runs=15).parse_args()
    root = {"LAMBDA_TASK_ROOT": str(EXAMPLE)}
    commands = {
        "python -c pass": Command([sys.executable, "-c", "pass"], EXAMPLE),
        "bare handler that imports psycopg": Command([sys.executable, "-c", BARE], EXAMPLE),
        "stepwell.handler with the example": Command([sys.executable, "-c", OURS], EXAMPLE, root),
        "stepwell.handler, no database": Command([sys.executable, "-c", "import stepwell.handler"], EXAMPLE),
    }
    rows = interleaved(commands, chosen.runs)
    bare, ours = "bare handler that imports psycopg", "stepwell.handler with the example"
    ratios = {
        "with the example / bare": ratio(rows, ours, bare),
        "milliseconds over bare": (rows[ours].median - rows[bare].median) * 1000,
        "no database / python -c pass": ratio(rows, "stepwell.handler, no database", "python -c pass"),
    }
    report("Cold start of the handler", rows, ratios, chosen)


if __name__ == "__main__":
    main()
