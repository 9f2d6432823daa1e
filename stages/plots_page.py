"""A page for ``dvc plots`` that needs no network: ``python -m stages.plots_page``.

DVC's own page fetches Vega, which draws the plots, from the web. Writes .dvc/plots/page.html, a template that
holds Vega itself; ``plots.html_template`` in DVC's configuration names it. ``make`` does both.
"""

from pathlib import Path

from stages.command import guarded
from stages.core.runtime.files import write_text

PAGE = Path(".dvc/plots/page.html")
VEGA_LITE = "5.21"  # DVC's plots are of version 5
TEMPLATE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{refresh_tag}
<title>Learning curves and confusion matrices</title>
<script>(() => {
VEGA
})();</script>
<style>
body { font-family: sans-serif; }
table { border-spacing: 15px; }
</style>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def main() -> None:
    """Write the page."""
    import vl_convert

    write_text(
        PAGE,
        TEMPLATE.replace("VEGA", vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", VEGA_LITE)),
    )


if __name__ == "__main__":
    guarded(main)
