"""A server for one person on this machine: it answers on 127.0.0.1 alone, and to those who know the address.

Every path of the address begins with a secret, since other users of the machine reach 127.0.0.1 too, and the
name in the request must be this machine's, since a page on the web may have a name that leads here.
"""

import hmac
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from stages.core.exploration.answers import Answer

HOST = "127.0.0.1"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def server_of(answer: Callable[[str], Answer | None], port: int, secret: str) -> ThreadingHTTPServer:
    """A server, not yet running, whose ``http://127.0.0.1:PORT/SECRET/PATH`` gives ``answer(PATH)``.

    Args:
        answer: None for a path that there is not.
        port: 0 for any that is free.
        secret: letters and digits.

    Raises:
        OSError: if the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def do_GET(self) -> None:
            name, _, path = unquote(self.path).removeprefix("/").partition("/")
            if self.headers.get("Host") not in names:
                self._send(HTTPStatus.FORBIDDEN)
            elif hmac.compare_digest(name.encode(), secret.encode()) and (found := answer(path)) is not None:
                self._send(HTTPStatus.OK, found)
            else:
                self._send(HTTPStatus.NOT_FOUND)

        def _send(self, status: HTTPStatus, found: Answer | None = None) -> None:
            content = found.content if found else f"{status.phrase}\n".encode()
            self.send_response(status)
            for name, value in _HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Type", found.kind if found else "text/plain")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing: the address holds the secret."""

    server = ThreadingHTTPServer((HOST, port), Handler)
    names = {f"{host}:{server.server_port}" for host in (HOST, "localhost")}
    return server
