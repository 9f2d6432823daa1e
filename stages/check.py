"""Look before hours are spent: are params.yaml and the corpus sound?

``python -m stages.check`` checks params.yaml and that ``corpus.path`` and the paths of ``external`` are
there, and writes data/checked.json for the stages behind it. ``python -m stages.check --corpus`` opens every
recording, prints what it found with a verdict, and writes metrics/check.json.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stages.command import guarded
from stages.core.audio.decoding import measure
from stages.core.config.data import PreprocessOptions
from stages.core.config.load import Parameters, load
from stages.core.corpus.reading import Corpus, duplicates, read_corpus, refuse_if_mostly_unusable
from stages.core.dataset.speakers import speakers_of
from stages.core.runtime.console import progress, say
from stages.core.runtime.errors import UnusableClipError, UserError
from stages.core.runtime.files import write_json
from stages.core.runtime.quarantine import Fault

SYNTHETIC = "data/synthetic"


def main() -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(prog="python -m stages.check", description=__doc__)
    parser.add_argument("--corpus", action="store_true", help="check every recording, too")
    arguments = parser.parse_args()
    parameters = load()
    folder = Path(parameters.corpus.path)
    made_later = parameters.corpus.path == SYNTHETIC and not folder.exists()
    if not made_later and not (folder / "data_info.csv").is_file():
        raise UserError(
            f"params.yaml: corpus.path is {parameters.corpus.path!r}, which holds no data_info.csv; "
            f"name the corpus's top folder, or {SYNTHETIC} for the embedded one."
        )
    words = parameters.codebook.file
    if words is not None and not Path(words).is_file():
        raise UserError(f"params.yaml: codebook.file is {words!r}, which is no file; null learns a codebook.")
    for name, source in parameters.external.items():
        if not Path(source.path).exists():
            raise UserError(f"params.yaml: external.{name}.path is {source.path!r}, which does not exist.")
    if not arguments.corpus:
        write_json(Path("data/checked.json"), {"corpus": parameters.corpus.path})
    elif made_later:
        say("params.yaml is sound; the embedded corpus is made by `dvc repro synthesize`")
    else:
        _check_corpus(folder, parameters)


def _check_corpus(folder: Path, parameters: Parameters) -> None:
    corpus = read_corpus(folder, parameters.tasks, parameters.split.balance, parameters.corpus.name)
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
            f"labelled for {name}": int(corpus.clips[list(task.columns)].notna().all(axis=1).sum())
            for name, task in parameters.tasks.items()
        },
    }
    reasons = dict(sorted(Counter(fault.reason for fault in faults).items()))
    suspicious = list(corpus.warnings)
    same = duplicates(corpus)
    if same:
        clips, example = sum(map(len, same)), " and ".join(same[0][:2])
        suspicious.append(f"{clips} clips share their recording with another, for example {example}")
    _print_findings(found, reasons, faults, suspicious)
    write_json(Path("metrics/check.json"), {**found, "reasons": reasons, "suspicious": suspicious})
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
    found: dict[str, Any], reasons: dict[str, int], faults: Sequence[Fault], warnings: Sequence[str]
) -> None:
    for name, value in found.items():
        say(f"{name:24} {value}")
    for reason, count in reasons.items():
        example = next(fault for fault in faults if fault.reason == reason)
        say(f"  {reason:22} {count}, for example {example.clip_id}: {example.detail}")
    for warning in warnings:
        say(f"suspicious: {warning}")


if __name__ == "__main__":
    guarded(main)
