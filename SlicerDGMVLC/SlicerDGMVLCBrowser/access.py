"""Who may talk to the server: whoever has this start's token, from this machine, at its address."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

HOST = "127.0.0.1"
SENTENCE = (
    "403: this address needs the token of the running viewer; "
    "open the whole address that `make view` printed."
)
# Nothing outside this server is asked for; templates are compiled in the page: unsafe-eval.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; "
    "script-src 'self' 'unsafe-eval' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws://{host}; "
    "frame-ancestors 'none'; form-action 'none'; base-uri 'self'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Access:
    """The token of one start of the viewer, and the check of every request against it.

    Args:
        port: port of the server. token: random when None.
    """

    def __init__(self, port: int, token: str | None = None) -> None:
        self.port = port
        self.token = token or secrets.token_urlsafe(24)
        self.cookie = f"dgmvlc-{port}"  # cookies are shared between the ports of a host

    @property
    def url(self) -> str:
        """The address to open."""
        return f"http://{HOST}:{self.port}/?token={self.token}"

    def protect(self, app: web.Application) -> None:
        """Put the check before every route of `app`, web socket included."""
        app.middlewares.insert(0, self._middleware())
        app.on_response_prepare.append(self._add_headers)

    def allows(self, host: str, origin: str | None, given: str | None) -> bool:
        """Whether a request with these headers and token is let in; a foreign host never is."""
        hosts = {f"{HOST}:{self.port}", f"localhost:{self.port}"}
        if host not in hosts or (
            origin is not None and origin not in {f"http://{name}" for name in hosts}
        ):
            return False
        return given is not None and hmac.compare_digest(given.encode(), self.token.encode())

    def _middleware(self) -> Any:
        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            inUrl = request.query.get("token")
            given = inUrl if inUrl is not None else request.cookies.get(self.cookie)
            if not self.allows(request.host, request.headers.get("Origin"), given):
                return web.Response(status=403, text=SENTENCE)
            try:
                response = await handler(request)
            except web.HTTPRedirection as redirection:
                redirection.set_cookie(
                    self.cookie, self.token, httponly=True, samesite="Strict", path="/"
                )
                raise
            if inUrl is not None and not response.prepared:
                response.set_cookie(
                    self.cookie, self.token, httponly=True, samesite="Strict", path="/"
                )
            return response

        return check

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        for name, value in HEADERS.items():
            response.headers[name] = value.format(host=request.host)
