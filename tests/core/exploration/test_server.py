import http.client
import socket
from collections.abc import Iterator
from threading import Thread

import pytest

from stages.core.exploration.answers import Answer
from stages.core.exploration.server import server_of

ANSWERS = {"": Answer("text/html", b"page"), "sound/1": Answer("audio/flac", b"fLaC")}
ANSWERS["run/a run/ü"] = Answer("application/json", b"run")


@pytest.fixture
def port() -> Iterator[int]:
    server = server_of(ANSWERS.get, 0, "secret")
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def ask(port: int, path: str, method: str = "GET", host: str | None = None) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    return answer


def test_what_it_has_it_gives(port: int) -> None:
    answer = ask(port, "/secret/sound/1")
    assert (answer.status, answer.read()) == (200, b"fLaC")
    assert answer.headers["Content-Type"] == "audio/flac"
    told = {name: value for name, value in answer.headers.items() if name not in ("Server", "Date")}
    assert told == {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "frame-ancestors 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Content-Type": "audio/flac",
        "Content-Length": "4",
    }
    assert ask(port, "/secret/run/a%20run%2F%C3%BC").read() == b"run"
    nothing = ask(port, "/secret/run/other")
    assert (nothing.status, nothing.headers["Content-Type"], nothing.read()) == (
        404,
        "text/plain",
        b"Not Found\n",
    )
    assert ask(port, "/secret/").read() == b"page"
    assert ask(port, "/secret/", host=f"localhost:{port}").status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/sound/1",
        "/wrong/sound/1",
        "/secre/sound/1",
        "/secret/sound/2",
        "/secret/../../etc/passwd",
        "/secret/%2e%2e/%2e%2e/etc/passwd",
        "/secret//etc/passwd",
        "/%ff/sound/1",
    ],
)
def test_nothing_else(path: str, port: int) -> None:
    assert ask(port, path).status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_it_only_reads(method: str, port: int) -> None:
    assert ask(port, "/secret/", method).status == 501


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1", "evil.example.org:80"])
def test_a_page_on_the_web_whose_name_leads_here_gets_nothing(host: str, port: int) -> None:
    assert ask(port, "/secret/sound/1", host=host).status == 403


def test_it_listens_on_this_machine_alone(port: int) -> None:
    with socket.socket() as other, pytest.raises(ConnectionRefusedError):
        other.connect(("127.0.0.2", port))


def test_a_taken_port_is_an_error(port: int) -> None:
    with pytest.raises(OSError, match="in use"):
        server_of(ANSWERS.get, port, "secret")
