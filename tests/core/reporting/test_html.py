from stages.core.reporting.html import Section, figure, folded, link, page, paragraph


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


def test_no_text_is_markup():
    hostile = '</title><script>x</script>&"'
    text = page(hostile, [paragraph(hostile), link(hostile, hostile), folded(hostile, hostile)], [], [])
    assert text.count("<script>") == 1 and "<script>x" not in text
    safe = "&lt;/title&gt;&lt;script&gt;x&lt;/script&gt;&amp;&quot;"
    assert f"<title>{safe}</title>" in text and f"<h1>{safe}</h1>" in text
    assert f"<p>{safe}</p>" in text and f'<p><a href="{safe}">{safe}</a></p>' in text
    assert f"<details><summary>{safe}</summary><pre>{safe}</pre></details>" in text


def test_blocks_stand_in_their_order_and_each_link_leads_to_its_section():
    sections = [Section("One", ["a", "b"]), Section("Two", ["c"])]
    text = page("T", ["first", "second"], sections, ["third", "fourth"])
    assert "<h1>T</h1>\nfirst\nsecond\n<nav>" in text
    assert '<a href="#s0">One</a> · <a href="#s1">Two</a>' in text
    assert '<h2 id="s0">One</h2>\na\nb\n<h2 id="s1">Two</h2>\nc\n<footer>third\nfourth</footer>' in text
