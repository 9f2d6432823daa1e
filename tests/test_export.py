import builtins
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages import export, summarize
from stages.core.config.load import load
from stages.core.networks.model import Model
from stages.core.runtime.errors import UserError
from stages.core.runtime.files import read_json, write_json
from stages.core.runtime.tables import read_features
from tests.helpers.tiny_project import build, run_stage

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

RUNS = {
    "egemaps-stl": {"features": "egemaps", "model": "stl"},
    "egemaps-mtl2": {"features": "egemaps", "model": "mtl2"},
}
CORPUS = {
    "name": "tiny",
    "synthetic": True,
    "clips": {"listed": 121, "used": 120, "quarantined": 1},
    "warnings": ["2 speakers have more than one Country"],
}
ORIGIN = {
    "preprocess": {"peak_db": -3.0, "trim": "none"},
    "synthetic": True,
    "feature_set": "eGeMAPSv02",
}


@pytest.fixture(scope="module")
def finished_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    build(folder, list(RUNS), runs=RUNS)
    split = {
        name: {"clips": 40, "speakers": 8, "duration": "00:00:40"} for name in ("train", "validation", "test")
    }
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        write_json(Path("metrics/split.json"), split)
        write_json(Path("metrics/corpus.json"), CORPUS)
        for run in RUNS:
            path = Path(f"data/models/{run}/model.json")
            path.write_text(json.dumps({**json.loads(path.read_text()), "origin": ORIGIN}))
        run_stage(summarize, monkeypatch)
    return folder


@pytest.fixture
def here(finished_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(finished_folder)
    return finished_folder


@pytest.mark.parametrize("run", RUNS)
def test_a_folder_to_hand_over(
    run: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_stage(export, monkeypatch, run)
    assert f"data/export/{run}: README.md, model.onnx (at most" in capsys.readouterr().out
    folder = here / "data/export" / run
    model = Model.load(folder)  # complete: it predicts with --model
    _, _, features = read_features(Path("data/features/egemaps.parquet"))
    found = onnxruntime.InferenceSession(folder / "model.onnx").run(["age"], {"features": features})[0]
    expected = np.mean([by_task["age"] for by_task in model.predict(features).values()], axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_card(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_stage(export, monkeypatch, "egemaps-mtl2")
    card = (here / "data/export/egemaps-mtl2/README.md").read_text()
    figures = read_json(Path("metrics/details.json"))["runs"]["egemaps-mtl2"]["splits"]["test"]["tasks"][
        "age"
    ]
    value, low, high = (f"{figures['ensemble'][end]:.3f}" for end in ("value", "low", "high"))
    assert f"| test | age | MAE ↓ | {value} [{low}, {high}] |" in card
    assert "**synthetic** voices" in card
    assert "120 of 121 clips" in card
    assert "- 2 speakers have more than one Country" in card
    assert "| train | 40 | 8 | 00:00:40 |" in card
    assert "| age | China |" in card
    assert "functionals of openSMILE's eGeMAPSv02" in card
    assert "peak of −3 dBFS" in card
    assert "licence of audEERING" in card
    metadata = onnxruntime.InferenceSession(here / "data/export/egemaps-mtl2/model.onnx").get_modelmeta()
    assert metadata.custom_metadata_map["how_features_are_made"] in card


def test_people_instead_of_synthetic_voices(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_json(Path("metrics/corpus.json"), {**CORPUS, "name": "HUME-VB", "synthetic": False})
    run_stage(export, monkeypatch, "egemaps-stl")
    write_json(Path("metrics/corpus.json"), CORPUS)
    card = (here / "data/export/egemaps-stl/README.md").read_text()
    assert "synthetic" not in card
    assert "The terms of HUME-VB on models" in card


@pytest.mark.usefixtures("here")
def test_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"no entry 'egemaps-mtl' \(did you mean egemaps-mtl2"):
        export.export("egemaps-mtl", Path("out"))
    Path("there").mkdir(exist_ok=True)
    with pytest.raises(UserError, match="there exists; name a new folder"):
        run_stage(export, monkeypatch, "egemaps-stl", "there")
    Path("taken.txt").write_text("mine")
    with pytest.raises(UserError, match=r"taken\.txt exists; name a new folder"):
        run_stage(export, monkeypatch, "egemaps-stl", "taken.txt")
    for difference in (float("nan"), 1.2e-5):
        monkeypatch.setattr(export, "largest_difference", lambda *_, found=difference: found)
        with pytest.raises(
            UserError, match=rf"differs by {difference:.1e} .*, more than 1e-05; nothing was writ"
        ):
            export.export("egemaps-stl", Path("out"))
        assert not Path("out").exists()
    details = read_json(Path("metrics/details.json"))
    fewer = {**details, "runs": {"egemaps-mtl2": details["runs"]["egemaps-mtl2"]}}
    write_json(Path("metrics/details.json"), fewer)
    with pytest.raises(
        UserError, match=r"details\.json has no scores of egemaps-stl; `dvc repro` makes them"
    ):
        export.export("egemaps-stl", Path("out"))
    write_json(Path("metrics/details.json"), details)


def test_clips_from_the_whole_table_are_checked_and_the_folder_may_be_named(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[np.ndarray] = []
    cards: list[tuple[Any, ...]] = []
    monkeypatch.setattr(export, "model_card", lambda *given: cards.append(given) or "# the card\n")
    monkeypatch.setattr(export, "largest_difference", lambda *given: asked.append(given[2]) or 1e-5)
    _, _, features = read_features(Path("data/features/egemaps.parquet"))
    run_stage(export, monkeypatch, "egemaps-stl", "given")
    monkeypatch.setattr(export, "CHECKED", 8)
    run_stage(export, monkeypatch, "egemaps-stl")
    run_stage(export, monkeypatch, "egemaps-stl")  # the default folder is made anew
    np.testing.assert_array_equal(asked[0], features)
    np.testing.assert_array_equal(asked[1], features[[0, 17, 34, 51, 68, 85, 102, 119]])
    end = "README.md, model.onnx (at most 1e-05 from the model) and the model itself"
    assert capsys.readouterr().out.splitlines() == [f"given: {end}", *[f"data/export/egemaps-stl: {end}"] * 2]
    source = {path.name: path.read_bytes() for path in (here / "data/models/egemaps-stl").iterdir()}
    found = {path.name: path.read_bytes() for path in (here / "given").iterdir()}
    assert found.keys() == source.keys() | {"README.md", "model.onnx"}
    assert found["README.md"] == b"# the card\n"
    facts = [read_json(Path(f"metrics/{name}.json")) for name in ("details", "corpus", "split")]
    assert list(cards[0][1:]) == [*facts, load().evaluate.confidence]
    assert cards[0][0].description.run == "egemaps-stl"
    assert all(found[name] == content for name, content in source.items())


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_package_gets_one_sentence(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any) -> Any:
        if name == package:
            raise ImportError(name)
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=f"package {package}, which is not installed; `make extras`"):
        export.export("egemaps-stl", Path("out"))
