"""The page for listening: what it holds, what the server gives, and how it behaves in a real browser."""

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from stages import explore
from stages.core.audio.shards import encode, write_shard
from stages.core.config.load import load
from stages.core.exploration.answers import Answer, Exploration
from stages.core.exploration.page import page
from stages.core.exploration.server import server_of
from stages.core.runtime.errors import UserError
from stages.core.runtime.files import write_json
from tests.conftest import tone
from tests.helpers.tiny_project import build, run_stage

RUNS = {
    "egemaps-stl": {"features": "egemaps", "model": "stl"},
    "egemaps-mtl2": {"features": "egemaps", "model": "mtl2"},
}
HOSTILE = "</script><script>document.title='broken'</script>"


@pytest.fixture(scope="module")
def finished_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    labels = build(folder, list(RUNS), runs=RUNS)
    clips = [
        encode((tone(0.6 + index / 500, 16_000, 120 + index) * 20_000).astype(np.int16))
        for index in range(120)
    ]
    ids = list(labels["clip_id"])
    write_shard(folder / "data/audio/0000.parquet", ids[:70], clips[:70])
    write_shard(folder / "data/audio/0001.parquet", ids[70:119], clips[70:119])
    return folder


@pytest.fixture
def here(finished_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(finished_folder)
    return finished_folder


def found(splits: tuple[str, ...] = explore.SPLITS, limit: int | None = None) -> Exploration:
    return explore.exploration(load(), splits, limit)


def content(answer: Answer | None) -> Any:
    assert answer is not None
    return json.loads(answer.content)


@pytest.mark.usefixtures("here")
def test_answers() -> None:
    all_clips = found()
    told = content(all_clips.answer("clips"))
    assert len(told["clips"]) == 120
    assert told["runs"] == {run: ["emotion", "country", "age"] for run in RUNS}
    assert told["group"]["title"] == "Country"
    columns = all_clips.answer("run/egemaps-stl")
    assert columns is not None
    assert len(columns.content) == 4 * 120 * (10 + 1 + 4 + 1 + 1 + 1)
    sound = all_clips.answer("sound/70")
    assert sound is not None
    assert sound.content[:4] == b"fLaC"
    clip = content(all_clips.answer("clip/70"))
    assert set(clip["runs"]) == set(RUNS)
    errors = np.frombuffer(columns.content, "<f4").reshape(-1, 120)[10]
    assert clip["runs"]["egemaps-stl"]["emotion"][-1] == pytest.approx(float(errors[70]), abs=1e-4)


@pytest.mark.parametrize(
    "path",
    ["sound/119", "sound/120", "sound/-1", "sound/²", "clip/x", "run/nothing", "run/../x", "x", "", "clip/"],
)
@pytest.mark.usefixtures("here")
def test_nothing_else_has_an_answer(path: str) -> None:
    assert found().answer(path) is None


@pytest.mark.usefixtures("here")
def test_the_page_on_disk_holds_one_split(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_stage(explore, monkeypatch, "--split", "validation")
    assert "40 clips of the validation split" in capsys.readouterr().out
    text = Path("data/explore.html").read_text()
    carried = json.loads(re.findall(r'id="carried">(.*?)</script>', text, re.DOTALL)[0])
    assert len(json.loads(carried["clips"])["clips"]) == 40
    assert {path.split("/")[0] for path in carried} == {"clips", "truth", "run", "sound", "clip"}
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:,)""", text)


@pytest.mark.usefixtures("here")
def test_at_most_so_many_clips_those_with_the_largest_errors() -> None:
    all_clips, worst = found(("test",)), found(("test",), 5)
    assert len(worst.table.clips) == 5
    mean = {
        name: np.mean([run.errors["age"].mean() for run in several.runs.values()])
        for name, several in (("all", all_clips), ("worst", worst))
    }
    assert mean["worst"] > mean["all"]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("limit", [1, 5, 39, 40])
def test_the_worst_clips_are_those_of_the_highest_ranks_of_error_over_all_tasks_and_runs(limit: int) -> None:
    """As SciPy ranks them; a clip without an error is the least of all."""
    all_clips = found(("validation",))
    errors = [error for run in all_clips.runs.values() for error in run.errors.values()]
    assert len(errors) == 6 and len(all_clips.table.clips) == 40
    errors[2][[3, 30]] = np.nan
    total = sum(rankdata(np.where(np.isnan(error), -1, error), method="ordinal") for error in errors)
    expected = np.sort(np.argsort(-total, kind="stable")[:limit])
    np.testing.assert_array_equal(explore._worst(all_clips.runs, limit), expected)
    worst, ids = found(("validation",), limit), list(found(("validation",)).table.clips["clip_id"])
    rows = [ids.index(clip_id) for clip_id in worst.table.clips["clip_id"]]
    assert rows == sorted(rows) and len(rows) == limit
    for run, predictions in worst.runs.items():
        whole = found(("validation",)).runs[run]
        np.testing.assert_array_equal(predictions.values["age"], whole.values["age"][rows])
        np.testing.assert_array_equal(predictions.errors["country"], whole.errors["country"][rows])


def test_what_a_run_lacks_another_gives(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is not evaluated is left out; the classes are those of the first that learnt them."""
    shutil.copytree(here, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    path = Path("data/predictions/egemaps-stl.parquet")
    table = pd.read_parquet(path)
    table[[name for name in table if not name.startswith("country.")]].to_parquet(path)
    told = content(found(("train", "test")).answer("clips"))
    assert told["runs"] == {"egemaps-stl": ["emotion", "age"], "egemaps-mtl2": ["emotion", "country", "age"]}
    assert told["tasks"][1]["outputs"] == ["China", "South Africa", "United States", "Venezuela"]
    assert told["split"]["names"] == ["test", "train"] and len(told["clips"]) == 80
    path.unlink()
    assert list(found().runs) == ["egemaps-mtl2"]


@pytest.mark.usefixtures("here")
def test_serving_ends_with_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("http.server.ThreadingHTTPServer.serve_forever", interrupted)
    addresses = set()
    for _ in range(2):
        run_stage(explore, monkeypatch, "--serve", "--port", "0")
        first, address, last = capsys.readouterr().out.splitlines()
        assert (first, last) == ("120 clips; Ctrl-C ends it", "ended")
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[0-9a-f]{32}/", address)
        addresses.add(address.split("/")[3])
    assert len(addresses) == 2


def test_no_name_of_a_clip_ends_the_script() -> None:
    text = page(["clips"], lambda _: Answer("application/json", HOSTILE.encode()))
    assert HOSTILE not in text
    assert text.count("</script>") == page().count("</script>")


@pytest.mark.usefixtures("here")
def test_whose_recordings_they_are() -> None:
    assert "not for sharing" in content(found().answer("clips"))["notice"]
    before = Path("metrics/corpus.json").read_text()
    write_json(Path("metrics/corpus.json"), {"name": "HUME-VB", "synthetic": False})
    notice = content(found().answer("clips"))["notice"]
    Path("metrics/corpus.json").write_text(before)
    assert "people who were recorded for HUME-VB" in notice
    assert "not for sharing" in notice


def test_without_predictions_one_sentence(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(here, tmp_path / "copy", ignore=shutil.ignore_patterns("predictions"))
    monkeypatch.chdir(tmp_path / "copy")
    with pytest.raises(UserError, match=r"holds no predictions .* run `dvc repro`"):
        found()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--clips", "0"], "--clips: take at least 1"),
        (["--serve", "--port", "65536"], "--port: take one from 0 to 65535"),
        (["--serve", "--port", "-1"], "--port: take one from 0 to 65535"),
    ],
)
def test_numbers_that_cannot_be(
    words: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["explore", *words])
    with pytest.raises(SystemExit):
        explore.main()
    assert sentence in capsys.readouterr().err


@pytest.mark.usefixtures("here")
def test_a_taken_port_gets_one_sentence() -> None:
    server = server_of({}.get, 0, "x")
    with server, pytest.raises(UserError, match="take another with --port"):
        explore.serve(found(), server.server_address[1])


# A real browser.


@pytest.fixture(scope="module")
def address(finished_folder: Path) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(finished_folder)
        all_clips = found()
        text = Answer("text/html; charset=utf-8", page().encode())
        with running(lambda path: text if path == "" else all_clips.answer(path)) as address:
            yield address


@contextmanager
def running(answer: Callable[[str], Answer | None]) -> Iterator[str]:
    """A server while the block runs: its address."""
    server = server_of(answer, 0, "secret")
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/secret/"
    server.shutdown()
    server.server_close()


class Page:
    """The page in a browser."""

    def __init__(self, browser: Any, address: str, width: int = 1280) -> None:
        self.browser = browser
        metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        browser.get("about:blank")
        self.problems()  # those of the page before
        browser.get(address)
        self.wait("return document.body.dataset.ready")

    def run(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)

    def wait(self, script: str, seconds: float = 10) -> Any:
        """Wait until a script gives something true."""
        end = time.monotonic() + seconds
        while not (value := self.run(script)):
            assert time.monotonic() < end, script
            time.sleep(0.02)
        return value

    def press(self, *keys: str) -> None:
        for key in keys:
            self.browser.find_element("id", "scroll").send_keys(key)

    def choose(self, control: str, text: str) -> None:
        script = """const control = document.getElementById(arguments[0]);
            control.value = [...control.options].find((option) => option.text === arguments[1]).value;
            control.dispatchEvent(new Event("input")); control.dispatchEvent(new Event("change"));"""
        self.run(script, control, text)
        time.sleep(0.2)

    def column(self, name: str) -> list[str]:
        return self.run(
            "return [...document.querySelectorAll(arguments[0])].map((x) => x.textContent)", f".row .{name}"
        )

    def text(self, name: str) -> str:
        return self.run("return document.getElementById(arguments[0]).textContent", name)

    def wait_for_clip(self, clip_id: str) -> None:
        self.wait(f"return document.getElementById('clip-title').textContent === 'Clip {clip_id}'")

    def problems(self) -> list[str]:
        return [entry["message"] for entry in self.browser.get_log("browser")]


@pytest.fixture(params=[1280, 390])
def opened(request: pytest.FixtureRequest, browser: Any, address: str) -> Page:
    return Page(browser, address, request.param)


def numbers(texts: list[str]) -> list[float]:
    return [float(text) for text in texts]


def test_in_a_browser(opened: Page) -> None:
    assert opened.run("return document.documentElement.scrollWidth <= window.innerWidth")
    assert opened.text("count").startswith("40 of 120 clips")  # the test split first
    errors = numbers(opened.column("error"))
    assert errors == sorted(errors, reverse=True)
    opened.run("document.getElementById('sort-error').click()")
    assert numbers(opened.column("error"))[0] == min(numbers(opened.column("error")))

    opened.choose("split", "all")
    assert opened.text("count").startswith("120 of 120")
    opened.choose("task", "country")
    opened.choose("truth", "China")
    assert opened.text("count").startswith("30 of 120")
    assert set(opened.column("truth")) == {"China"}
    opened.choose("truth", "any")
    opened.choose("group", "Venezuela")
    assert set(opened.column("group")) == {"Venezuela"}
    opened.choose("group", "any")
    opened.run("text.value = 'S07'; text.dispatchEvent(new Event('input'))")
    assert set(opened.column("speaker")) == {"S07"}

    opened.press("a", "w")
    assert opened.text("count").startswith("80 of 120")  # four countries
    opened.choose("task", "age")
    opened.press("d")
    differences = numbers(opened.column("difference"))
    assert differences == sorted(differences, reverse=True)
    assert differences[0] > 0
    opened.choose("run", "egemaps-mtl2")
    assert opened.run("return document.getElementById('other').value") == "egemaps-stl"

    opened.choose("task", "emotion")
    opened.choose("output", "Fear")
    assert numbers(opened.column("truth"))
    assert "of Fear" in opened.text("error-means")
    assert opened.problems() == []


def test_keyboard_and_sound(opened: Page) -> None:
    opened.press("a")
    opened.wait_for_clip(opened.column("clip")[0])
    opened.press("\ue015", "j")  # arrow down
    opened.wait_for_clip(opened.column("clip")[2])
    opened.press("\ue010")  # end
    opened.choose("split", "train")
    opened.press("\ue011")  # home
    opened.wait_for_clip("00000")
    opened.wait("return Math.abs(audio.duration - 0.6) < 0.01")
    opened.press(" ")
    opened.wait("return audio.currentTime > 0.1")
    opened.wait("return audio.ended")
    assert opened.run("return getComputedStyle(playhead).left !== '0px'")
    lit = opened.run(
        "const {data} = canvas.getContext('2d').getImageData(0, 70, 600, 170);"
        "return data.reduce((most, value, index) => (index % 4 < 3 ? Math.max(most, value) : most), 0)"
    )
    assert lit > 200
    rows = opened.run("return [...document.querySelectorAll('#figures tbody th')].map((x) => x.textContent)")
    assert rows == ["label", *RUNS]
    opened.choose("split", "all")
    opened.press("a", "\ue010")
    opened.wait_for_clip("00119")  # the clip without sound
    opened.wait("return problem.textContent.includes('not in data/audio')")
    expected = [message for message in opened.problems() if "119" not in message]
    assert expected == []


def test_from_disk(browser: Any, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_stage(explore, monkeypatch)
    opened = Page(browser, (here / "data/explore.html").as_uri())
    assert opened.text("count").startswith("40 of 40 clips")
    assert opened.run("return [shown(-0.004), shown(-0.4), shown(null)]") == ["0.00", "-0.40", "–"]
    opened.wait("return audio.readyState >= 3")
    opened.press(" ")
    opened.wait("return audio.currentTime > 0.1")
    assert opened.problems() == []


@pytest.mark.usefixtures("here")
def test_sixty_thousand_clips(browser: Any) -> None:
    small = found()
    told = content(small.answer("clips"))
    times = 500

    def repeated(value: Any) -> Any:
        if isinstance(value, dict) and "codes" in value:
            return {**value, "codes": value["codes"] * times}
        return value

    told = {key: repeated(value) for key, value in told.items()}
    told |= {"clips": [f"{index:06d}" for index in range(120 * times)], "seconds": told["seconds"] * times}
    many = Answer("application/json", json.dumps(told).encode())

    def answer(path: str) -> Answer | None:
        if path in {"", "clips"}:
            return many if path else Answer("text/html", page().encode())
        kind, _, row = path.partition("/")
        if kind in {"sound", "clip"}:
            return small.answer(f"{kind}/{int(row) % 119}")
        answered = small.answer(path)
        assert answered is not None
        columns = np.frombuffer(answered.content, "<f4").reshape(-1, 120)
        return Answer(answered.kind, np.tile(columns, times).tobytes())

    with running(answer) as address:
        opened = Page(browser, address)
        opened.choose("split", "all")
        assert opened.text("count").startswith("60000 of 60000")
        opened.press("a", "\ue010")
        opened.wait_for_clip("059999")
        assert opened.run("return document.querySelectorAll('.row').length") < 60
    assert opened.problems() == []
