"""How far feature extraction is from its limits; ratios within one run.

    python -m tests.benchmarks.features [clips]

Uses the recordings of EmoGator where they lie beside the project, else synthetic voices.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import yaml

from stages.core.audio.mixing import SAMPLE_RATE
from stages.core.audio.recording import Clip, read_clip
from stages.core.audio.shards import encode, write_shard
from stages.core.config.data import PreprocessOptions
from stages.core.features.extractor import extract_clip
from stages.core.features.feature_sets import column_names, package_extractors
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.parallel import allocator, parallel_map
from stages.core.runtime.tables import read_features, write_features
from tests.core.features.test_extractor import RECORDINGS, voice
from tests.helpers import ROOT

HUME_VB_CLIPS, HUME_VB_SECONDS = 59_201, 2.23
STAGE = """
import resource, sys, time
from stages import features
sys.argv = ["features", sys.argv[1]]
start = time.perf_counter()
features.main()
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def clips(number: int) -> list[np.ndarray]:
    """int16 clips, real ones if there are any."""
    if not RECORDINGS:
        return [voice(1 + seed % 20 / 10, 100 + 7 * seed % 300, seed) for seed in range(number)]
    chosen = RECORDINGS[:: max(1, len(RECORDINGS) // number)][:number]
    return [clip.samples for path in chosen if isinstance(clip := read_clip(path, PreprocessOptions()), Clip)]


def with_package(name: str, levels: slice, samples: np.ndarray) -> None:
    """The calls of opensmile-python."""
    for level in package_extractors(name)[levels]:
        level.process_signal(samples.astype(np.float32) / 32768, SAMPLE_RATE)


def milliseconds(functions: list[Callable[[np.ndarray], object]], samples: list[np.ndarray]) -> list[float]:
    """Processor time per clip, median over clips, of several ways taken in turn."""
    times: list[list[float]] = [[] for _ in functions]
    for clip in [samples[0], *samples]:
        for function, spent in zip(functions, times, strict=True):
            start = time.process_time()
            function(clip)
            spent.append(1000 * (time.process_time() - start))
    return [statistics.median(spent[1:]) for spent in times]


def seconds_on(processes: int, name: str, samples: list[np.ndarray], warm: int = 0) -> float:
    """Wall time of the bare loop, after ``warm`` clips."""
    items = enumerate([*samples[:warm], *samples])
    start = time.perf_counter()
    for done, _ in enumerate(parallel_map(partial(extract_clip, name), items, ComputeOptions(processes)), 1):
        if done == warm:
            start = time.perf_counter()
    return time.perf_counter() - start


def stage(name: str, samples: list[np.ndarray], again: bool = False) -> tuple[float, float]:
    """Wall seconds and peak memory (MB) of the parent, of the whole stage in a project of its own."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        parameters = yaml.safe_load((ROOT / "params.yaml").read_text())
        parameters["compute"] = {"processes": 2, "scheduler": None}
        (project / "params.yaml").write_text(yaml.safe_dump(parameters))
        for first in range(0, len(samples), 250):
            chosen = samples[first : first + 250]
            ids = [f"{first + index:05d}" for index in range(len(chosen))]
            write_shard(
                project / f"data/audio/{first:05d}.parquet",
                ids,
                [encode(clip) for clip in chosen],
            )
        for _ in range(1 + again):
            run = subprocess.run(
                [sys.executable, "-c", STAGE, name],
                cwd=project,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                check=True,
                capture_output=True,
                text=True,
            )
        wall, peak = run.stdout.split()[-2:]
        return float(wall), int(peak) / 1024


def preloaded(samples_wanted: int) -> list[float]:
    """The first comparison again, ours with a faster allocator."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.features", "ours", str(samples_wanted)],
        cwd=ROOT,
        env={**os.environ, "LD_PRELOAD": allocator() or ""},
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(run.stdout)


def ours(samples: list[np.ndarray]) -> list[float]:
    """Milliseconds of our extraction, for ComParE and eGeMAPS."""
    return [
        milliseconds([partial(extract_clip, name)], samples)[0] for name in ("ComParE_2016", "eGeMAPSv02")
    ]


def main(number: int) -> None:
    """Print the table."""
    samples = clips(number)
    few = samples[:: max(1, number // 60)][:60]
    print(f"{len(few)} clips of {seconds(few):.2f} s, processor time per clip (median), all levels of a set")
    library = allocator()
    fast = preloaded(number) if library else [float("nan")] * 2
    for name, preload in zip(("ComParE_2016", "eGeMAPSv02"), fast, strict=True):
        ways = [
            partial(with_package, name, slice(None)),
            partial(with_package, name, slice(1)),
            partial(extract_clip, name),
        ]
        package, functionals, here = milliseconds(ways, few)
        print(f"  {name}: opensmile-python {package:.1f} ms (functionals alone {functionals:.1f} ms)")
        print(f"    ours {here:.1f} ms, {package / here:.2f} ×")
        if library:
            print(f"    ours with {library} preloaded {preload:.1f} ms, {package / preload:.2f} ×")
    scaling(samples[:200])
    for key, name in (("compare", "ComParE_2016"), ("egemaps", "eGeMAPSv02")):
        turns = [(seconds_on(2, name, samples), stage(key, samples)) for _ in range(3)]
        bare, (whole, peak) = min(turn[0] for turn in turns), min(turn[1] for turn in turns)
        repeat, _ = stage(key, samples, again=True)
        minutes = whole / len(samples) * HUME_VB_SECONDS / seconds(samples) * HUME_VB_CLIPS / 60
        print(f"{name}, {number} clips, two processes, best of three turns: bare loop {bare:.1f} s")
        print(f"    whole stage {whole:.1f} s, {whole / bare:.2f} ×; parent's peak {peak:.0f} MB")
        print(
            f"    nothing new {repeat:.1f} s; {HUME_VB_CLIPS} clips of {HUME_VB_SECONDS} s: {minutes:.0f} min"
        )
    _, small = stage("compare", samples[: number // 4])
    print(f"parent's peak on {number // 4} clips {small:.0f} MB")
    reading()


def seconds(samples: list[np.ndarray]) -> float:
    """Mean length of clips."""
    return float(np.mean([len(clip) for clip in samples])) / SAMPLE_RATE


def scaling(samples: list[np.ndarray]) -> None:
    """One process against two, best of three turns each."""
    turns = [
        [seconds_on(processes, "ComParE_2016", samples, warm=100) for processes in (1, 2)] for _ in range(3)
    ]
    one, two = (min(times) for times in zip(*turns, strict=True))
    print(f"{len(samples)} clips: one process {one:.2f} s, two {two:.2f} s, {one / two:.2f} ×")


def reading() -> None:
    """Time to read a table of ComParE's size."""
    names = column_names("ComParE_2016").functionals
    row = np.random.default_rng(1).normal(size=len(names)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        write_features(path, [f"{n:05d}" for n in range(20_000)], names, (row * n for n in range(20_000)))
        start = time.perf_counter()
        values = read_features(path)[2]
        print(f"reading {values.shape[0]} × {values.shape[1]}: {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["ours"]:
        print(json.dumps(ours(clips(int(sys.argv[2]))[:: max(1, int(sys.argv[2]) // 60)][:60])))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
