"""Tables of the report, once as data, then as HTML, Markdown and LaTeX (booktabs)."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

_TEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "−": "$-$",
    "–": "--",
    "×": r"$\times$",
    **{mark: "\\" + mark for mark in "%&_#${}"},
}


@dataclass(frozen=True)
class Cell:
    """A cell; ``strong`` marks the best of its kind."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """A table with a caption that says what to see.

    Attributes:
        name: a word for links and labels.
        caption: one or two sentences.
        header: names of the columns.
        rows: cells; text stands for a plain cell. A row whose first cell begins with a blank goes with the
            row above it.
        number: its place among the tables; LaTeX counts by itself.
    """

    name: str
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell | str]]
    number: int = 1

    def html(self) -> str:
        """The table as HTML; the first column holds the headers of the rows."""
        head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in self.header)
        body = "\n".join(map(_html_row, self.rows))
        caption = html.escape(f"Table {self.number}. {self.caption}")
        return (
            f'<p class="caption" id="{self.name}-caption">{caption}</p>\n'
            f'<div class="wide" role="region" aria-labelledby="{self.name}-caption" tabindex="0">'
            f'<table id="{self.name}" aria-labelledby="{self.name}-caption">\n'
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
        )

    def markdown(self) -> str:
        """The table as GitHub's Markdown."""
        rows = [[f"**{c.text}**" if c.strong else c.text for c in map(_cell, row)] for row in self.rows]
        lines = [self.header, [":---", *["---:"] * (len(self.header) - 1)], *rows]
        table = "\n".join(
            "| " + " | ".join(cell.strip().replace("|", r"\|") for cell in line) + " |" for line in lines
        )
        return f"**Table {self.number}. {self.caption}**\n\n{table}\n"

    def latex(self) -> str:
        """The table as LaTeX; the document needs the package booktabs."""
        rows = [
            [rf"\textbf{{{_tex(c.text)}}}" if c.strong else _tex(c.text) for c in map(_cell, row)]
            for row in self.rows
        ]
        return "\n".join(
            [
                r"\begin{table}",
                r"\centering",
                rf"\caption{{{_tex(self.caption)}}}\label{{tab:{self.name}}}",
                rf"\begin{{tabular}}{{l{'r' * (len(self.header) - 1)}}}",
                r"\toprule",
                " & ".join(map(_tex, self.header)) + r" \\",
                r"\midrule",
                *(" & ".join(row) + r" \\" for row in rows),
                r"\bottomrule",
                r"\end{tabular}",
                r"\end{table}",
                "",
            ]
        )


def _cell(cell: Cell | str) -> Cell:
    return cell if isinstance(cell, Cell) else Cell(cell)


def _html_row(row: Sequence[Cell | str]) -> str:
    first, *others = map(_cell, row)
    kind = ' class="below"' if first.text.startswith(" ") else ""
    return (
        f'<tr{kind}><th scope="row">{_html_text(first)}</th>'
        + "".join(f"<td>{_html_text(cell)}</td>" for cell in others)
        + "</tr>"
    )


def _html_text(cell: Cell) -> str:
    text = html.escape(cell.text.strip())
    return f"<strong>{text}</strong>" if cell.strong else text


def _tex(text: str) -> str:
    r"""Text with LaTeX's special characters escaped; a leading blank becomes an indent.

    >>> print(_tex(" 95 % of A_B ± 0.1"))
    \quad 95 \% of A\_B $\pm$ 0.1
    """
    escaped = "".join(_TEX.get(mark, mark) for mark in text.strip())
    return rf"\quad {escaped}" if text.startswith(" ") else escaped
