import re
import shutil
import time
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
import yaml

from stages import report, split, summarize
from stages.core.runtime.errors import UserError
from stages.core.runtime.files import read_json, write_json, write_text
from tests.helpers.tiny_project import build, run_stage

RUNS = {
    "egemaps-stl": {"features": "egemaps", "model": "stl"},
    "egemaps-mtl2": {"features": "egemaps", "model": "mtl2"},
    "egemaps-own": {"features": "egemaps", "model": "own"},
}


@pytest.fixture(scope="module")
def summarized(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    own = {"joint": False, "trunk": [16], "train": {"optimizer": "adamw", "weight_decay": 0.01}}
    build(folder, list(RUNS), models={"own": own}, runs=RUNS)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        clips = {"listed": 122, "used": 121, "quarantined": 1}
        write_json(Path("metrics/corpus.json"), {"name": "tiny <voices>", "synthetic": True, "clips": clips})
        run_stage(split, monkeypatch)
        for run in RUNS:  # the split stage has dealt the speakers anew
            for module in ("train", "evaluate"):
                run_stage(__import__(f"stages.{module}", fromlist=["main"]), monkeypatch, run)
        run_stage(summarize, monkeypatch)
        header = "clip_id,stage,reason,detail\n"
        write_text(Path("data/quarantine/preprocess.csv"), header + '00777,preprocess,silent,"S7, quiet"\n')
        write_text(Path("data/quarantine/features-egemaps.csv"), header)
        run_stage(report, monkeypatch)
    return folder


@pytest.fixture
def reported(summarized, tmp_path, monkeypatch):
    shutil.copytree(summarized, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return Path("plots/report.html").read_text()


class Page(HTMLParser):
    """What a browser would load, and what has which text."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def test_the_page_loads_nothing(reported):
    page = Page(reported)
    assert not [tag for tag, _ in page.elements if tag in {"link", "img", "iframe", "object", "embed"}]
    assert page.of("script") == [{}]  # its own lines, from nowhere else
    references = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in {"src", "href", "xlink:href", "data", "srcset"}
    ]
    saved = [link["href"] for link in page.of("a") if "download" in link]
    assert saved and all(value.startswith("data:text/plain;base64,") for value in saved)
    assert set(references) > set(saved)
    assert all(value.startswith("#") for value in set(references) - set(saved))
    assert "@import" not in reported
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", reported))


@pytest.mark.usefixtures("reported")
def test_a_click_copies_a_number(browser):
    address = Path("plots/report.html").resolve().as_uri()
    browser.execute_cdp_cmd(
        "Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    )
    browser.get_log("browser")  # of tests before
    browser.get(address)
    cell = browser.find_element("css selector", "td.number")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", cell)
    cell.click()
    end = time.monotonic() + 10
    while not (said := browser.find_element("id", "copied").text):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert said == f"copied {cell.text}"
    read = "navigator.clipboard.readText().then(arguments[0], error => arguments[0](String(error)))"
    assert browser.execute_async_script(read) == cell.text
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def test_every_figure_has_a_text_and_every_table_a_caption(reported):
    page = Page(reported)
    figures, tables = page.of("svg"), page.of("table")
    assert len(figures) >= 8 and len(figures) == len(page.of("figure")) == len(page.of("figcaption"))
    assert all(figure["role"] == "img" and len(figure["aria-label"]) > 20 for figure in figures)
    captions = {attributes.get("id") for attributes in page.of("p")}
    assert len(tables) >= 10 and all(table["aria-labelledby"] in captions for table in tables)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    links = [link["href"].removeprefix("#") for link in page.of("a") if "download" not in link]
    assert links and set(links) <= set(ids)


def test_ids_of_one_figure_are_not_used_by_another(reported):
    own = re.findall(r'id="([^"]+)"', reported)
    pairs = [(re.findall(r'id="([^"]+)"', svg), set(re.findall(r"#([\w-]+)", svg))) for svg in svgs(reported)]
    for ids, used in pairs:
        for name in used & set(own):
            assert name in ids
            shapes = {shape_of(text, name) for text in svgs(reported) if f'id="{name}"' in text}
            assert len(shapes) == 1, f"{name} means different things in two figures"


def svgs(text):
    return re.findall(r"<svg.*?</svg>", text, re.DOTALL)


def shape_of(text, name):
    return re.sub(r"\s+", " ", re.search(rf'id="{name}"[^>]*>', text)[0])


def test_synthetic_scores_are_called_synthetic_and_nobody_is_named(reported):
    assert "Test has only 8 speakers." in reported
    assert "age makes up" in reported
    assert "This corpus is synthetic" in reported and "tiny &lt;voices&gt;" in reported
    assert not re.search(r"\bS\d\d\b", reported) and "00777" not in reported


def test_quarantine_is_gathered_and_counted(reported):
    text = Path("data/quarantine.csv").read_text()
    assert text == 'clip_id,stage,reason,detail\n00777,preprocess,silent,"S7, quiet"\n'
    assert '<th scope="row">preprocess</th><td>silent</td><td class="number">1</td>' in reported


def test_the_quarantines_of_all_stages_are_one_sorted_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    header = "clip_id,stage,reason,detail\n"
    silent = '9,preprocess,silent,"S7, quiet"\n'
    write_text(Path("data/quarantine/a.csv"), header + silent + "2,preprocess,empty,\n")
    write_text(Path("data/quarantine/b.csv"), header + "5,features,too short,ü\n")
    write_text(Path("data/quarantine/c.csv"), header)
    write_text(Path("data/quarantine/notes.txt"), "no table")
    assert report.gather_quarantine() == [
        ("preprocess", "silent"),
        ("preprocess", "empty"),
        ("features", "too short"),
    ]
    assert Path("data/quarantine.csv").read_text(encoding="utf-8") == (
        header + "2,preprocess,empty,\n5,features,too short,ü\n" + silent
    )


def test_the_parameters_that_decide_results_are_shown(project):
    content = yaml.safe_load((project / "params.yaml").read_text())
    shown = yaml.safe_load(report.parameters_text())
    assert list(shown) == ["tasks", "train", "recipes", "models", "runs", "evaluate"]
    assert shown == {name: content[name] for name in shown}
    assert list(shown["runs"]) == list(content["runs"])
    (project / "params.yaml").write_text("evaluate: {seed: 1}\nsplit: {seed: 2}\ntasks: {ä: 1}\n")
    assert report.parameters_text() == "tasks:\n  ä: 1\nevaluate:\n  seed: 1\n"


def test_tables_and_pictures_lie_beside_the_page(reported):
    markdown, latex = (Path(f"plots/tables.{kind}").read_text() for kind in ("md", "tex"))
    assert markdown.count("\n**Table") + 1 == latex.count(r"\begin{table}") == reported.count("<table")
    for run in RUNS:
        assert run in markdown and run in latex and run in reported
    assert {
        "multi-task.png",
        "training.png",
        "map-emotion.png",
        "confusion-country.png",
        "curves.png",
        "cost.png",
    } <= {path.name for path in Path("plots/figures").iterdir()}


def test_runs_keep_the_order_of_params_yaml_and_sit_in_their_tables(reported):
    tables = [
        f'<table id="{name}"' for name in ("headline", "scores-emotion", "scores-country", "scores-age")
    ]
    order = [reported.index(table) for table in tables]
    assert order == sorted(order)
    rows = re.findall(r'scope="row(?:group)?">(?:<span>)?([^<]*)<', reported[order[1] : order[2]])
    assert rows == [
        "Single-task networks",
        "egemaps-stl",
        "Multi-task networks",
        "egemaps-mtl2",
        "Other training options",
        "egemaps-own",
        "naive predictor",
    ]


def test_numbers_for_dvc_plots_are_those_of_test(reported):
    assert reported
    details = read_json(Path("metrics/details.json"))["runs"]
    scores = pd.read_csv("plots/scores.csv")
    assert len(scores) == 9
    for row in scores.itertuples():
        task = details[row.run]["splits"]["test"]["tasks"][row.task]
        assert (row.value, row.low, row.high) == (task["value"], task["low"], task["high"])
    learning = pd.read_csv("plots/learning.csv")
    curves = pd.read_csv("plots/curves/egemaps-stl.csv")
    chosen = curves[(curves["split"] == "validation") & (curves["task"] == "age") & (curves["epoch"] == 2)]
    (row,) = learning.query("run == 'egemaps-stl' and task == 'age' and epoch == 2").itertuples()
    assert row.score == pytest.approx(chosen["score"].mean(), abs=1e-4)


def test_the_share_of_the_loss_is_that_of_training(reported):
    curves = pd.read_csv("plots/curves/egemaps-mtl2.csv")
    rows = curves[(curves["split"] == "train") & (curves["task"] == "age")]
    assert f"age makes up {rows['share'].mean():.1%} of the total training loss" in reported


@pytest.mark.usefixtures("reported")
def test_the_same_input_gives_the_same_bytes(monkeypatch):
    before = {path: path.read_bytes() for path in Path("plots").rglob("*") if path.is_file()}
    Path("plots/figures/old.png").write_bytes(b"left behind")
    run_stage(report, monkeypatch)
    assert {path: path.read_bytes() for path in Path("plots").rglob("*") if path.is_file()} == before


def test_a_corpus_with_one_task_and_one_run_still_gets_a_page(summarized, tmp_path, monkeypatch):
    shutil.copytree(summarized, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    shutil.rmtree("plots/figures")
    details = read_json(Path("metrics/details.json"))
    kept = details["runs"]["egemaps-stl"]
    for part in kept["splits"].values():
        part["tasks"] = {"country": part["tasks"]["country"]}
        part["exvo"] = None
    write_json(Path("metrics/details.json"), {**details, "runs": {"egemaps-stl": kept}})
    write_json(Path("metrics/comparison.json"), [])
    write_json(Path("metrics/bill.json"), [])
    write_json(Path("metrics/paper.json"), {"same_corpus": False, "rows": []})
    text = Path("params.yaml").read_text()
    for name in ("egemaps-mtl2", "egemaps-own"):
        text = re.sub(rf"  {name}:\n(    .*\n)+", "", text)
    Path("params.yaml").write_text(text)
    run_stage(report, monkeypatch)
    page = Path("plots/report.html").read_text()
    assert "Does multi-task learning help?" not in page and "Misprints" not in page and "ExVo" not in page
    assert 'id="scores-country"' in page and 'id="scores-age"' not in page
    assert Path("plots/figures/confusion-country.png").exists()


@pytest.mark.usefixtures("project")
def test_missing_scores_are_named(monkeypatch):
    with pytest.raises(UserError, match=r"metrics/corpus\.json does not exist"):
        run_stage(report, monkeypatch)
