import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stages import codebook
from stages.core.bags import fitting
from stages.core.bags.codebook import Counting, Scaling, standardization
from stages.core.bags.codebook_file import read_codebook, write_codebook
from stages.core.features import descriptors as descriptors_module
from stages.core.runtime.errors import UserError
from tests.helpers import openxbow
from tests.helpers.codebooks import codebook_of
from tests.helpers.descriptors import write_clips
from tests.helpers.openxbow import needs_openxbow

SPLITS = ["train", "validation", "test"]
COLUMNS = ("F0_sma", "mfcc_sma[1]", "F0_sma_de", "mfcc_sma_de[1]")


@pytest.fixture
def descriptors(project: Path) -> dict[str, np.ndarray]:
    """Thirty clips of four columns, a third in each split."""
    rng = np.random.default_rng(0)
    clips = {f"{number:05d}": rng.standard_normal((rng.integers(5, 40), 4)) for number in range(30)}
    write_clips(project / "data/lld/compare", clips, COLUMNS, clips_per_shard=20)
    splits = pd.DataFrame({"clip_id": list(clips), "split": SPLITS * 10})
    splits.to_parquet(project / "data/splits.parquet")
    return clips


def test_words_are_training_frames_in_standard_units(
    descriptors: dict[str, np.ndarray],
    set_parameters: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_parameters(codebook={"size": 20}, boaw={"assignments": 3})
    codebook.main()
    learnt = read_codebook(codebook.CODEBOOK, 4)
    training = np.concatenate(list(descriptors.values())[::3]).astype(np.float32)
    scaling = standardization(training)
    assert learnt.input is not None
    assert np.array_equal(learnt.input.offset, scaling.offset)
    assert np.array_equal(learnt.input.divisor, scaling.divisor)
    known = {row.tobytes() for row in (training - scaling.offset) / scaling.divisor}
    assert all(word.tobytes() in known for word in learnt.words[0])
    assert (learnt.counting, learnt.log, learnt.idf, learnt.bins) == ((Counting(3),), True, None, 20)
    figures = json.loads(Path("metrics/codebook.json").read_text())
    assert figures == {
        "clips": 10,
        "frames": len(training),
        "sampled": len(training),
        "not_finite": 0,
        "words": 20,
        "columns": [4],
    }
    assert (
        f"20 words (random++, {len(training)} of {len(training)} training frames)" in capsys.readouterr().out
    )


@pytest.mark.parametrize("idf", [False, True])
def test_no_frame_of_validation_or_test_reaches_the_codebook(
    descriptors: dict[str, np.ndarray], set_parameters: Callable[..., None], idf: bool
) -> None:
    set_parameters(codebook={"size": 20, "frames": 100}, boaw={"assignments": 3, "idf": idf})
    codebook.main()
    before = codebook.CODEBOOK.read_bytes()
    rng = np.random.default_rng(1)
    for number, clip_id in enumerate(descriptors):
        if number % 3:
            descriptors[clip_id] = 100 * rng.standard_normal(descriptors[clip_id].shape)
    write_clips(Path("data/lld/compare"), descriptors, COLUMNS, clips_per_shard=20)
    codebook.main()
    assert codebook.CODEBOOK.read_bytes() == before
    descriptors["00003"] += 0.1
    write_clips(Path("data/lld/compare"), descriptors, COLUMNS, clips_per_shard=20)
    codebook.main()
    assert codebook.CODEBOOK.read_bytes() != before


def test_no_other_frame_is_handed_on(
    descriptors: dict[str, np.ndarray], set_parameters: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    handed = []
    monkeypatch.setattr(
        fitting, "learn", lambda sample, size, *_: handed.append(sample.copy()) or sample[:size]
    )
    set_parameters(codebook={"size": 20, "standardize": False}, boaw={"assignments": 3})
    codebook.main()
    assert np.array_equal(handed[0], np.concatenate(list(descriptors.values())[::3]).astype(np.float32))


@pytest.mark.usefixtures("descriptors")
def test_every_method_and_layout(set_parameters: Callable[..., None]) -> None:
    for method in ("random", "random++", "kmeans", "kmeans++"):
        for layout, columns in (("split", [2, 2]), ({"pitch": ["F0*"], "rest": ["mfcc*"]}, [2, 2])):
            set_parameters(
                codebook={"size": 7, "method": method, "layout": layout}, boaw={"assignments": 2, "idf": True}
            )
            codebook.main()
            learnt = read_codebook(codebook.CODEBOOK, 4)
            assert [words.shape for words in learnt.words] == [(7, width) for width in columns]
            assert learnt.idf is not None
            assert len(learnt.idf) == 14


@needs_openxbow
@pytest.mark.parametrize(
    ("tag", "options", "counting"),
    [
        ("single500_a10logstd", {"size": 500}, {"assignments": 10}),
        ("single50_a1", {"size": 50, "standardize": False}, {"assignments": 1, "log": False}),
        (
            "split50_a10",
            {"size": 50, "standardize": False, "layout": "split"},
            {"assignments": 10, "log": False},
        ),
        ("x_random", {"size": 50, "method": "random"}, {"assignments": 1, "log": False}),
        ("x_idf", {"size": 50}, {"assignments": 5, "idf": True}),
    ],
)
def test_the_file_is_openxbows_to_the_byte(
    set_parameters: Callable[..., None],
    tag: str,
    options: dict[str, object],
    counting: dict[str, object],
) -> None:
    names, clips = openxbow.descriptors("train")
    others = openxbow.descriptors("test")[1]
    write_clips(Path("data/lld/compare"), {**others, **clips}, names)
    splits = ["test"] * len(others) + ["train"] * len(clips)
    pd.DataFrame({"clip_id": [*others, *clips], "split": splits}).to_parquet("data/splits.parquet")
    set_parameters(codebook=options, boaw=counting)
    codebook.main()
    assert codebook.CODEBOOK.read_text() == openxbow.text(f"cb_{tag}.txt")


@pytest.mark.parametrize(
    ("tag", "options", "counting"),
    [
        ("gauss", {"size": 20}, {"assignments": 5, "gaussian": 2, "log": False}),
        ("off", {"size": 20}, {"assignments": 3, "cutoff": 2.5, "log": False}),
        ("off_gauss", {"size": 20}, {"assignments": 4, "cutoff": 3.0, "gaussian": 1.5, "log": False}),
        ("stdout", {"size": 20}, {"assignments": 3, "standardize_output": True}),
        ("kmeanspp", {"size": 8, "method": "kmeans++", "seed": 5}, {"assignments": 1, "log": False}),
    ],
)
def test_weights_distances_and_scaled_bags_are_learnt_as_openxbow_does(
    project: Path,
    set_parameters: Callable[..., None],
    tag: str,
    options: dict[str, object],
    counting: dict[str, object],
) -> None:
    names, clips = openxbow.made_clips("train")
    others = openxbow.made_clips("test")[1]
    write_clips(project / "data/lld/compare", {**clips, **others}, names)
    splits = ["train"] * len(clips) + ["test"] * len(others)
    pd.DataFrame({"clip_id": [*clips, *others], "split": splits}).to_parquet("data/splits.parquet")
    set_parameters(codebook=options, boaw=counting)
    codebook.main()
    assert codebook.CODEBOOK.read_text() == openxbow.text(f"cb_{tag}.txt", openxbow.MADE)
    Path("theirs.txt").write_text(codebook.CODEBOOK.read_text())
    set_parameters(codebook={"file": "theirs.txt"})
    codebook.main()
    assert codebook.CODEBOOK.read_text() == Path("theirs.txt").read_text()


@pytest.mark.usefixtures("descriptors")
def test_sizes_of_each_group(set_parameters: Callable[..., None]) -> None:
    set_parameters(codebook={"size": [9, 4], "layout": "split"}, boaw={"assignments": 2})
    codebook.main()
    assert [len(words) for words in read_codebook(codebook.CODEBOOK, 4).words] == [9, 4]
    set_parameters(codebook={"size": [9, 4], "layout": "joint"})
    with pytest.raises(UserError, match=r"codebook\.size names 2 sizes, but codebook\.layout makes 1 group;"):
        codebook.main()
    set_parameters(codebook={"size": [9, 4], "layout": "split"}, boaw={"assignments": 5})
    with pytest.raises(UserError, match=r"boaw\.assignments 5 is above codebook\.size 4"):
        codebook.main()


@pytest.mark.usefixtures("descriptors")
def test_a_codebook_of_openxbow_can_take_its_place(
    set_parameters: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    scaling = Scaling("standardize", np.zeros(4, np.float32), np.ones(4, np.float32))
    theirs = codebook_of([np.eye(4, dtype=np.float32)], 2, log=True, input=scaling)
    write_codebook(Path("theirs.txt"), theirs)
    set_parameters(codebook={"file": "theirs.txt"})
    codebook.main()
    assert codebook.CODEBOOK.read_bytes() == Path("theirs.txt").read_bytes()
    assert "4 words (theirs.txt), 2 assignments, log" in capsys.readouterr().out
    set_parameters(codebook={"file": "theirs.txt", "layout": "split"})
    with pytest.raises(UserError, match=r"layout gives groups of .* but theirs\.txt has words of \[4\]"):
        codebook.main()


@pytest.mark.usefixtures("descriptors")
def test_mistakes_are_one_sentence(set_parameters: Callable[..., None]) -> None:
    with pytest.raises(UserError, match=r"codebook\.size is 2000, but there are only \d+ training frames"):
        codebook.main()
    set_parameters(codebook={"size": 5, "layout": {"loudness": ["loudness*"]}}, boaw={"assignments": 1})
    with pytest.raises(UserError, match=r"codebook\.layout\.loudness has 'loudness\*', which covers"):
        codebook.main()
    set_parameters(codebook={"layout": "joint"})
    pd.DataFrame({"clip_id": ["x"], "split": ["train"]}).to_parquet("data/splits.parquet")
    with pytest.raises(UserError, match="holds none of the 1 training clips"):
        codebook.main()


@pytest.mark.usefixtures("descriptors")
def test_frames_are_read_in_batches(
    set_parameters: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_parameters(codebook={"size": 20}, boaw={"assignments": 3})
    codebook.main()
    before = codebook.CODEBOOK.read_bytes()
    monkeypatch.setattr(descriptors_module, "ROWS_PER_BATCH", 11)
    codebook.main()
    assert codebook.CODEBOOK.read_bytes() == before


def test_the_words_of_another_set_and_of_a_file_are_told_in_figures(
    project: Path, set_parameters: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(2)
    clips = {f"{number}": rng.standard_normal((3 + number, 4)) for number in range(6)}
    clips["4"][0, 1] = np.inf
    write_clips(project / "data/lld/egemaps", clips, COLUMNS)
    write_clips(project / "data/lld/compare", {"0": np.zeros((9, 2))})
    splits = ["train", "test", "train", "validation", "train", "test"]
    pd.DataFrame({"clip_id": list(clips), "split": splits}).to_parquet("data/splits.parquet")
    set_parameters(
        codebook={"features": "egemaps", "size": [3, 2], "layout": "split", "method": "random", "frames": 12},
        boaw={"assignments": 2, "log": False, "gaussian": 2.0, "cutoff": 3.0},
    )
    codebook.main()
    figures = json.loads(Path("metrics/codebook.json").read_text())
    sampled = figures.pop("sampled")
    assert sampled + figures.pop("not_finite") == 12
    assert figures == {"clips": 3, "frames": 3 + 5 + 7, "words": 5, "columns": [2, 2]}
    assert capsys.readouterr().out == (
        f"data/codebook.txt: 5 words (random, {sampled} of 15 training frames), 2 assignments, "
        "Gaussian weights, a largest distance\n"
    )
