"""The whole way from recordings to predictions, and then the short way that must agree with it."""

import csv
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from stages import boaw, codebook, evaluate, features, predict, preprocess, split, train
from stages.core.networks.model import Model
from stages.core.networks.network import Network, activated
from stages.core.prediction.predicting import output_names, predict_recordings
from stages.core.runtime.errors import UserError
from tests.helpers import ROOT
from tests.helpers.corpora import EMOTIONS, info_row, tone, write_info
from tests.helpers.tiny_project import run_stage

RUNS = {
    "egemaps-stl": {"features": "egemaps", "model": "stl"},
    "boaw-mtl2": {"features": "boaw", "model": "mtl2"},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with 24 recordings, in stereo at 44.1 kHz, and two trained runs."""
    import yaml

    folder = tmp_path_factory.mktemp("project")
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    content["codebook"] |= {"size": 10, "features": "egemaps"}
    content["boaw"] |= {"assignments": 2, "normalize": "norm"}
    content["train"] |= {"epochs": 2, "seeds": [1, 2]}
    content["evaluate"] |= {"bootstrap": 10}
    content["compute"] |= {"processes": 1}
    content["runs"] = RUNS
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    corpus = folder / "data/synthetic"
    write_info(corpus, [info_row(number, number // 2) for number in range(24)])
    (corpus / "wav").mkdir()
    (corpus / "corpus.json").write_text(json.dumps({"name": "tones", "synthetic": True}))
    for number in range(24):
        clip = tone(0.6 + number / 100, pitch=120 + 10 * number)
        soundfile.write(corpus / f"wav/{number:05d}.wav", np.column_stack([clip, clip * 0.5]), 44_100)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        run_stage(preprocess, monkeypatch)
        run_stage(split, monkeypatch)
        run_stage(features, monkeypatch, "egemaps")
        run_stage(codebook, monkeypatch)
        run_stage(boaw, monkeypatch)
        for run in RUNS:
            run_stage(train, monkeypatch, run)
            run_stage(evaluate, monkeypatch, run)
    return folder


@pytest.fixture
def command(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Run the command in a folder of its own, with the models but no params.yaml; give what it prints."""
    shutil.copytree(trained / "data/models", tmp_path / "data/models")
    (tmp_path / "clips").symlink_to(trained / "data/synthetic/wav")
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["predict", *arguments])
        capsys.readouterr()
        predict.main()
        return capsys.readouterr().out

    return call


@pytest.mark.parametrize("run", RUNS)
def test_the_predictions_are_those_of_evaluate_bit_for_bit(run: str, trained: Path) -> None:
    clips = sorted((trained / "data/synthetic/wav").iterdir())
    model = Model.load(trained / "data/models" / run)
    expected = pd.read_parquet(trained / f"data/predictions/{run}.parquet")
    for seed in model.seeds:
        rows = expected[expected["seed"] == seed].set_index("clip_id")
        for path, outcome in predict_recordings(model, clips, [seed]):
            found = {
                f"{task}.{name}": value
                for task, values in outcome.items()
                for name, value in zip(output_names(model, task), values, strict=True)
            }
            row = rows.loc[path.stem, list(found)]
            np.testing.assert_array_equal(np.array(list(found.values())), row.to_numpy(np.float32))


def test_a_readable_table(command: Callable[..., str]) -> None:
    text = command("clips/00003.wav", "--run", "egemaps-stl")
    lines = text.replace("\n           ", "  ").splitlines()
    assert lines[0] == "egemaps-stl trained on tones, mean of the seeds 1, 2"
    assert "synthetic" in lines[1]
    assert lines[3] == "clips/00003.wav"
    ratings = [float(word) for word in lines[4].split() if word[0].isdigit()]
    assert ratings == sorted(ratings, reverse=True)
    assert len(ratings) == 10
    assert lines[5].split()[0] == "country"
    assert 10 < float(lines[6].split()[1]) < 60


def test_json_and_csv_say_the_same(command: Callable[..., str]) -> None:
    records = json.loads(command("clips", "--run", "boaw-mtl2", "--json"))
    rows = list(csv.DictReader(io.StringIO(command("clips", "--run", "boaw-mtl2", "--csv"))))
    assert [record["file"] for record in records] == [f"clips/{number:05d}.wav" for number in range(24)]
    for record, row in zip(records, rows, strict=True):
        assert row["country"] == record["country"]["class"]
        assert float(row[f"country.{row['country']}"]) == max(record["country"]["probabilities"].values())
        assert sum(record["country"]["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert float(row["age.Age"]) == record["age"]["Age"]
        assert list(record["emotion"]) == EMOTIONS


def test_a_model_copied_elsewhere_and_a_single_seed(command: Callable[..., str]) -> None:
    shutil.move("data/models/boaw-mtl2", "elsewhere")
    shutil.rmtree("data")
    text = command("clips/00001.wav", "clips/00001.wav", "--model", "elsewhere", "--seed", "2")
    assert text.startswith("elsewhere trained on tones, seed 2\n")
    assert text.count("clips/00001.wav") == 1
    assert (Path("elsewhere") / "codebook.txt").read_text().startswith("standardizeInput\n")


def test_a_bad_file_does_not_stop_the_rest(
    command: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("notes.wav").write_text("no audio")
    with pytest.raises(SystemExit) as stopped:
        command("missing.wav", "clips/00001.wav", "notes.wav", "--run", "egemaps-stl", "--json")
    assert stopped.value.code == 1
    printed = capsys.readouterr()
    records = json.loads(printed.out)
    assert [record["file"] for record in records if "error" in record] == ["missing.wav", "notes.wav"]
    assert "age" in records[1]
    assert "missing.wav: missing: no such file" in printed.err
    assert "notes.wav: not audio: text" in printed.err
    with pytest.raises(SystemExit):
        command("missing.wav", "clips/00001.wav", "--run", "egemaps-stl", "--csv")
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert rows[0]["error"] == "missing: no such file"
    assert rows[0]["age.Age"] == ""


def test_the_submission(command: Callable[..., str]) -> None:
    printed = command("clips", "--run", "boaw-mtl2", "--submission", "our-team")
    assert printed.startswith("ExVo-Multi_our-team_1.csv (")
    table = pd.read_csv("ExVo-Multi_our-team_1.csv", dtype={"File_ID": str})
    assert list(table.columns) == ["File_ID", "Country", "Age", *EMOTIONS]
    assert list(table["File_ID"][:2]) == ["[00000]", "[00001]"]
    assert set(table["Country"]) <= {0, 1, 2, 3}
    assert table["Age"].between(10, 60).all()
    with pytest.raises(UserError, match="every clip"):
        command("clips", "missing.wav", "--run", "boaw-mtl2", "--submission", "our-team")
    with pytest.raises(UserError, match="letters, digits"):
        command("clips", "--run", "boaw-mtl2", "--submission", "../team")


def test_a_submission_of_the_test_clips_is_what_the_pipeline_predicted(
    command: Callable[..., str], trained: Path
) -> None:
    shutil.copytree(trained / "data/predictions", "data/predictions")
    table = pd.read_parquet("data/predictions/boaw-mtl2.parquet").sample(frac=1, random_state=1)
    table.to_parquet("data/predictions/boaw-mtl2.parquet")
    table = table[table["split"] == "test"].sort_values(["clip_id", "seed"]).set_index(["clip_id", "seed"])
    assert 4 < len(table) < 24
    Path("data/quarantine.csv").write_text(
        "clip_id,stage,reason,detail\n1,preprocess,silent,\n2,split,odd,\n"
    )
    words = ["--run", "boaw-mtl2", "--submission", "us", "--track", "exvo-multitask", "--number"]
    for number, (seeds, options) in enumerate({(1, 2): [], (2,): ["--seed", "2"]}.items(), 1):
        assert (
            command(*words, str(number), *options)
            == f"ExVo-Multi_us_{number}.csv ({len(table) // 2} clips)\n"
        )
        written = pd.read_csv(f"ExVo-Multi_us_{number}.csv", dtype={"File_ID": str})
        clips = list(table.index.get_level_values(0).unique())
        assert [name.strip("[]") for name in written["File_ID"]] == clips
        means = table.loc[(clips, list(seeds)), :].drop(columns="split").groupby("clip_id").mean()
        np.testing.assert_allclose(written["Age"], means["age.Age"], rtol=1e-5)
        np.testing.assert_allclose(written["Fear"], means["emotion.Fear"], rtol=1e-5)
        countries = means[[name for name in means if name.startswith("country.")]]
        assert written["Country"].tolist() == countries.to_numpy().argmax(axis=1).tolist()
    table = table.reset_index()
    table.assign(split="train").to_parquet("data/predictions/boaw-mtl2.parquet")
    with pytest.raises(UserError, match="has no clip of the test split; name the recordings to predict"):
        command(*words, "3")
    Path("data/predictions/boaw-mtl2.parquet").unlink()
    with pytest.raises(
        UserError, match=r"does not exist; `dvc repro evaluate@boaw-mtl2` predicts the test clips"
    ):
        command(*words, "3")


@pytest.mark.usefixtures("command")
def test_clips_that_are_not_in_a_submission_are_counted(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(trained / "data/predictions", "data/predictions")
    said = []
    for lines in ("1,preprocess,silent,\n2,split,odd,\n", ""):
        Path("data/quarantine.csv").write_text(f"clip_id,stage,reason,detail\n{lines}")
        run_stage(predict, monkeypatch, "--run", "boaw-mtl2", "--submission", "us")
        said.append(capsys.readouterr().err)
    lost = "data/quarantine.csv lists 2 clips that could not be used; none of them is in the file\n"
    assert said == [lost, ""]


@pytest.mark.parametrize("name", ["../team", "our team", "team/2", "team\n", "a,b", ""])
def test_the_name_of_a_team_is_a_word(command: Callable[..., str], name: str) -> None:
    with pytest.raises(UserError, match="a team's name consists of letters, digits, - and _"):
        command("clips", "--run", "boaw-mtl2", "--submission", name)
    assert list(Path().glob("*.csv")) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["clips", "--run", "egemaps-slt"],
            r"is not trained in data/models \(did you mean egemaps-stl\?\)",
        ),
        (["clips", "--run", "nothing"], "there are boaw-mtl2, egemaps-stl"),
        (
            ["clips", "--model", "nothing"],
            r"model\.json does not exist; copy the folder of the model again",
        ),
        (["clips", "--run", "egemaps-stl", "--seed", "9"], "trained with the seeds 1, 2, not with --seed 9"),
        (["empty", "--run", "egemaps-stl"], "empty holds no recording"),
    ],
)
def test_mistakes_get_one_sentence(arguments: list[str], sentence: str, command: Callable[..., str]) -> None:
    Path("empty").mkdir()
    with pytest.raises(UserError, match=sentence):
        command(*arguments)


def test_a_run_that_params_yaml_does_not_have_is_refused(command: Callable[..., str], trained: Path) -> None:
    shutil.copy(trained / "params.yaml", "params.yaml")
    assert command("clips/00001.wav", "--run", "egemaps-stl").startswith("egemaps-stl trained on tones")
    Path("data/models/egemaps-stl").rename("data/models/old-stl")
    with pytest.raises(UserError, match="runs has no old-stl; --model data/models/old-stl predicts"):
        command("clips/00001.wav", "--run", "old-stl")
    with pytest.raises(UserError, match=r"runs has no egemap-stl \(did you mean egemaps-stl\?\)"):
        command("clips/00001.wav", "--run", "egemap-stl")
    with pytest.raises(UserError, match="egemaps-stl is not trained in data/models"):
        command("clips/00001.wav", "--run", "egemaps-stl")


def test_other_files_of_a_folder_are_named(
    command: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("folder").mkdir()
    shutil.copy("clips/00001.wav", "folder/00001.wave")
    Path("folder/labels.csv").write_text("a,b\n")
    lines = command("folder", "--run", "egemaps-stl", "--csv").splitlines()
    assert [row.split(",")[0] for row in lines] == ["file", "folder/00001.wave"]
    Path("folder/linked").symlink_to("../clips")
    Path("folder/phone.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(2000))
    with pytest.raises(SystemExit):
        command("folder", "--run", "egemaps-stl", "--csv")
    errors = capsys.readouterr().err.splitlines()
    assert "left out, since not audio: folder/labels.csv" in errors
    assert "left out, since links to folders are not followed; name those you want: folder/linked" in errors
    assert errors[-1].startswith(
        "folder/phone.m4a: not audio: MPEG-4 (M4A); convert it: `ffmpeg -i phone.m4a"
    )


def test_predictions_from_any_folder(trained: Path, tmp_path: Path) -> None:
    """bin/predict finds the package; data/models is that of the folder, or else the project's own."""
    project = tmp_path / "project"
    shutil.copytree(ROOT / "stages", project / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "bin", project / "bin")
    shutil.copytree(trained / "data/models", project / "data/models")
    (project / ".venv").symlink_to(sys.prefix)
    (tmp_path / "elsewhere/stages").mkdir(parents=True)  # not the package
    shutil.copy(trained / "data/synthetic/wav/00001.wav", tmp_path / "elsewhere/my clip.wav")
    asked = [project / "bin/predict", "my clip.wav", "--run", "egemaps-stl", "--csv"]
    done = subprocess.run(asked, cwd=tmp_path / "elsewhere", capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1].startswith("my clip.wav,,")


def test_the_weights_can_be_read_by_whom_the_umask_says(trained: Path) -> None:
    modes = {path.stat().st_mode & 0o777 for path in (trained / "data/models/boaw-mtl2").iterdir()}
    assert len(modes) == 1


def test_a_model_that_cannot_do_what_is_asked(command: Callable[..., str]) -> None:
    folder = Path("data/models/egemaps-stl")
    model = Model.load(folder)
    replace(model, description=replace(model.description, origin={})).save(folder)
    for heard in (["clips"], ["--microphone", "1"]):
        with pytest.raises(UserError, match="does not say how its features were made"):
            command(*heard, "--run", "egemaps-stl")
    networks = [network for network in model.networks if network.tasks != ["age"]]
    weights = {name: values for name, values in model.weights.items() if "-age/" not in name}
    replace(model, description=replace(model.description, networks=networks), weights=weights).save(folder)
    with pytest.raises(
        UserError, match="asks for Age, which this model does not predict; it predicts emotion"
    ):
        command("--run", "egemaps-stl", "--submission", "team", "--track", "exvo-multitask")


def test_no_torch_to_predict_and_evaluate() -> None:
    modules = "stages.evaluate, stages.predict, stages.core.prediction.extraction"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_without_torch_the_network_is_the_same(trained: Path) -> None:
    for run in RUNS:
        model = Model.load(trained / "data/models" / run)
        inputs = np.random.default_rng(0).normal(size=(70, len(model.feature_names))).astype(np.float32)
        found = model.predict(inputs)
        for entry in model.networks:
            outputs = {task: model.description.outputs[task] for task in entry.tasks}
            network = Network(inputs.shape[1], outputs, model.description.architecture)
            prefix = f"{entry.name}/"
            network.load_arrays(
                {
                    name.removeprefix(prefix): values
                    for name, values in model.weights.items()
                    if name.startswith(prefix)
                }
            )
            scaled = network(torch.from_numpy(model.scaling(inputs)))
            for task in entry.tasks:
                values = activated(model.tasks[task], scaled[task]).detach().numpy()
                np.testing.assert_allclose(found[entry.seed][task], values, rtol=1e-4, atol=1e-5)


def test_what_comes_through_a_pipe(command: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    content = Path("clips/00003.wav").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    piped = json.loads(command("-", "--run", "egemaps-stl", "--json"))
    named = json.loads(command("clips/00003.wav", "--run", "egemaps-stl", "--json"))
    assert piped[0].pop("file") == "-"
    assert piped[0] == {key: value for key, value in named[0].items() if key != "file"}


def test_what_a_microphone_hears(command: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    heard = tone(1.5, pitch=200)[:24_000, None].astype(np.float32)
    asked = []

    def rec(frames: int, samplerate: int, channels: int, blocking: bool) -> np.ndarray:
        asked.append((frames, samplerate, channels, blocking))
        return heard

    fake = SimpleNamespace(rec=rec, PortAudioError=RuntimeError)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    spoken = json.loads(command("--microphone", "1.5", "--run", "egemaps-stl", "--json"))
    assert asked == [(24_000, 16_000, 1, True)]
    soundfile.write("same.wav", heard, 16_000, subtype="FLOAT")
    named = json.loads(command("same.wav", "--run", "egemaps-stl", "--json"))
    assert spoken[0].pop("file") == "microphone"
    assert spoken[0] == {key: value for key, value in named[0].items() if key != "file"}
    with pytest.raises(UserError, match=r"--microphone 0: take more than 0"):
        command("--microphone", "0", "--run", "egemaps-stl")
    with pytest.raises(SystemExit):
        command("same.wav", "--microphone", "1", "--run", "egemaps-stl")
    fake.rec = Mock(side_effect=RuntimeError("Error querying device -1"))
    with pytest.raises(UserError, match="no microphone can be recorded: Error querying device -1"):
        command("--microphone", "1", "--run", "egemaps-stl")
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(UserError, match="needs the package sounddevice"):
        command("--microphone", "1", "--run", "egemaps-stl")


def test_windows_are_predicted_as_files_of_their_own(command: Callable[..., str]) -> None:
    samples, rate = soundfile.read("clips/00020.wav")
    long = np.concatenate([samples, samples[::-1], samples])
    soundfile.write("long.wav", long, rate, subtype="FLOAT")
    printed = command(
        "long.wav", "--run", "egemaps-stl", "--window", "1", "--step", "0.5", "--json", "--plot", "long.png"
    )
    found = json.loads(printed)
    assert [entry["file"] for entry in found][:2] == ["long.wav#t=0,1", "long.wav#t=0.5,1.5"]
    soundfile.write("part.wav", long[rate // 2 : 3 * rate // 2], rate, subtype="FLOAT")
    alone = json.loads(command("part.wav", "--run", "egemaps-stl", "--json"))
    assert found[1]["emotion"] == alone[0]["emotion"]
    assert found[1]["country"] == alone[0]["country"]
    assert found[0]["emotion"] != found[1]["emotion"]
    assert Path("long.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["clips/00003.wav", "--plot", "a.png"], "--step and --plot go with --window"),
        (["clips/00003.wav", "--step", "1"], "--step and --plot go with --window"),
        (["clips/00003.wav", "--track", "a-vb-two"], "--track and --number go with --submission"),
        (["clips/00003.wav", "--number", "2"], "--track and --number go with --submission"),
        (["clips/00003.wav", "--submission", "t", "--number", "0"], "--number counts from 1"),
        (["clips/00003.wav", "--submission", "t", "--window", "1"], "--submission is of whole recordings"),
        ([], "name recordings, or --submission TEAM with --run RUN"),
    ],
)
def test_options_that_go_together(
    arguments: list[str], sentence: str, command: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command(*arguments, "--run", "egemaps-stl")
    assert sentence in capsys.readouterr().err


def test_a_submission_holds_every_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {Path(f"{number}.wav"): {"age": np.array([float(number)])} for number in range(700)}
    written: dict[str, float] = {}
    monkeypatch.setattr("sys.argv", ["predict", "folder", "--model", "model", "--submission", "team"])
    monkeypatch.setattr(predict, "_load", lambda *_: SimpleNamespace(seeds=(1,)))
    monkeypatch.setattr(predict, "find_recordings", lambda _: (list(made), []))
    monkeypatch.setattr(predict, "_outcomes", lambda *_: made.items())
    monkeypatch.setattr(
        predict,
        "_write_submission",
        lambda _, clips, __: written.update({clip: found["age"][0] for clip, found in clips.items()}),
    )
    predict.main()
    assert written == {str(number): float(number) for number in range(700)}
