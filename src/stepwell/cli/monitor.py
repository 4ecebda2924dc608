"""Open the monitor in the browser: all runs, and of each the graph, timeline, chunks, events, logs and what failed.

It reads the journal of this folder and needs no `serve`. It listens on loopback alone; buttons work in the browser that
was opened, others may look. Ctrl-C ends it and nothing else: runs that a button has resumed go on.

examples:
  stepwell monitor
  stepwell monitor --no-browser --port 8500
"""

import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from stepwell.errors import ConfigurationError, UsageError

PORT = 8084
HOST = "127.0.0.1"


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--port", type=int, default=None, metavar="PORT", help=f"of {HOST} (default: {PORT}, or a free one)"
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the address")


def main(options: Namespace) -> int:
    from stepwell.cli.watching import local_source

    with local_source() as source:
        return _serve(source, options)


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
    _tell(f"http://{HOST}:{port}/#token={token}", options.no_browser)
    uvicorn.Server(config).run(sockets=[listener])
    return 0


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
