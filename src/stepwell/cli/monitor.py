"""Open the monitor in the browser: all runs, and of each the graph, timeline, chunks, events, logs and what failed.

It reads the journal of this folder and needs no `serve`; with `--on aws` it shows executions on AWS. It listens on
loopback alone; buttons work in the browser that was opened, others may look. Ctrl-C ends it and nothing else: runs that
a button has resumed go on.

examples:
  stepwell monitor
  stepwell monitor --no-browser --port 8500
  stepwell monitor --on aws                  the pipeline here on AWS; in a folder without one, all state machines
"""

import logging
import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from stepwell.cli import side
from stepwell.errors import ConfigurationError, UsageError

PORT = 8084
HOST = "127.0.0.1"


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--port", type=int, default=None, metavar="PORT", help=f"of {HOST} (default: {PORT}, or a free one)"
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    side.arguments(parser)


def main(options: Namespace) -> int:
    with source_of(options) as source:
        return _serve(source, options)


def source_of(options: Namespace) -> Any:
    """A context with the source that the options of `side` name."""
    if options.on == side.AWS:
        from stepwell.cli.watching_aws import aws_source

        return aws_source(options)
    from stepwell.cli.watching import local_source

    side.refuse_for_local(options)
    return local_source()


def _serve(source: Any, options: Namespace) -> int:
    from secrets import token_urlsafe

    uvicorn, application = _parts()
    listener = _listener(options.port)
    port = listener.getsockname()[1]
    token = token_urlsafe(24)
    hosts = frozenset({f"{HOST}:{port}", f"localhost:{port}"})
    config = uvicorn.Config(
        application(source, hosts, token), log_level="warning", access_log=False, lifespan="off",
        timeout_graceful_shutdown=1, server_header=False,
    )  # fmt: skip
    logging.getLogger("uvicorn.error").addFilter(_worth_telling)
    _tell(f"http://{HOST}:{port}/#token={token}", options.no_browser)
    uvicorn.Server(config).run(sockets=[listener])
    return 0


def _worth_telling(record: logging.LogRecord) -> bool:
    """Not that it ends while pages are open."""
    return "graceful shutdown exceeded" not in str(record.msg)


def _parts() -> tuple[Any, Any]:
    try:
        import uvicorn

        from stepwell.monitor.app import application
    except ImportError as error:
        raise ConfigurationError(f"the monitor needs {error.name}: pip install 'stepwell[monitor]'") from None
    return uvicorn, application


def _listener(port: int | None) -> Any:
    import socket

    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, PORT if port is None else port))
    except OverflowError:
        raise UsageError(f"--port {port}: a port is a number from 0 to 65535") from None
    except OSError as error:
        if port is not None:
            raise UsageError(f"--port {port}: {error.strerror}; --port 0 takes a free one") from None
        listener.bind((HOST, 0))
    listener.listen(128)  # before the address is told, so that whoever reads it finds somebody
    return listener


def _tell(address: str, quiet: bool) -> None:
    from stepwell.cli.terminal import Terminal

    terminal = Terminal(sys.stdout)
    terminal.line(f"{terminal.bold('Monitor')} at {terminal.cyan(address)}")
    terminal.line("Ctrl-C ends it.")
    if not quiet:
        import webbrowser

        webbrowser.open(address)
