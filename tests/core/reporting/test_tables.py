from html.parser import HTMLParser

from stages.core.reporting.tables import Cell, Table

TABLE = Table(
    "scores",
    "Scores & more: 95 % <sure>.",
    ["", "CCC, test", "a|b"],
    [["run_1", Cell("0.5 ± 0.1", strong=True), "−0.1"], [" below", "x^2", "–"]],
    number=3,
)


class Cells(HTMLParser):
    """Collects tags and text."""

    def __init__(self):
        super().__init__()
        self.tags, self.texts = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)


def test_html_escapes_and_marks_headers_the_best_and_rows_below():
    parser = Cells()
    parser.feed(TABLE.html())
    assert "Table 3. Scores & more: 95 % <sure>." in parser.texts
    assert [attrs["scope"] for tag, attrs in parser.tags if tag == "th"] == ["col"] * 3 + ["row"] * 2
    assert [attrs.get("class") for tag, attrs in parser.tags if tag == "tr"] == [None, None, "below"]
    assert "<strong>0.5 ± 0.1</strong>" in TABLE.html()
    ids = {attrs["id"] for _, attrs in parser.tags if "id" in attrs}
    assert {attrs["aria-labelledby"] for _, attrs in parser.tags if "aria-labelledby" in attrs} <= ids


def test_markdown_keeps_bars_out_of_cells():
    lines = TABLE.markdown().splitlines()
    assert lines[0] == "**Table 3. Scores & more: 95 % <sure>.**"
    assert lines[2:] == [
        r"|  | CCC, test | a\|b |",
        "| :--- | ---: | ---: |",
        "| run_1 | **0.5 ± 0.1** | −0.1 |",
        "| below | x^2 | – |",
    ]


def test_latex_is_booktabs_with_special_characters_escaped():
    text = TABLE.latex()
    assert r"\caption{Scores \& more: 95 \% <sure>.}\label{tab:scores}" in text
    assert r"run\_1 & \textbf{0.5 $\pm$ 0.1} & $-$0.1 \\" in text
    assert r"\quad below & x\textasciicircum{}2 & -- \\" in text
    assert text.count(r"\toprule") == text.count(r"\midrule") == text.count(r"\bottomrule") == 1
