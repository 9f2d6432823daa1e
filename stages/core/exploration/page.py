"""The page for listening: one HTML file with its style and program, which loads nothing from elsewhere."""

import base64
import json
from collections.abc import Callable, Iterable
from pathlib import Path

from stages.core.exploration.answers import JSON, Answer

_FOLDER = Path(__file__).parent
# Nothing but what the page itself brings; the server on the same address is the one exception.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
    "img-src data:; media-src blob:; base-uri 'none'; form-action 'none'"
)


def page(paths: Iterable[str] = (), answer: Callable[[str], Answer | None] = lambda _: None) -> str:
    """The page; with answers it opens from disk and needs no server.

    Args:
        paths: the answers to carry.
        answer: gives them.
    """
    carried = {path: _as_text(found) for path in paths if (found := answer(path)) is not None}
    parts = {name: (_FOLDER / f"page.{name}").read_text(encoding="utf-8") for name in ("css", "html", "js")}
    # "<" is written as an escape: no name of a clip or a speaker can close the script.
    data = json.dumps(carried or None).replace("<", "\\u003c")
    return (
        parts["html"]
        .replace("{{policy}}", _POLICY)
        .replace("{{style}}", parts["css"])
        .replace("{{program}}", parts["js"])
        .replace("{{carried}}", data)
    )


def _as_text(answer: Answer) -> str:
    return answer.content.decode() if answer.kind == JSON else base64.b64encode(answer.content).decode()
