import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
import yaml

from stages import check
from stages.core.runtime.errors import UserError
from tests.helpers import ROOT
from tests.helpers.corpora import COLUMNS, info_row, tone, write_info


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", ["check", *arguments])
    check.main()


def test_the_embedded_corpus_may_come_later(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch)
    assert json.loads((project / "data/checked.json").read_text()) == {"corpus": "data/synthetic"}


@pytest.mark.parametrize("section", ["split", "boaw", "corpus"])
def test_what_dvc_asks_for_must_not_be_left_out(
    project: Path, section: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(ROOT / "dvc.yaml", project / "dvc.yaml")
    run(monkeypatch)
    content = yaml.safe_load((project / "params.yaml").read_text())
    content[section] = {"corpus": {"path": "data/synthetic"}}.get(section, {})
    (project / "params.yaml").write_text(yaml.safe_dump(content))
    if section == "corpus":
        run(monkeypatch)
        return
    with pytest.raises(
        UserError, match=rf"params\.yaml: {section}\.\w+.* must stay, since dvc\.yaml names it"
    ):
        run(monkeypatch)


def test_label_files_of_another_name_are_shown(
    project: Path, set_parameters: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "mine").mkdir()
    set_parameters(corpus={"path": "mine"})
    top = "params.yaml: corpus.path is 'mine', which holds no data_info.csv; name the corpus's top folder"
    for names, shown in (
        (["labels.tsv", "notes.md"], "labels.tsv"),
        (["b.CSV", "a.txt", "z.csv", "labels"], "a.txt, b.CSV, labels.tsv"),
    ):
        for name in names:
            (project / "mine" / name).write_text("File_ID\n")
        with pytest.raises(UserError) as caught:
            run(monkeypatch)
        labels = f", its label files in corpus.labels (here {shown}?)"
        assert str(caught.value) == f"{top}{labels}, or data/synthetic (embedded)."


def test_a_wrong_path_is_one_sentence(
    set_parameters: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_parameters(corpus={"path": "/nowhere"})
    with pytest.raises(UserError, match=r"corpus\.path is '/nowhere', which holds no data_info\.csv; name"):
        run(monkeypatch)


def test_a_codebook_that_is_not_there_is_found_before_features_are_extracted(
    set_parameters: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_parameters(codebook={"file": "words.txt"})
    with pytest.raises(UserError, match=r"codebook\.file is 'words\.txt', which is no file"):
        run(monkeypatch)


def test_a_table_that_is_not_there_is_found_before_features_are_extracted(
    set_parameters: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_parameters(external={"mine": {"kind": "table", "path": "mine.csv"}})
    with pytest.raises(UserError, match=r"external\.mine\.path is 'mine\.csv', which does not exist"):
        run(monkeypatch)


def test_a_sound_corpus(
    corpus: Path, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (corpus / "wav" / "00003.wav").write_bytes(b"RIFF")
    soundfile.write(corpus / "wav" / "00004.wav", tone(0.05), 44_100)
    run(monkeypatch, "--corpus")
    printed = capsys.readouterr().out
    assert "clips listed             24" in printed
    assert "not readable           1, for example 00003" in printed
    assert "too short              1, for example 00004: 0.0500 s, the limit is 0.1 s" in printed
    assert "verdict: synthetic can be used, without the clips named above" in printed
    assert "suspicious:" not in printed and "notes:" not in printed
    assert json.loads((project / "metrics/check.json").read_text())["labelled for age"] == 24


def sparse(path: Path, seconds: int) -> None:
    """A recording of zeros that takes no space."""
    soundfile.write(path, [0.0] * 8000, 8000)
    header = bytearray(path.read_bytes()[:44])
    header[40:44] = (seconds * 16_000).to_bytes(4, "little")
    path.write_bytes(header)
    with path.open("r+b") as file:
        file.truncate(44 + seconds * 16_000)


def test_all_that_a_check_finds(
    corpus: Path,
    project: Path,
    set_parameters: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_parameters(preprocess={"max_seconds": 3000})
    wav = corpus / "wav"
    other = {5: {"Age": "old"}, 9: {"Age": ""}, 10: {"Country": ""}, 11: {"Country": ""}}
    other |= {number: {"Awe": ""} for number in (6, 7, 8)}
    rows = [info_row(number, number // 2, **other.get(number, {})) for number in range(24)]
    write_info(corpus, [{**row, "Mood": "good"} for row in rows], [*COLUMNS, "Mood"])
    (wav / "00003.wav").write_bytes(b"RIFF")
    for number in (4, 13):
        soundfile.write(wav / f"{number:05d}.wav", tone(0.05, pitch=100 * number), 44_100)
    for copied, name in (("00014", "00015"), ("00014", "00016"), ("00017", "00018")):
        (wav / f"{name}.wav").write_bytes((wav / f"{copied}.wav").read_bytes())
    sparse(wav / "00019.wav", 3000)
    sparse(wav / "00020.wav", 1234)
    run(monkeypatch, "--corpus")
    # 18 tones of 0.4 s and more, 2.08 s in all: 18 · 0.4 s + 2.08 s + 4234 s = 1.18 h
    unreadable = "no decoder knows its format, or it is damaged; convert it to WAV"
    same = "5 clips share their recording with another, for example 00014 and 00015"
    unused = "columns that no task uses: Mood; to learn them, declare a task"
    assert (
        capsys.readouterr().out
        == f"""corpus                   synthetic
clips listed             24
clips that open          20
clips to quarantine      4
speakers                 12
hours                    1.18
labelled for emotion     20
labelled for country     21
labelled for age         22
  label is not a number  1, for example 00005: data_info.csv line 7: Age is 'old'
  not readable           1, for example 00003: {unreadable}
  too short              2, for example 00004: 0.0500 s, the limit is 0.1 s
suspicious:
  {same}
notes:
  {unused}
verdict: synthetic can be used, without the clips named above
"""
    )
    assert json.loads((project / "metrics/check.json").read_text()) == {
        "corpus": "synthetic",
        "clips listed": 24,
        "clips that open": 20,
        "clips to quarantine": 4,
        "speakers": 12,
        "hours": 1.18,
        "labelled for emotion": 20,
        "labelled for country": 21,
        "labelled for age": 22,
        "reasons": {"label is not a number": 1, "not readable": 1, "too short": 2},
        "suspicious": [same],
        "notes": [unused],
    }
    assert not (project / "data/checked.json").exists()


def test_a_corpus_of_faults_in_its_labels_stops_every_check(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_info(corpus, [info_row(number, number, Age="old" if number else 20) for number in range(24)])
    with pytest.raises(UserError, match="23 of 24 clips cannot be used, 23 of them label is not a number"):
        run(monkeypatch)
    assert not Path("data/checked.json").exists()


def test_a_verdict_without_faults_has_no_exception(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert corpus.is_dir()
    run(monkeypatch, "--corpus")
    assert capsys.readouterr().out.endswith("\nlabelled for age         24\nverdict: synthetic can be used\n")


@pytest.mark.usefixtures("corpus")
def test_a_slip_in_the_column_of_folds_is_called_so(
    set_parameters: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_parameters(split={"method": "folds", "folds": "Contry", "balance": "Contry"})
    with pytest.raises(UserError) as caught:
        run(monkeypatch)
    assert str(caught.value) == (
        "params.yaml: split.folds names 'Contry', but data_info.csv has 'Country' instead."
    )


@pytest.mark.usefixtures("corpus")
def test_a_corpus_that_cannot_be_used(
    set_parameters: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_parameters(preprocess={"min_seconds": 0.01, "max_seconds": 0.3})
    with pytest.raises(UserError, match="24 of 24 clips cannot be used, 24 of them too long"):
        run(monkeypatch, "--corpus")


@pytest.mark.usefixtures("project")
def test_nothing_to_check_yet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(monkeypatch, "--corpus")
    assert "params.yaml is sound" in capsys.readouterr().out


def test_what_is_suspicious_stands_apart_from_what_is_only_noted(
    corpus: Path, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{**info_row(number, number // 2), "Mood": "good"} for number in range(24)]
    write_info(corpus, rows, [*COLUMNS, "Mood"])
    (corpus / "wav" / "00003.wav").write_bytes((corpus / "wav" / "00007.wav").read_bytes())
    run(monkeypatch, "--corpus")
    same = "2 clips share their recording with another, for example 00003 and 00007"
    unused = "columns that no task uses: Mood; to learn them, declare a task"
    assert f"\nsuspicious:\n  {same}\nnotes:\n  {unused}\nverdict" in capsys.readouterr().out
    found = json.loads((project / "metrics/check.json").read_text())
    assert (found["suspicious"], found["notes"]) == ([same], [unused])


def test_what_dvc_cannot_digest_is_found_at_once(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, more in (("m.wav", ""), ("n.wav", " and 1 more"), ("l.wav", " and 2 more")):
        (corpus / "wav" / name).symlink_to("nothing")
        first = "l" if name == "l.wav" else "m"
        with pytest.raises(UserError) as caught:
            run(monkeypatch)
        assert str(caught.value) == (
            f"data/synthetic/wav/{first}.wav is a link to nothing, so that DVC cannot digest the corpus; "
            f"correct or remove it{more}."
        )


@pytest.mark.parametrize(
    ("name", "hint"), [("compare_2016", "did you mean ComParE_2016"), ("is13", "did you mean IS13")]
)
def test_feature_sets_that_opensmile_does_not_have(
    set_parameters: Callable[..., None], monkeypatch: pytest.MonkeyPatch, name: str, hint: str
) -> None:
    set_parameters(features={"compare": name})
    with pytest.raises(UserError, match=rf"features\.compare is '{name}', which openSMILE .*{hint}"):
        run(monkeypatch)


def test_a_corpus_that_an_experiments_copy_does_not_hold(
    project: Path, set_parameters: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_parameters(corpus={"path": "data/own"})
    write_info(project / "data/own", [info_row(1, 1)])
    copy = project / ".dvc/tmp/exps/tmpx1"
    copy.mkdir(parents=True)
    (copy / "params.yaml").write_bytes((project / "params.yaml").read_bytes())
    monkeypatch.chdir(copy)
    with pytest.raises(UserError, match=rf"runs in a copy .* set corpus\.path to '{project}/data/own'"):
        run(monkeypatch)


def test_a_corpus_without_labels_stops_before_anything_is_computed(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_info(
        corpus, [info_row(number, number) for number in range(24)], ["File_ID", "Subject_ID", "Valence"]
    )
    with pytest.raises(UserError, match="no label for any declared task"):
        run(monkeypatch)


def test_what_lies_behind_a_link_to_a_folder_is_looked_at_for_dvc(
    project: Path,
    tmp_path_factory: pytest.TempPathFactory,
    set_parameters: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """DVC notices no change there: check's output, on which preprocess depends, must change instead."""
    recordings = tmp_path_factory.mktemp("elsewhere")
    folder = project / "mine"
    folder.mkdir()
    write_info(folder, [info_row(number, number) for number in range(2)])
    for number in range(2):
        soundfile.write(recordings / f"{number:05d}.wav", tone(), 16_000)
    shutil.copytree(recordings, folder / "wav")
    set_parameters(corpus={"path": "mine"})
    checked = project / "data/checked.json"
    run(monkeypatch)
    assert json.loads(checked.read_text()) == {"corpus": "mine"}
    shutil.rmtree(folder / "wav")
    (folder / "wav").symlink_to(recordings)
    run(monkeypatch)
    before = checked.read_bytes()
    run(monkeypatch)
    assert checked.read_bytes() == before
    assert list(json.loads(before)) == ["corpus", "linked"]
    soundfile.write(recordings / "00001.wav", tone(0.7), 16_000)
    run(monkeypatch)
    assert checked.read_bytes() != before
    run(monkeypatch, "--corpus")
    assert "wav is a link to a folder, into which DVC does not look" in capsys.readouterr().out
