import re
from base64 import b64decode
from html.parser import HTMLParser

from stages.core.reporting.tables import Cell, Table

TABLE = Table(
    "scores",
    "Scores & more: 95 % <sure>.",
    ["", "CCC, test", "a|b", "wide"],
    [["Group"], ["run_1", Cell("0.5 ± 0.1", strong=True), "−0.1", "1"], ["other", "x^2", "–", "2"]],
    notes="a < b",
    wide=["wide"],
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


def test_html_escapes_and_marks_headers_the_best_and_headings():
    parser = Cells()
    parser.feed(TABLE.html())
    assert "Table 3. Scores & more: 95 % <sure>. " in parser.texts and "a < b" in parser.texts
    assert [attrs["scope"] for tag, attrs in parser.tags if tag == "th"] == [
        *["col"] * 4,
        "rowgroup",
        *["row"] * 2,
    ]
    assert [attrs.get("class") for tag, attrs in parser.tags if tag == "tr"] == [None, "heading", None, None]
    assert "<strong>0.5 ± 0.1</strong>" in TABLE.html()
    ids = {attrs["id"] for _, attrs in parser.tags if "id" in attrs}
    assert {attrs["aria-labelledby"] for _, attrs in parser.tags if "aria-labelledby" in attrs} <= ids


def test_markdown_keeps_bars_out_of_cells():
    lines = TABLE.markdown().splitlines()
    assert lines[0] == "**Table 3. Scores & more: 95 % <sure>.**"
    assert lines[2:] == [
        r"|  | CCC, test | a\|b | wide |",
        "| :--- | ---: | ---: | ---: |",
        "| *Group* |  |  |  |",
        "| run_1 | **0.5 ± 0.1** | −0.1 | 1 |",
        "| other | x^2 | – | 2 |",
        "",
        "a < b",
    ]


def test_latex_is_booktabs_with_special_characters_escaped():
    text = TABLE.latex()
    assert r"\caption{Scores \& more: 95 \% $<$sure$>$. a $<$ b}\label{tab:scores}" in text
    assert r"\begin{tabular}{lrr}" in text and "wide" not in text
    assert r"\multicolumn{3}{l}{\emph{Group}} \\" in text
    assert r"run\_1 & \textbf{0.5 $\pm$ 0.1} & $-$0.1 \\" in text
    assert r"other & x\textasciicircum{}2 & -- \\" in text
    assert text.count(r"\toprule") == text.count(r"\midrule") == text.count(r"\bottomrule") == 1


def test_csv_holds_every_column_and_the_heading_of_each_row():
    assert TABLE.csv().splitlines() == [
        ',,"CCC, test",a|b,wide',
        "Group,run_1,0.5 ± 0.1,−0.1,1",
        "Group,other,x^2,–,2",
    ]
    link = re.search(r'download="scores.csv" href="data:text/plain;base64,([^"]*)"', TABLE.html())
    assert b64decode(link[1]).decode() == TABLE.csv()


def test_numbers_can_be_copied_and_long_text_is_broken():
    words = "a cell with more than forty letters in it"
    rows = [
        ["1", "0.5", "−0.1 [x]", "<0.001", "+3", "–", words[:-1]],
        ["2", "n 1", "7 %", "5", "(1)", "−", words],
    ]
    table = Table("t", "c", ["r", *"abcdef"], rows)
    text = table.html()
    assert len(words) == 41 and 'class="wide many"' in text
    cells = re.findall(r"<td( class=\"\w+\")?>([^<]*)</td>", text)
    assert [re.sub(r"\W|class", "", kind) for kind, _ in cells] == [
        *("number", "number", "number", "number", "", "text"),
        *("", "number", "number", "", "", "text"),
    ]
    heads = re.findall(r'<th scope="col"( class="text")?>(\w)</th>', text)
    assert [name for kind, name in heads if kind] == ["f"]
    five = Table("t", "c", list("abcde"), [["1"] * 5])
    assert 'class="wide"' in five.html() and '<p class="notes">' not in five.html()
    assert "number" not in five.html().split("<tbody>")[1].split("</th>")[0]


def test_a_table_without_headings_is_plain_csv_and_text_is_escaped_everywhere():
    table = Table("t", "a|b", ["x", "y|z"], [[Cell("p_q", strong=True), "~1 < 2 & {3} $4 #5 10⁹ × †"]])
    assert table.csv() == "x,y|z\np_q,~1 < 2 & {3} $4 #5 10⁹ × †\n"
    assert r"| **p_q** | ~1 < 2" in table.markdown() and r"| x | y\|z |" in table.markdown()
    assert table.markdown().endswith("|\n")
    expected = r"\textbf{p\_q} & \textasciitilde{}1 $<$ 2 \& \{3\} \$4 \#5 10$^9$ $\times$ $^\dagger$ \\"
    assert expected in table.latex()
    assert "<td>~1 &lt; 2 &amp; {3} $4 #5 10⁹ × †</td>" in table.html()
    assert '<th scope="row"><strong>p_q</strong></th>' in table.html()
