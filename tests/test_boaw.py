import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from stages import boaw, codebook
from stages.core.bags.codebook import Activity, Codebook, Counting
from stages.core.bags.codebook_file import read_codebook, write_codebook
from stages.core.features.descriptors import write_descriptors
from stages.core.runtime import device
from stages.core.runtime.errors import UserError
from stages.core.runtime.files import digest_of
from stages.core.runtime.tables import origin_of, read_features
from tests.helpers import openxbow
from tests.helpers.codebooks import codebook_of
from tests.helpers.descriptors import write_clips
from tests.helpers.openxbow import needs_openxbow

BAGS = Path("data/features/boaw.parquet")


@pytest.fixture
def clips(project: Path, set_parameters: Callable[..., None]) -> dict[str, np.ndarray]:
    """Twelve clips and a codebook of their frames."""
    rng = np.random.default_rng(0)
    clips = {f"{number:05d}": rng.standard_normal((rng.integers(5, 40), 4)) for number in range(12)}
    write_clips(project / "data/lld/compare", clips)
    pd.DataFrame({"clip_id": list(clips), "split": ["train"] * 12}).to_parquet("data/splits.parquet")
    set_parameters(codebook={"size": 30}, boaw={"assignments": 3})
    codebook.main()
    return clips


def shown(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, np.ndarray]]:
    """What the stage hands to the picture, while it is drawn all the same."""
    seen: dict[str, dict[str, np.ndarray]] = {}
    draw = boaw.draw_codebook
    monkeypatch.setattr(
        boaw,
        "draw_codebook",
        lambda path, usage, pair: (seen.update(pair=pair, usage={"": usage}), draw(path, usage, pair)),
    )
    return seen


def test_bags_figures_and_picture(clips: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]) -> None:
    boaw.main()
    clip_ids, names, values = read_features(BAGS)
    assert clip_ids == list(clips)
    assert names == [f"boaw_{index:04d}" for index in range(30)]
    counts = np.rint(10 ** values.astype(float) - 1)
    assert counts.sum(axis=1).tolist() == [3 * len(frames) for frames in clips.values()]
    figures = json.loads(Path("metrics/boaw.json").read_text())
    total = sum(map(len, clips.values()))
    assert (figures["clips"], figures["frames"], figures["words"]) == (12, total, 30)
    assert figures["dead_words"] == (counts.sum(axis=0) == 0).sum()
    assert figures["dead_share"] == round(figures["dead_words"] / 30, 4)
    learnt = read_codebook(codebook.CODEBOOK, 4)
    frames = learnt.scaled(np.concatenate(list(clips.values())).astype(np.float32), np.arange(4))
    error = ((frames[:, None] - learnt.words[0]) ** 2).sum(axis=2).min(axis=1).mean() / 4
    assert figures["quantization_error"] == pytest.approx(error, abs=1e-4)
    assert figures["different_words_per_clip"] == round((counts > 0).sum(axis=1).mean(), 1)
    assert Path("plots/codebook.png").read_bytes().startswith(b"\x89PNG")
    assert f"12 bags of 30 words from {total} frames" in capsys.readouterr().out


@pytest.mark.usefixtures("clips")
def test_dead_words_are_counted() -> None:
    words = np.full((30, 4), 1e3, np.float32)
    words[:5] = np.eye(5, 4)
    write_codebook(codebook.CODEBOOK, codebook_of([words], 2))
    boaw.main()
    figures = json.loads(Path("metrics/boaw.json").read_text())
    assert figures["dead_words"] == 25
    assert figures["dead_share"] == 0.8333


def test_the_two_most_different_bags_are_shown(
    clips: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = shown(monkeypatch)
    boaw.main()
    counts = np.rint(10 ** read_features(BAGS)[2].astype(float) - 1)
    directions = counts / np.linalg.norm(counts, axis=1, keepdims=True)
    pair = np.unravel_index((directions @ directions.T).argmin(), (len(clips), len(clips)))
    assert np.array_equal(list(seen["pair"].values()), counts[list(pair)])
    assert list(seen["pair"]) == ["one clip", "another clip"]
    assert np.array_equal(seen["usage"][""], counts.sum(axis=0))


@needs_openxbow
@pytest.mark.parametrize("tag", ["single500_a10logstd", "single500_a1norm1", "split50_a10logstd", "x_idf"])
def test_bags_of_an_openxbow_codebook_are_openxbows(
    project: Path, set_parameters: Callable[..., None], tag: str
) -> None:
    names, train = openxbow.descriptors("train")
    together = {**train, **openxbow.descriptors("test")[1]}
    together = dict(sorted(together.items()))
    write_clips(project / "data/lld/compare", together, names, clips_per_shard=20)
    (project / "theirs.txt").write_text(openxbow.text(f"cb_{tag}.txt"))
    calls = [command for command in openxbow.commands() if command.tag == tag]
    set_parameters(
        codebook={"file": "theirs.txt", "layout": calls[0].layout}, boaw={"normalize": calls[0].norm}
    )
    codebook.main()
    boaw.main()
    clip_ids, _, values = read_features(BAGS)
    for command in calls:
        theirs, expected = openxbow.bags(command)
        assert np.array_equal(values[[clip_ids.index(clip_id) for clip_id in theirs]], expected)


@pytest.mark.usefixtures("clips")
def test_bags_do_not_depend_on_threads(set_parameters: Callable[..., None]) -> None:
    contents = []
    for processes in (1, 3):
        set_parameters(compute={"processes": processes})
        boaw.main()
        contents.append((BAGS.read_bytes(), Path("metrics/boaw.json").read_bytes()))
    assert contents[0] == contents[1]


@pytest.mark.usefixtures("clips")
def test_a_codebook_of_other_descriptors_is_refused() -> None:
    write_codebook(codebook.CODEBOOK, codebook_of([np.eye(5, dtype=np.float32)], 2))
    with pytest.raises(UserError, match=r"data/codebook\.txt has words of \[5\]"):
        boaw.main()


def test_the_table_says_how_it_was_made_and_figures_are_of_the_columns_of_the_layout(
    project: Path, set_parameters: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Two groups over three of four columns, a frame that is no number, and one of low activity."""
    rng = np.random.default_rng(3)
    clips = {f"{number}": rng.standard_normal((4 + number, 4)) for number in range(5)}
    clips["2"][1, 3], clips["3"][0, 0], clips["4"][2:, 0] = np.nan, -9, -9
    write_descriptors(
        project / "data/lld/egemaps",
        list(clips),
        [values.astype(np.float32) for values in clips.values()],
        ["pitch", "loud[1]", "loud[2]", "rest"],
        {"feature_set": "x", "synthetic": True},
    )
    words = [rng.standard_normal((size, width)).astype(np.float32) for size, width in ((3, 1), (4, 2))]
    made = Codebook(tuple(words), (Counting(1), Counting(2)), activity=Activity(0, -5.0))
    write_codebook(codebook.CODEBOOK, made)
    layout = {"pitch": ["pitch"], "loudness": ["loud*"]}
    set_parameters(codebook={"features": "egemaps", "layout": layout}, boaw={"normalize": "sum"})
    boaw.main()
    origin = origin_of(BAGS)
    assert origin == {
        "feature_set": "x",
        "synthetic": True,
        "bags": {
            "codebook": codebook.CODEBOOK.read_text(),
            "layout": {"pitch": ["pitch"], "loudness": ["loud*"]},
            "normalize": "sum",
        },
    }
    frames = {
        clip_id: values[np.isfinite(values).all(axis=1) & (values[:, 0] >= -5)].astype(np.float32)
        for clip_id, values in clips.items()
    }
    expected, error = [], 0.0
    for values in frames.values():
        bag = np.zeros(7)
        for first, columns, own, wanted in ((0, [0], words[0], 1), (3, [1, 2], words[1], 2)):
            distances = ((values[:, None, columns].astype(float) - own) ** 2).sum(axis=2)
            error += distances.min(axis=1).sum()
            np.add.at(bag, first + distances.argsort(axis=1)[:, :wanted], 1)
        expected.append(bag)
    clip_ids, names, found = read_features(BAGS)
    assert (clip_ids, names) == (list(clips), [f"boaw_000{word}" for word in range(7)])
    np.testing.assert_allclose(found, [bag * 7 / bag.sum() for bag in expected], rtol=1e-6)
    number = sum(map(len, frames.values()))
    dead = int((np.sum(expected, axis=0) == 0).sum())
    figures = json.loads(Path("metrics/boaw.json").read_text())
    assert (figures["frames"], figures["not_finite"]) == (number, 30 - number) == (22, 8)
    assert figures["quantization_error"] == pytest.approx(error / number / 3, abs=1e-4)
    assert json.loads(Path("data/cards/boaw.json").read_text()) == {
        "clips": 5,
        "columns": 7,
        "digest": digest_of(BAGS),
    }
    assert capsys.readouterr().out == (
        f"5 bags of 7 words from 22 frames; {dead} words never used, quantization error "
        f"{figures['quantization_error']}; 8 frames left out as not finite or of low activity\n"
    )


@pytest.mark.usefixtures("clips")
def test_names_of_more_words_than_four_digits_count(monkeypatch: pytest.MonkeyPatch) -> None:
    words = np.random.default_rng(1).standard_normal((10_001, 4)).astype(np.float32)
    write_codebook(codebook.CODEBOOK, codebook_of([words], 1))
    monkeypatch.setattr(boaw, "draw_codebook", lambda *_: None)
    boaw.main()
    names = read_features(BAGS)[1]
    assert (names[0], names[-1], len(set(names))) == ("boaw_00000", "boaw_10000", 10_001)


@pytest.mark.usefixtures("clips")
def test_a_gpu_that_is_asked_for_must_be_there(
    set_parameters: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(device, "DRIVERS", ())
    set_parameters(boaw={"device": "cuda"})
    with pytest.raises(
        UserError, match=r"^params\.yaml: boaw\.device is cuda, but torch finds no GPU; set it to"
    ):
        boaw.main()
    set_parameters(codebook={"layout": "split"}, boaw={"device": "cpu"})
    with pytest.raises(
        UserError, match=r"^params\.yaml: codebook\.layout is split, but the descriptors have no"
    ):
        boaw.main()
