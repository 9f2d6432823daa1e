"""Tables of the report, once as data, then as HTML, Markdown, LaTeX (booktabs) and CSV."""

import html
import re
from base64 import b64encode
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from stages.core.runtime.files import csv_text

LONG = 40  # letters of a cell that is broken into lines
_TEXT = ' class="text"'
_TEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "−": "$-$",
    "–": "--",
    "×": r"$\times$",
    "†": r"$^\dagger$",
    "⁹": "$^9$",
    "<": "$<$",
    ">": "$>$",
    **{mark: "\\" + mark for mark in "%&_#${}"},
}


@dataclass(frozen=True)
class Cell:
    """A cell; ``strong`` marks the best of its kind."""

    text: str
    strong: bool = False


Row = Sequence[Cell | str]
"""Cells; text stands for a plain cell, and a row of a single cell is a heading of the rows below it."""


@dataclass(frozen=True)
class Table:
    """A table with a caption that says what to see and what the words mean.

    Attributes:
        name: a word for links and labels.
        caption: what the table shows.
        notes: what its words and marks mean, below the table.
        header: names of the columns.
        rows: see :data:`Row`.
        wide: names of columns that LaTeX leaves out, so that the table fits a column of text.
        number: its position among the tables; LaTeX counts by itself.
    """

    name: str
    caption: str
    header: Sequence[str]
    rows: Sequence[Row]
    notes: str = ""
    wide: Sequence[str] = ()
    number: int = 1

    def html(self) -> str:
        """The table as HTML; the first column holds the headers of the rows."""
        cells = [list(map(_cell, row)) for row in self.rows]
        long = {index for row in cells for index, cell in enumerate(row) if index and len(cell.text) > LONG}
        head = "".join(
            f'<th scope="col"{_TEXT if index in long else ""}>{html.escape(name)}</th>'
            for index, name in enumerate(self.header)
        )
        body = "\n".join(self._html_row(row, long) for row in cells)
        caption = html.escape(f"Table {self.number}. {self.caption}")
        kind = "wide many" if len(self.header) > 5 else "wide"
        links = f"{download(self.name, 'csv', self.csv())} {download(self.name, 'tex', self.latex())}"
        return (
            f'<p class="caption" id="{self.name}-caption">{caption} {links}</p>\n'
            f'<div class="{kind}" role="region" aria-labelledby="{self.name}-caption" tabindex="0">'
            f'<table id="{self.name}" aria-labelledby="{self.name}-caption">\n'
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
            + (f'\n<p class="notes">{html.escape(self.notes)}</p>' if self.notes else "")
        )

    def markdown(self) -> str:
        """The table as GitHub's Markdown."""
        rows = [[f"**{c.text}**" if c.strong else c.text for c in map(_cell, row)] for row in self.rows]
        filled = [[f"*{row[0]}*", *[""] * (len(self.header) - 1)] if len(row) == 1 else row for row in rows]
        lines = [self.header, [":---", *["---:"] * (len(self.header) - 1)], *filled]
        table = "\n".join(
            "| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines
        )
        notes = f"\n{self.notes}\n" if self.notes else ""
        return f"**Table {self.number}. {self.caption}**\n\n{table}\n{notes}"

    def latex(self) -> str:
        """The table as LaTeX that fits a column of text; the document needs the package booktabs."""
        kept = [index for index, name in enumerate(self.header) if name not in self.wide]
        lines = []
        for row in self.rows:
            cells = [rf"\textbf{{{_tex(c.text)}}}" if c.strong else _tex(c.text) for c in map(_cell, row)]
            if len(row) == 1:
                lines.append(rf"\multicolumn{{{len(kept)}}}{{l}}{{\emph{{{cells[0]}}}}} \\")
            else:
                lines.append(" & ".join(cells[index] for index in kept) + r" \\")
        return "\n".join(
            [
                r"\begin{table}",
                r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
                rf"\caption{{{_tex(f'{self.caption} {self.notes}'.strip())}}}\label{{tab:{self.name}}}",
                rf"\begin{{tabular}}{{l{'r' * (len(kept) - 1)}}}",
                r"\toprule",
                " & ".join(_tex(self.header[index]) for index in kept) + r" \\",
                r"\midrule",
                *lines,
                r"\bottomrule",
                r"\end{tabular}",
                r"\end{table}",
                "",
            ]
        )

    def csv(self) -> str:
        """The table as CSV; a heading is repeated in a column of its own before its rows."""
        if not any(len(row) == 1 for row in self.rows):
            return csv_text(self.header, [[cell.text for cell in map(_cell, row)] for row in self.rows])
        heading, rows = "", []
        for row in self.rows:
            texts = [cell.text for cell in map(_cell, row)]
            if len(row) == 1:
                (heading,) = texts
            else:
                rows.append([heading, *texts])
        return csv_text(["", *self.header], rows)

    def _html_row(self, row: Sequence[Cell], long: Collection[int]) -> str:
        """A row; cells of the ``long`` columns are broken into lines, and numbers are copied by a click."""
        first, *others = row
        if not others:
            text = f"<span>{html.escape(first.text)}</span>"
            return f'<tr class="heading"><th colspan="{len(self.header)}" scope="rowgroup">{text}</th></tr>'
        cells = "".join(
            f"<td{_TEXT if index in long else _number(cell.text)}>{_html_text(cell)}</td>"
            for index, cell in enumerate(others, 1)
        )
        return f'<tr><th scope="row">{_html_text(first)}</th>{cells}</tr>'


def download(name: str, kind: str, text: str) -> str:
    """A link that saves a text as a file; the text lies within the link."""
    data = b64encode(text.encode()).decode("ascii")
    label = {"csv": "CSV", "tex": "LaTeX"}[kind]
    return (
        f'<a class="download" download="{html.escape(name, quote=True)}.{kind}" '
        f'href="data:text/plain;base64,{data}">{label}</a>'
    )


def _cell(cell: Cell | str) -> Cell:
    return cell if isinstance(cell, Cell) else Cell(cell)


def _number(text: str) -> str:
    """The class of a number's cell."""
    return ' class="number"' if re.match(r"[<+−]?\d", text) else ""


def _html_text(cell: Cell) -> str:
    text = html.escape(cell.text)
    return f"<strong>{text}</strong>" if cell.strong else text


def _tex(text: str) -> str:
    r"""Text with LaTeX's special characters escaped.

    >>> print(_tex("95 % of A_B ± 0.1"))
    95 \% of A\_B $\pm$ 0.1
    """
    return "".join(_TEX.get(mark, mark) for mark in text)
