"""The page behind `dvc plots`, and its template for learning curves."""

import json
import re
from pathlib import Path

import pytest
import yaml
from dvc_render.html import render_html
from dvc_render.vega import VegaRenderer

from stages import plots_page
from stages.train import CURVES
from tests.helpers import ROOT

TEMPLATES = ROOT / ".dvc/plots"
ROW = dict(zip(CURVES, ("1", "1", "train", "age", "30.5", "0.9", ""), strict=True))


@pytest.fixture
def page(project: Path) -> str:
    """DVC's page with one learning curve, by the template that the stage writes."""
    plots_page.main()
    properties = {"template": "curves", "template_dir": str(TEMPLATES), "x": "epoch", "y": "loss"}
    curve = VegaRenderer([{**ROW, "rev": "main"}], "curve", **properties)
    return Path(render_html([curve], project / "index.html", project / plots_page.PAGE)).read_text()


def test_the_page_fetches_nothing(page: str) -> None:
    assert re.findall(r"<(?:script|link)\b[^>]*\b(?:src|href)=", page) == []
    assert page.index("window.vegaEmbed=") < page.index("vegaEmbed('#curve', spec)")


def test_the_page_holds_one_script_for_vega_and_one_for_each_plot(page: str) -> None:
    assert page.count("<script") == page.count("</script>") == 2
    assert "DVC_METRIC" not in page
    assert "{plot_divs}" not in page


def test_curves_are_told_apart_by_columns_that_training_writes() -> None:
    template = json.loads((TEMPLATES / "curves.json").read_text())
    encoding = template["spec"]["encoding"]
    fields = {
        template["facet"]["column"]["field"],
        encoding["strokeDash"]["field"],
        encoding["detail"]["field"],
    }
    train = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["train"]["do"]
    (options,) = train["plots"][0].values()
    assert (options["template"], options["x"], options["y"]) == ("curves", "epoch", "loss")
    assert fields == {"task", "split", "seed"}
    assert fields | {options["x"], options["y"]} <= set(CURVES)
