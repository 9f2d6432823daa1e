"""Print the scores that ``dvc repro`` left in metrics/: ``python -m stages.scores``."""

import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Literal

import yaml

from stages.command import guarded
from stages.core.config.load import load
from stages.core.reporting.sentences import speakers_known
from stages.core.reporting.terminal import bill_lines, challenge_lines, score_lines
from stages.core.runtime.console import say
from stages.core.runtime.errors import StageFileError
from stages.core.runtime.files import read_json
from stages.core.scoring.bill import BillRow
from stages.core.scoring.comparison import Comparison
from stages.core.scoring.run_groups import RunGroups
from stages.core.scoring.run_scores import read_record
from stages.core.scoring.summary import Summary

METRICS = Path("metrics")


def main() -> None:
    """Print the scores; compute nothing."""
    parameters = load()
    summary = read_record(Summary, METRICS / "details.json").ordered(parameters.runs, parameters.tasks)
    comparisons = read_record(list[Comparison], METRICS / "comparison.json")
    lines = score_lines(
        summary,
        comparisons,
        parameters.tasks,
        parameters.evaluate.confidence,
        training_seconds(summary.runs, "training"),
    )
    costs = bill_lines(
        read_record(list[BillRow], METRICS / "bill.json"), training_seconds(summary.runs, "processor")
    )
    together = challenge_lines(parameters, summary)
    say("\n".join(line.rstrip() for line in (*lines, *together, *costs)))
    if runs := RunGroups(parameters).in_speaker_units:
        say(f"\n{speakers_known(runs)}")
    if line := beside_committed():
        say(f"\n{line}")


def beside_committed() -> str | None:
    """One sentence on whether the results are those that git has; None without git or committed results."""
    results = ("metrics", "plots", "dvc.lock")
    listed = _git("ls-files", *results)
    if not listed:
        return None
    changed = [line[3:] for line in _git("status", "--porcelain", "--", *results)]
    if not changed:
        return "These results equal the committed ones."
    if changed == ["dvc.lock"] and _outputs(Path("dvc.lock").read_text()) == _outputs(_committed("dvc.lock")):
        return "These results equal the committed ones; dvc.lock notes other code or parameters."
    causes = sorted(
        {line[3:].partition("/")[0] for line in _git("status", "--porcelain", "--", "params.yaml", "stages")}
    )
    why = (
        f"{' and '.join(causes)} changed since"
        if causes
        else "the corpus, the versions of packages or an earlier commit's parameters may differ"
    )
    shown = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
    return f"These results differ from the committed ones in {shown}: {why}; `git diff --stat` shows where."


def _outputs(lock: str) -> dict[str, str]:
    """Output → hash, as the text of a dvc.lock has them."""
    stages = (yaml.safe_load(lock) or {}).get("stages", {}).values()
    return {out["path"]: out["md5"] for stage in stages for out in stage.get("outs", [])}


def _committed(file: str) -> str:
    """The text of a file in the last commit."""
    return "\n".join(_git("show", f"HEAD:{file}"))


def _git(*words: str) -> list[str]:
    """The lines that a git command prints; none where there is no git or no repository."""
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return done.stdout.splitlines()


def training_seconds(runs: Iterable[str], what: Literal["training", "processor"]) -> dict[str, float]:
    """Run → seconds that it trained on this machine, by the clock or of the processor, where that is known.

    No output of the pipeline holds them, since they differ each time.
    """
    found = {}
    for run in runs:
        with suppress(StageFileError, OSError):
            found[run] = read_json(Path(f".cache/seconds/{run}.json"))
    return {run: float(seconds[what]) for run, seconds in found.items() if what in seconds}


if __name__ == "__main__":
    guarded(main)
