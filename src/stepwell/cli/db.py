"""Start, stop, or open the embedded PostgreSQL of this project.

  start    start it (the first time: install it in .stepwell/postgres) and print its address
  stop     stop it and wait until it is gone; the data stays
  url      print its address; exit code 1 when it does not run
  shell    open psql on the pipeline's database: the one of DATABASE_URL if that is set, else the embedded one

examples:
  export DATABASE_URL=$(stepwell db url)
  stepwell db shell -- -c '\\dt *.*'
"""

import os
from argparse import REMAINDER, ArgumentParser, Namespace
from typing import NoReturn

from stepwell.errors import ConfigurationError

WORDS = ("start", "stop", "url", "shell")


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("what", choices=WORDS, metavar="|".join(WORDS), help="what to do")
    options = parser.add_argument(
        "options", metavar="OPTION", nargs=REMAINDER, help="after `shell --`: options of psql"
    )
    options.required = False  # else argparse says that it is


def main(options: Namespace) -> int:
    from stepwell import postgres
    from stepwell.cli.local import home

    if options.what == "start":
        print(postgres.start(home()))
    elif options.what == "stop":
        print("stopped" if postgres.stop(home()) else "it was not running")
    elif options.what == "url":
        return _print_url(postgres.url(home()))
    else:
        _shell([option for option in options.options if option != "--"])
    return 0


def _print_url(url: str | None) -> int:
    import sys

    if url is None:
        print("the embedded PostgreSQL is not running; `stepwell db start` starts it", file=sys.stderr)
        return 1
    print(url)
    return 0


def _shell(options: list[str]) -> NoReturn:
    """This process becomes psql. The password goes into its environment: arguments are for everyone to see."""
    from stepwell.cli.database import address
    from stepwell.cli.local import home

    url, password = _without_password(address(home()))
    environment = {**os.environ, "PGPASSWORD": password} if password else dict(os.environ)
    psql = _psql()
    os.execve(psql, [psql, url, *options], environment)  # noqa: S606


def _without_password(url: str) -> tuple[str, str | None]:
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    if not parts.password:
        return url, None
    who, _, where = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{who.partition(':')[0]}@{where}").geturl(), unquote(parts.password)


def _psql() -> str:
    """The one of the embedded PostgreSQL, which is never too old for its server; else the system's."""
    import shutil

    from stepwell import postgres
    from stepwell.errors import PostgresError

    try:
        own = postgres.binaries() / "psql"
        if own.exists():
            return str(own)
    except PostgresError:
        pass
    found = shutil.which("psql")
    if found is None:
        raise ConfigurationError("there is no psql here; install it (postgresql-client), or use `stepwell sql`")
    return found
