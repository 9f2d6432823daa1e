"""What one percent more clips costs: ``python -m tests.benchmarks.again CORPUS [STAGE …]``.

The stages from the recordings to the bags run on a corpus, such as data/synthetic, without the last one
percent of its clips; then on the whole corpus, with the codebook as it was; then on the whole corpus once
more. Figures are processor time in seconds, as the kernel counts it, of the stages that are asked for.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from stages.core.runtime.console import say
from tests.benchmarks.scale import measured, write_parameters

STAGES = ("preprocess", "features egemaps", "boaw")


def main() -> None:
    """Measure and print a table."""
    stages = sys.argv[2:] or STAGES
    with tempfile.TemporaryDirectory(dir=os.environ.get("SCALE_FOLDER")) as name:
        folder = Path(name)
        shutil.copytree(sys.argv[1], folder / "corpus")
        write_parameters(folder, split={"balance": None}, codebook={"size": 2000})
        info = folder / "corpus/data_info.csv"
        header, *rows = info.read_text(encoding="utf-8").splitlines()
        kept = len(rows) - len(rows) // 100
        seconds: dict[str, list[float]] = {stage: [] for stage in stages}
        for number in (kept, len(rows), len(rows)):
            info.write_text("\n".join([header, *rows[:number], ""]), encoding="utf-8")
            for stage in stages:
                if stage == "boaw" and not (folder / "data/codebook.txt").exists():
                    measured(folder, "-m", "stages.split")
                    measured(folder, "-m", "stages.codebook")
                seconds[stage].append(measured(folder, "-m", *f"stages.{stage}".split())[1])
                say(f"  {stage}, {number} clips: {seconds[stage][-1]:.1f} s")
        say(f"\n| stage | {kept:,} clips | {len(rows) - kept} more | nothing more | imports alone |")
        say("|---|---|---|---|---|")
        for stage, found in seconds.items():
            imports = measured(folder, "-c", f"import stages.{stage.split()[0]}")[1]
            say(f"| {stage} | {' | '.join(f'{value:.1f}' for value in [*found, imports])} |")


if __name__ == "__main__":
    main()
