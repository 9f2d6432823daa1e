"""The report as one HTML page that opens from disk and loads nothing."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

_STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1b1f24; --soft: #57606a; --paper: #fdfdfc; --line: #d8dee4; --card: #ffffff; --mark: #0b5cad;
  --shade: rgba(0, 0, 0, .25);
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e9ec; --soft: #9ba4ae; --paper: #14181d; --line: #333b44; --card: #f4f4f1; --mark: #7cb8f5;
    --shade: rgba(255, 255, 255, .3);
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 66rem; padding: 1.2rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
}
h1 { font-size: 1.7rem; line-height: 1.2; margin: .6rem 0 1rem; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .6rem; padding-top: .8rem; border-top: 1px solid var(--line); }
p { margin: .6rem 0; max-width: 46rem; }
.lead { color: var(--soft); }
.notice { border-left: 4px solid #d55e00; padding: .5rem .8rem; background: rgba(213, 94, 0, .1); }
nav { font-size: .9rem; color: var(--soft); margin: 1rem 0; }
a { color: var(--mark); }
.wide { overflow-x: auto; margin: .4rem 0 1.4rem; }
table { border-collapse: collapse; font-size: .82rem; font-variant-numeric: tabular-nums; min-width: 100%; }
.caption { color: var(--soft); margin-top: 1.4rem; font-size: .9rem; }
th, td { padding: .22rem .5rem; text-align: right; white-space: nowrap; font-weight: 400; }
th:first-child { text-align: left; }
thead th {
  border-top: 2px solid var(--ink); border-bottom: 1px solid var(--ink); vertical-align: bottom;
  white-space: normal; font-weight: 600;
}
tbody tr + tr > * { border-top: 1px solid var(--line); }
tbody tr:last-child > * { border-bottom: 2px solid var(--ink); }
th.text, td.text { white-space: normal; text-align: left; min-width: 16rem; }
.notes { font-size: .82rem; color: var(--soft); margin-top: -.9rem; }
.heading th { font-style: italic; padding-top: .6rem; }
.heading span { position: sticky; left: .5rem; }
.download { font-size: .8rem; margin-left: .2rem; white-space: nowrap; }
@media (max-width: 48rem) {
  .wide {
    background:
      linear-gradient(to right, var(--paper) 40%, transparent) left / 2rem 100% no-repeat local,
      linear-gradient(to left, var(--paper) 40%, transparent) right / 2rem 100% no-repeat local,
      linear-gradient(to left, var(--shade), transparent) right / 1rem 100% no-repeat;
    scrollbar-width: thin;
  }
  .many::before { content: "scroll →"; position: sticky; left: 0; font-size: .75rem; color: var(--soft); }
  tbody tr:not(.heading) > th, thead th:first-child {
    position: sticky; left: 0; background: var(--paper); min-width: 6.5rem; max-width: 9rem;
    white-space: normal; overflow-wrap: break-word; box-shadow: 1px 0 0 var(--line);
  }
}
details { margin-top: .6rem; }
pre { overflow-x: auto; }
figure {
  margin: 1.4rem 0; padding: .8rem; border: 1px solid var(--line); border-radius: 6px;
  background: var(--card); color: #1b1f24;
}
figure .plot { overflow-x: auto; }
figure svg { display: block; margin: auto; max-width: 100%; height: auto; }
figcaption { font-size: .9rem; color: #4a535d; margin-top: .6rem; }
td.number { cursor: copy; }
td.number:hover { text-decoration: underline dotted; }
#copied {
  position: fixed; bottom: 1rem; left: 50%; transform: translateX(-50%); padding: .3rem .8rem;
  border-radius: 6px; background: var(--ink); color: var(--paper); font-size: .85rem;
}
#copied:empty { display: none; }
footer { margin-top: 3rem; color: var(--soft); font-size: .85rem; }
"""

_COPY = """
const copied = document.getElementById("copied");
let timer;
document.addEventListener("click", async event => {
  const cell = event.target.closest("td.number");
  if (!cell || !getSelection().isCollapsed) return;  // a selection is copied by the browser
  await navigator.clipboard.writeText(cell.textContent);
  copied.textContent = `copied ${cell.textContent}`;
  clearTimeout(timer);
  timer = setTimeout(() => { copied.textContent = ""; }, 1500);
});
"""


@dataclass(frozen=True)
class Section:
    """A heading with blocks of HTML below it."""

    title: str
    blocks: Sequence[str]


def paragraph(text: str, kind: str = "") -> str:
    """Text as a paragraph; ``kind`` is lead or notice."""
    return f'<p class="{kind}">{html.escape(text)}</p>' if kind else f"<p>{html.escape(text)}</p>"


def link(target: str, text: str) -> str:
    """A paragraph that leads to another page."""
    return f'<p><a href="{html.escape(target, quote=True)}">{html.escape(text)}</a></p>'


def figure(svg: str, caption: str, alternative: str, link: str = "") -> str:
    """An SVG with a caption for those who see it, a text for those who do not, and a link to its numbers.

    A narrow screen shrinks it to 32 rem and scrolls the rest; no screen enlarges it, so that the type of all
    figures has one size.
    """
    label = html.escape(alternative, quote=True)
    width = re.search(r'width="([\d.]+pt)"', svg)
    least = f' style="min-width: min(32rem, {width[1]})"' if width else ""
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{label}"{least} ', 1)
    text = f"{html.escape(caption)} {link}".strip()
    return f'<figure><div class="plot" tabindex="0">{svg}</div><figcaption>{text}</figcaption></figure>'


def folded(title: str, text: str) -> str:
    """Text that a click on its title shows, as it is."""
    return f"<details><summary>{html.escape(title)}</summary><pre>{html.escape(text)}</pre></details>"


def page(title: str, opening: Sequence[str], sections: Sequence[Section], closing: Sequence[str]) -> str:
    """The whole page; ``opening`` and ``closing`` are blocks of HTML."""
    links = " · ".join(
        f'<a href="#s{n}">{html.escape(section.title)}</a>' for n, section in enumerate(sections)
    )
    body = "\n".join(
        f'<h2 id="s{n}">{html.escape(section.title)}</h2>\n' + "\n".join(section.blocks)
        for n, section in enumerate(sections)
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{html.escape(title)}</h1>
{chr(10).join(opening)}
<nav>{links}<br>Click a number to copy it.</nav>
{body}
<footer>{chr(10).join(closing)}</footer>
<div id="copied" role="status"></div>
<script>{_COPY}</script>
</body>
</html>
"""
