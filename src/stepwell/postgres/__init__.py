"""The embedded PostgreSQL of a project: installed, started, found and stopped, one server for everyone who asks.

Everything lives in `.stepwell/postgres/`, which only its owner may enter: `data`, `password`, `port`, `log` and two
locks. `start.lock` is held by whoever starts or stops the server. `server.lock` is held by the server: every process of
PostgreSQL inherits it, so that it is free exactly when the last of them is gone, however they died. That says more than
a process id, which another process may have been given since.

PostgreSQL refuses to be root. For root it runs in a user namespace, where the same files belong to an ordinary user;
where that is refused, as `nobody`, from a folder of its own. No permission is ever widened, no user is added.
"""

from stepwell.postgres.cluster import binaries
from stepwell.postgres.server import start, stop, url

__all__ = ["binaries", "start", "stop", "url"]
