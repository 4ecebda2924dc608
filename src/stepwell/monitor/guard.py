"""The closed door: who may ask, who may change something, and what a page may do in a browser.

A page of another site cannot read ours (no CORS), cannot pretend to be us (Host and Origin are checked, so that a name
that is made to point at this machine does not help), and cannot press a button (a token that only our address carries).
The token is handed to the browser behind the `#` of the address, which is never sent; it is kept by the page's own
origin, port included, unlike a cookie.
"""

from hmac import compare_digest
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN = "x-stepwell-token"  # noqa: S105
SAFE = ("GET", "HEAD")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_LARGEST = 10_000  # bytes of a request's body


class Guard:
    """Around the application. `hosts` are what the Host header may say."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str], token: str) -> None:
        self._app = app
        self._hosts = hosts
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = self._refusal(scope["method"], Headers(scope=scope))

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        if refused:
            status, text = refused
            await PlainTextResponse(text + "\n", status)(scope, receive, guarded)
        else:
            await self._app(scope, receive, guarded)

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        if headers.get("host", "") not in self._hosts:
            return 421, "This monitor answers only under the address that `stepwell monitor` has printed."
        origin = headers.get("origin")
        if origin is not None and not self._is_ours(origin):
            return 403, "Pages of other sites may not ask this monitor."
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and method not in SAFE:
            return 403, "Pages of other sites may not ask this monitor."
        if method in SAFE:
            return None
        if not compare_digest(headers.get(TOKEN, "").encode(), self._token.encode()):
            return 403, "Open the address that `stepwell monitor` has printed: it carries the token that this needs."
        if int(headers.get("content-length") or 0) > _LARGEST:
            return 413, "The request is too large."
        return None

    def _is_ours(self, origin: str) -> bool:
        parts = urlsplit(origin)
        return parts.scheme == "http" and parts.netloc in self._hosts
