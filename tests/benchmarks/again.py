"""What one percent more clips costs: ``python -m tests.benchmarks.again [CLIPS [STAGE …]]``.

Each stage runs on a synthetic corpus of 4,000 or so many clips without one percent of them, all of the test
split; then on the whole corpus; then on the whole corpus again. The splits are the corpus's own, so that the
codebook stays the same. Figures are processor time in seconds, as the kernel counts it.
"""

import os
import sys
import tempfile
from pathlib import Path

from stages.core.runtime.console import say
from tests.benchmarks.scale import measured, write_parameters

STAGES = ("preprocess", "split", "features egemaps", "codebook", "boaw")
RUNS = ("without", "with", "again")


def main() -> None:
    """Measure and print a table."""
    clips = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    stages = sys.argv[2:] or STAGES
    with tempfile.TemporaryDirectory(dir=os.environ.get("SCALE_FOLDER")) as name:
        folder = Path(name)
        write_parameters(
            folder,
            corpus={"path": "data/synthetic"},
            synthesize={"speakers": clips // 4},
            split={"method": "official"},
            codebook={"size": 2000},
        )
        measured(folder, "-m", "stages.synthesize")
        (folder / "data/checked.json").touch()
        info = folder / "data/synthetic/data_info.csv"
        header, *rows = info.read_text(encoding="utf-8").splitlines()
        new = [row for row in rows if ",Test," in row][: clips // 100]
        seconds: dict[str, list[float]] = {stage: [] for stage in stages}
        for run in RUNS:
            kept = [row for row in rows if run != "without" or row not in new]
            info.write_text("\n".join([header, *kept, ""]), encoding="utf-8")
            for stage in stages:
                seconds[stage].append(measured(folder, "-m", *f"stages.{stage}".split())[1])
                say(f"  {stage}, {run} the one percent: {seconds[stage][-1]:.1f} s")
        say(f"\n| stage | {len(rows) - len(new):,} clips | {len(new)} more | nothing more |")
        say("|---|---|---|---|")
        for stage, found in seconds.items():
            say(f"| {stage} | {' | '.join(f'{value:.1f}' for value in found)} |")
        imports = measured(folder, "-c", "import stages.preprocess")[1]
        say(f"| Python and imports of preprocess | {' | '.join([f'{imports:.1f}'] * 3)} |")


if __name__ == "__main__":
    main()
