"""Memory and time against the number of clips: ``python -m tests.benchmarks.scale [PART …]``.

Parts:

- ``stages``: every stage on corpora of made clips (2,000 to 200,000). Recordings and openSMILE give way to
  a generator behind the same code (6 KB of audio, 88 functionals and 30 frames a clip); all else is as it is.
- ``training``: the stages train and evaluate on made features of 6,373 columns (20,000 to 80,000 clips).
- ``labels``: reading and checking data_info.csv and the list of recordings, up to 1,000,000 rows.

Memory is the largest resident set of the process, time that of the processor, both as the kernel counts them.
The last column is computed: the values for a million clips, from the line through the two largest corpora.
Sizes can be given: ``stages=2000,20000``. The folder, some gigabytes, is a temporary one.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from stages.core.runtime.console import say
from stages.core.runtime.files import write_json
from stages.core.runtime.tables import write_features, write_table
from tests.helpers import ROOT
from tests.helpers.corpora import COLUMNS, EMOTIONS

MILLION = 1_000_000
SIZES = {"stages": (2000, 20_000, 200_000), "training": (20_000, 40_000, 80_000), "labels": (10**5, 10**6)}
SPEAKER_CLIPS = 20
COUNTRIES = ("China", "South Africa", "United States", "Venezuela")
WIDE = 6373
FRAMES = 30
STAGES = ("preprocess", "split", "features egemaps", "codebook", "boaw", "train made", "evaluate made")
LAST = ("summarize", "report")


def main() -> None:
    """Run the parts that are asked for, all by default."""
    asked = dict(word.partition("=")[::2] for word in sys.argv[1:]) or dict.fromkeys(SIZES, "")
    for part, sizes in asked.items():
        numbers = [int(size) for size in sizes.split(",")] if sizes else SIZES[part]
        rows: dict[str, dict[int, tuple[float, float]]] = {}
        for clips in numbers:
            with tempfile.TemporaryDirectory(dir=os.environ.get("SCALE_FOLDER")) as folder:
                for name, figures in PARTS[part](Path(folder), clips):
                    rows.setdefault(name, {})[clips] = figures
                    say(f"  {name}, {clips:,} clips: {figures[0]:.0f} MB, {figures[1]:.1f} s")
        say("\n".join(table(part, rows, numbers)))


def table(part: str, rows: dict[str, dict[int, tuple[float, float]]], sizes: Iterable[int]) -> Iterator[str]:
    """Lines of a Markdown table: MB and ms a clip for each size, and what a line says of a million clips."""
    yield f"\n{part}: MB, ms of processor time per clip\n"
    yield " | ".join(["| what", *(f"{size:,}" for size in sizes), "10⁶, computed |"])
    yield "|---" * (len(list(sizes)) + 2) + "|"
    for name, found in rows.items():
        cells = [f"{memory:.0f}, {1000 * seconds / clips:.2f}" for clips, (memory, seconds) in found.items()]
        if MILLION in found or len(found) < 2:
            yield " | ".join([f"| {name}", *cells, "– |"])
            continue
        (small, before), (large, after) = sorted(found.items())[-2:]
        memory, seconds = (
            after[which] + (after[which] - before[which]) / (large - small) * (MILLION - large)
            for which in (0, 1)
        )
        yield " | ".join([f"| {name}", *cells, f"{memory / 1000:.1f} GB, {seconds / 60:.0f} min |"])


def measured(folder: Path, *words: str) -> tuple[float, float]:
    """Largest resident set in MB and processor time in s of a Python program.

    Raises:
        RuntimeError: if it fails.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with Path(folder, "log.txt").open("w") as log:
        actions = [
            (os.POSIX_SPAWN_DUP2, log.fileno(), 1),
            (os.POSIX_SPAWN_DUP2, log.fileno(), 2),
        ]
        before = Path.cwd()
        os.chdir(folder)
        process = os.posix_spawn(sys.executable, [sys.executable, *words], environment, file_actions=actions)
        os.chdir(before)
    _, status, used = os.wait4(process, 0)
    if status:
        raise RuntimeError(f"{' '.join(words)}\n{Path(folder, 'log.txt').read_text()}")
    return used.ru_maxrss / 1000, used.ru_utime + used.ru_stime


def write_parameters(folder: Path, **sections: Any) -> None:
    """params.yaml with one small run."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    content |= {
        "features": {"egemaps": "eGeMAPSv02"},
        "fused_features": {},
        "runs": {"made": {"features": "egemaps", "model": "mtl2"}},
    }
    content["corpus"]["path"] = "corpus"
    content["train"] |= {"epochs": 2, "seeds": [1, 2], "batch_size": 64}
    content["codebook"] |= {"features": "egemaps", "size": 100, "frames": 100_000}
    content["evaluate"]["bootstrap"] = 100
    content["compute"]["processes"] = 1
    for section, keys in sections.items():
        content[section] |= keys
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def write_corpus(folder: Path, clips: int) -> None:
    """data_info.csv and as many recordings of a few bytes, no two of them equal."""
    (folder / "corpus/wav").mkdir(parents=True)
    rng = np.random.default_rng(1)
    with (folder / "corpus/data_info.csv").open("w", encoding="utf-8") as info:
        info.write(",".join(COLUMNS) + "\n")
        for clip in range(clips):
            speaker = clip // SPEAKER_CLIPS
            ratings = ",".join(map(str, rng.integers(0, 101, len(EMOTIONS))))
            country, split = COUNTRIES[speaker % 4], ("Train", "Val", "Test")[speaker // 4 % 3]
            info.write(f"[{clip:07d}],{split},S{speaker},{country},{20 + speaker % 60},{ratings}\n")
            (folder / f"corpus/wav/{clip:07d}.wav").write_text(str(clip))


def of_stages(folder: Path, clips: int) -> Iterator[tuple[str, tuple[float, float]]]:
    """Every stage, one after the other."""
    write_parameters(folder)
    write_corpus(folder, clips)
    (folder / "data").mkdir()
    (folder / "data/checked.json").touch()
    for stage in (*STAGES, *LAST):
        yield stage, measured(folder, "-m", "tests.benchmarks.scale", "--stage", *stage.split())


def of_training(folder: Path, clips: int) -> Iterator[tuple[str, tuple[float, float]]]:
    """Train and evaluate on wide features."""
    write_parameters(folder, train={"epochs": 1, "seeds": [1], "batch_size": 64})
    speaker = np.arange(clips) // SPEAKER_CLIPS
    clip_ids = [f"{clip:07d}" for clip in range(clips)]
    rng = np.random.default_rng(1)
    labels = pd.DataFrame(
        {
            "clip_id": clip_ids,
            "speaker": [f"S{who}" for who in speaker],
            **{f"label {name}": rng.integers(0, 101, clips).astype(np.float64) for name in EMOTIONS},
            "label Country": np.array(COUNTRIES)[speaker % 4],
            "label Age": 20.0 + speaker % 60,
            "seconds": 1.0,
        }
    )
    labels.columns = [name.removeprefix("label ") for name in labels]
    write_table(folder / "data/recordings.parquet", labels)
    splits = np.array(["train", "validation", "test"])[speaker % 3]
    write_table(folder / "data/splits.parquet", pd.DataFrame({"clip_id": clip_ids, "split": splits}))
    some = rng.standard_normal((997, WIDE), np.float32)
    rows = (some[clip % 997] for clip in range(clips))
    names = [f"feature {column}" for column in range(WIDE)]
    write_features(folder / "data/features/egemaps.parquet", clip_ids, names, rows)
    matrix = clips * 2 / 3 * WIDE * 4e-6
    for stage in ("train made", "evaluate made"):
        memory, seconds = measured(folder, "-m", *f"stages.{stage}".split())
        say(f"  {stage}: {memory:.0f} MB; training and validation clips are {matrix:.0f} MB")
        yield stage, (memory, seconds)


def of_labels(folder: Path, clips: int) -> Iterator[tuple[str, tuple[float, float]]]:
    """Labels alone, then the stage split."""
    write_parameters(folder)
    write_corpus(folder, clips)
    yield "read_corpus", measured(folder, "-m", "tests.benchmarks.scale", "--stage", "read_corpus")


PARTS: dict[str, Callable[[Path, int], Iterator[tuple[str, tuple[float, float]]]]] = {
    "stages": of_stages,
    "training": of_training,
    "labels": of_labels,
}


def run_stage(name: str, *arguments: str) -> None:
    """A stage with made recordings and features, in a process of its own."""
    import importlib

    from stages.core.audio import converting
    from stages.core.config.load import load
    from stages.core.features import extract

    if name == "read_corpus":
        from stages.core.corpus.reading import read_corpus

        parameters = load()
        read_corpus(parameters.corpus, parameters.tasks, parameters.split.balance)
        return
    converting.parallel_map = made_clips  # type: ignore[assignment]
    extract.parallel_map = made_features  # type: ignore[assignment]
    sys.argv = [name, *arguments]
    importlib.import_module(f"stages.{name}").main()
    if name == "evaluate":
        write_json(Path(".cache/seconds/made.json"), {"training": 1.0})


def made_clips(_function: Any, items: Iterable[tuple[int, Any]], _compute: Any) -> Iterator[tuple[int, Any]]:
    """Clips of bytes instead of sound."""
    from stages.core.audio.converting import ConvertedClip

    for number, _ in items:
        yield number, ConvertedClip(np.random.default_rng(number).bytes(6000), 1.0, 44_100, 1, "")


def made_features(
    _function: Any, items: Iterable[tuple[bytes, Any]], _compute: Any
) -> Iterator[tuple[bytes, Any]]:
    """Random features instead of openSMILE's."""
    from stages.core.features.extractor import Features
    from stages.core.features.feature_sets import column_names

    names = column_names("eGeMAPSv02")
    for key, _ in items:
        rng = np.random.default_rng(int.from_bytes(key[:8]))
        yield (
            key,
            Features(
                rng.standard_normal(len(names.functionals), np.float32),
                rng.standard_normal((FRAMES, len(names.descriptors)), np.float32),
            ),
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--stage"]:
        run_stage(*sys.argv[2:])
    else:
        main()
