from stages.core.reporting.html import Section, figure, page, paragraph


def test_a_page_links_its_sections_and_escapes_text():
    text = page(
        "A & B", [paragraph("<notice>", "notice")], [Section("One > two", ["<p>x</p>"])], ["<p>end</p>"]
    )
    assert "<title>A &amp; B</title>" in text
    assert '<p class="notice">&lt;notice&gt;</p>' in text
    assert '<a href="#s0">One &gt; two</a>' in text and '<h2 id="s0">One &gt; two</h2>' in text
    assert "<p>x</p>" in text and "<footer><p>end</p></footer>" in text


def test_a_figure_has_a_caption_and_an_alternative_text():
    text = figure("<svg width='1'><text>t</text></svg>", "what to see", 'a "map"')
    assert '<svg role="img" aria-label="a &quot;map&quot;" width=' in text
    assert "<figcaption>what to see</figcaption>" in text
    linked = figure("<svg width='1'></svg>", "a < b", "text", '<a href="data:,x">CSV</a>')
    assert '<figcaption>a &lt; b <a href="data:,x">CSV</a></figcaption>' in linked


def test_a_figure_is_never_enlarged_on_the_page():
    text = figure('<svg width="302.4pt" height="9pt"></svg>', "caption", "text")
    assert 'style="min-width: min(32rem, 302.4pt)"' in text
    assert "min-width" not in page("t", [], [], []).split("figure svg {")[1].split("}")[0]
