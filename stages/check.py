"""Look before hours are spent: are params.yaml and the corpus sound?

``python -m stages.check`` checks params.yaml, the paths that it names and the corpus's label files, and
writes data/checked.json for the stages behind it. ``python -m stages.check --corpus`` also opens every
recording, prints what it found with a verdict, and writes metrics/check.json.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from stages.command import guarded, section
from stages.core.audio.decoding import measure
from stages.core.config.data import PreprocessOptions
from stages.core.config.load import Parameters, load
from stages.core.config.parameters import FILE
from stages.core.config.sources import OpenSmileSet
from stages.core.corpus.links import linked_folders, state_of
from stages.core.corpus.reading import Corpus, duplicates, read_corpus, refuse_if_mostly_unusable
from stages.core.corpus.recordings import undigestible
from stages.core.dataset.speakers import speakers_of
from stages.core.features.known_sets import known_feature_sets
from stages.core.runtime.console import progress, say
from stages.core.runtime.errors import UnusableClipError, UserError, did_you_mean
from stages.core.runtime.files import write_json
from stages.core.runtime.quarantine import Fault
from stages.core.scoring.challenges import CHALLENGES

SYNTHETIC = "data/synthetic"


def main() -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(prog="python -m stages.check", description=__doc__)
    parser.add_argument("--corpus", action="store_true", help="check every recording, too")
    arguments = parser.parse_args()
    parameters = load()
    _refuse_lost_keys()
    _refuse_unknown_feature_sets(parameters)
    folder = Path(parameters.corpus.path)
    labels = parameters.corpus.labels
    made_later = folder.resolve() == Path(SYNTHETIC).resolve() and not (folder / labels[0]).exists()
    if not made_later:
        _check_folder(folder, labels)
    words = parameters.codebook.file
    if words is not None and not Path(words).is_file():
        raise UserError(f"params.yaml: codebook.file is {words!r}, which is no file; null learns a codebook.")
    for name, source in parameters.external.items():
        if not Path(source.path).exists():
            raise UserError(f"params.yaml: external.{name}.path is {source.path!r}, which does not exist.")
    _refuse_another_challenge(parameters)
    if made_later:
        say("params.yaml is sound; the embedded corpus is made by `dvc repro synthesize`")
    else:
        with section():
            split = parameters.split
            corpus = read_corpus(parameters.corpus, parameters.tasks, split.balance, split.balance_option)
        refuse_if_mostly_unusable(corpus.faults, corpus.listed, folder)
        if arguments.corpus:
            _check_corpus(corpus, folder, parameters)
    if not arguments.corpus:
        links = linked_folders(parameters.corpus)
        seen = {"linked": state_of(links)} if links else {}  # what DVC does not see
        write_json(Path("data/checked.json"), {"corpus": parameters.corpus.path, **seen})


def _refuse_lost_keys() -> None:
    """Refuse to leave out a key that has a default but that dvc.yaml names: DVC would stop much later."""
    pipeline = Path("dvc.yaml")
    if not pipeline.exists():
        return
    stages = yaml.safe_load(pipeline.read_text(encoding="utf-8"))["stages"].values()
    asked = {name for stage in stages for name in stage.get("do", stage).get("params", ())}
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    lost = sorted(name for name in asked if "$" not in name and not _holds(content, name.split(".")))
    if lost:
        raise UserError(
            f"params.yaml: {', '.join(lost)} must stay, since dvc.yaml names it; write its default."
        )


def _holds(content: Any, keys: Sequence[str]) -> bool:
    """Whether nested dictionaries have a key of keys."""
    if not keys:
        return True
    return isinstance(content, dict) and keys[0] in content and _holds(content[keys[0]], keys[1:])


def _refuse_unknown_feature_sets(parameters: Parameters) -> None:
    known = known_feature_sets()
    for name, source in parameters.features.items():
        if isinstance(source, OpenSmileSet) and source.set not in known:
            raise UserError(
                f"params.yaml: features.{name} is {source.set!r}, which openSMILE does not have"
                f"{did_you_mean(source.set, known)}."
            )


def _refuse_another_challenge(parameters: Parameters) -> None:
    name = parameters.corpus.challenge
    if name is not None and CHALLENGES[name].tasks(parameters.tasks) is None:
        columns = CHALLENGES[name].columns
        raise UserError(
            f"params.yaml: corpus.challenge is {name!r}, but its columns ({', '.join(columns[:3])}"
            f"{', …' * (len(columns) > 3)}) are not those of tasks, or tasks score otherwise; "
            f"`python -m stages.preset {name}` sets both."
        )


def _check_folder(folder: Path, labels: Sequence[str]) -> None:
    """Refuse a corpus that is not there, or that DVC cannot digest."""
    for name in labels:
        if (folder / name).is_file():
            continue
        elsewhere = _in_the_repository(folder, name)
        raise UserError(
            f"params.yaml: corpus.path is {str(folder)!r}, which holds no {name}; "
            + (
                "this experiment runs in a copy of the repository, which has only what git and DVC track: "
                f"set corpus.path to {str(elsewhere)!r} or `dvc add` the corpus."
                if elsewhere
                else f"name the corpus's top folder{_label_files(folder)}, or {SYNTHETIC} (embedded)."
            )
        )
    problems = list(undigestible(folder))
    if problems:
        path, problem = problems[0]
        more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        raise UserError(
            f"{path} {problem}, so that DVC cannot digest the corpus; correct or remove it{more}."
        )


def _label_files(folder: Path) -> str:
    """A remark on the tables of a folder, which may be the label files that corpus.labels must name."""
    names = sorted(path.name for path in folder.glob("*") if path.suffix.lower() in (".csv", ".tsv", ".txt"))
    return f", its label files in corpus.labels (here {', '.join(names[:3])}?)" if names else ""


def _in_the_repository(folder: Path, name: str) -> Path | None:
    """The corpus in the repository that an experiment's temporary copy was made from; None: there is none."""
    here = Path.cwd()
    for parent in here.parents:
        if parent.parts[-3:] == (".dvc", "tmp", "exps"):
            original = (parent.parents[2] / folder).resolve()
            return original if (original / name).is_file() else None
    return None


def _check_corpus(corpus: Corpus, folder: Path, parameters: Parameters) -> None:
    seconds, faults = _measure(corpus, parameters.preprocess)
    faults = [*corpus.faults, *faults]
    found = {
        "corpus": corpus.name,
        "clips listed": corpus.listed,
        "clips that open": len(seconds),
        "clips to quarantine": len(faults),
        "speakers": int(speakers_of(corpus.clips).nunique()),
        "hours": round(sum(seconds) / 3600, 2),
        **{
            f"labelled for {name}": int(corpus.clips[task.label_columns].notna().all(axis=1).sum())
            for name, task in parameters.tasks.items()
        },
    }
    reasons = dict(sorted(Counter(fault.reason for fault in faults).items()))
    suspicious = list(corpus.warnings)
    same = duplicates(corpus)
    if same:
        clips, example = sum(map(len, same)), " and ".join(same[0][:2])
        suspicious.append(f"{clips} clips share their recording with another, for example {example}")
    remarks = {"suspicious": suspicious, "notes": list(corpus.notes)}
    _print_findings(found, reasons, faults, remarks)
    write_json(Path("metrics/check.json"), {**found, "reasons": reasons, **remarks})
    refuse_if_mostly_unusable(faults, corpus.listed, folder)
    say(f"verdict: {corpus.name} can be used" + (", without the clips named above" if faults else ""))


def _measure(corpus: Corpus, options: PreprocessOptions) -> tuple[list[float], list[Fault]]:
    """Seconds of each clip whose header says that it can be used, and the faults of the others."""
    seconds, faults = [], []
    for clip_id, path in progress(sorted(corpus.paths.items()), len(corpus.paths), "clip"):
        try:
            seconds.append(measure(path, options))
        except UnusableClipError as error:
            faults.append(Fault(clip_id, "check", error.reason, error.detail))
    return seconds, faults


def _print_findings(
    found: dict[str, Any],
    reasons: dict[str, int],
    faults: Sequence[Fault],
    remarks: dict[str, list[str]],
) -> None:
    for name, value in found.items():
        say(f"{name:24} {value}")
    for reason, count in reasons.items():
        example = next(fault for fault in faults if fault.reason == reason)
        say(f"  {reason:22} {count}, for example {example.clip_id}: {example.detail}")
    for heading, sentences in remarks.items():
        if sentences:
            say("\n  ".join([f"{heading}:", *sentences]))


if __name__ == "__main__":
    guarded(main)
