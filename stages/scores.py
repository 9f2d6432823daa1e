"""Print the scores that ``dvc repro`` left in metrics/: ``python -m stages.scores``."""

from collections.abc import Iterable
from pathlib import Path

from stages.command import guarded
from stages.core.config.load import load
from stages.core.reporting.sentences import speakers_known
from stages.core.reporting.terminal import score_lines
from stages.core.runtime.console import say
from stages.core.runtime.files import read_json
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
        training_seconds(summary.runs),
    )
    say("\n".join(line.rstrip() for line in lines))
    if runs := RunGroups(parameters).in_speaker_units:
        say(f"\n{speakers_known(runs)}")


def training_seconds(runs: Iterable[str]) -> dict[str, float]:
    """Run → how long it trained on this machine, for those that were trained here.

    No output of the pipeline holds it, since it differs each time.
    """
    paths = {run: Path(f".cache/seconds/{run}.json") for run in runs}
    return {run: float(read_json(path)["training"]) for run, path in paths.items() if path.exists()}


if __name__ == "__main__":
    guarded(main)
