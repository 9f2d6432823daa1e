"""How far bags of audio words are from their limits; ratios within one run.

    python -m tests.benchmarks.boaw [assignment] [memory] [words] [command]

``assignment``: counting 50,000 and 200,000 frames against the bare matrix product of frames and words.
``memory``: time and peak memory of the stage boaw on 0.5, 1 and 2 million frames. ``words``: random++ of
2,000 words from a million frames. ``command``: openXBOW's command line on a CSV file of 200,000 frames,
beside openXBOW itself where the environment variable OPENXBOW names its jar. Frames are mixtures of real ones
where openXBOW's tables lie beside the project, else of random ones.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from stages.core.bags.assignment import BLOCK, Assigner
from stages.core.bags.codebook import standardization
from stages.core.bags.codebook_file import write_codebook
from stages.core.bags.learning import learn
from stages.core.features.descriptors import ROWS_PER_BATCH
from tests.helpers import ROOT, openxbow
from tests.helpers.codebooks import codebook_of
from tests.helpers.descriptors import write_clips
from tests.helpers.nearest_words import nearest_words

SIZE, COLUMNS, CLIP, ROUNDS = 2000, 130, 200, 5
GROUP = [np.arange(COLUMNS)]
MEASURED_CHILD = [
    sys.executable,
    "-c",
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)",
]
MEASURED = """
import resource, sys, time
sys.path.insert(0, sys.argv[1])
from {module} import {function} as run
start = time.perf_counter()
run()
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def mixtures(number: int, seed: int = 0) -> np.ndarray:
    """float32 [number, 130], standardized: each frame lies between two others."""
    rng = np.random.default_rng(seed)
    source = rng.standard_normal((5000, COLUMNS), dtype=np.float32)
    if openxbow.FOLDER.exists():
        source = openxbow.frames("train")
    standardization(source).apply(source)
    mixed = np.empty((number, COLUMNS), np.float32)
    for start in range(0, number, 10_000):
        one, other = rng.integers(0, len(source), (2, len(mixed[start : start + 10_000])))
        mixed[start : start + 10_000] = source[one] + 0.3 * (source[other] - source[one])
    return mixed


def seconds(work: Callable[[np.ndarray], object], frames: np.ndarray, threads: int) -> float:
    """Time of ``work`` on all batches, one batch per thread."""
    batches = [frames[start : start + ROWS_PER_BATCH] for start in range(0, len(frames), ROWS_PER_BATCH)]
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        start = time.perf_counter()
        list(pool.map(work, batches))
        return time.perf_counter() - start


def assignment() -> None:
    frames = mixtures(200_000)
    chosen = learn(frames[:20_000], SIZE, "random++", 10)
    transposed = chosen.T.copy()

    def product(batch: np.ndarray) -> None:
        out = np.empty((BLOCK, SIZE), np.float32)
        for start in range(0, len(batch), BLOCK):
            block = batch[start : start + BLOCK]
            np.matmul(block, transposed, out=out[: len(block)])

    print("  frames    a  threads  product (s)  counting (s)  ratio (median of rounds)")
    for number in (50_000, 200_000):
        for wanted in (10, 200):
            assigner = Assigner(codebook_of([chosen], wanted), GROUP)

            def count(batch: np.ndarray, assigner: Assigner = assigner) -> None:
                lengths = np.full(-(-len(batch) // CLIP), CLIP)
                lengths[-1] -= lengths.sum() - len(batch)
                assigner.count(batch, lengths)

            for threads in (1, 2):
                count(frames[:ROWS_PER_BATCH])
                pairs = [
                    [seconds(work, frames[:number], threads) for work in (product, count)]
                    for _ in range(ROUNDS)
                ]
                ratio = statistics.median(counting / bare for bare, counting in pairs)
                bare, counting = (min(times) for times in zip(*pairs, strict=True))
                print(
                    f"{number:8} {wanted:4} {threads:8} {bare:12.2f} {counting:13.2f} {ratio:6.2f}",
                    flush=True,
                )
    some = frames[:2000]
    for wanted in (10, 200):
        codebook = codebook_of([chosen], wanted)
        expected = np.zeros((len(some), SIZE), np.int32)
        np.put_along_axis(expected, nearest_words(some, codebook, GROUP), 1, axis=1)
        counted = Assigner(codebook, GROUP).count(some, np.ones(len(some), int)).bags
        print(
            f"a = {wanted}: {(counted != expected).any(axis=1).sum()} of {len(some)} frames count other words"
        )


def measured(module: str, function: str, folder: str) -> tuple[float, float]:
    """Seconds, and MB of memory at the peak, of a function in a process of its own."""
    script = MEASURED.format(module=module, function=function)
    command = [sys.executable, "-c", script, str(ROOT)]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    spent, peak = map(float, done.stdout.split()[-2:])
    return spent, peak / 1024


def memory() -> None:
    print("  frames  seconds  peak memory (MB)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
        frames = mixtures(100_000)
        chosen = learn(frames[:20_000], SIZE, "random++", 10)
        (folder / "data").mkdir()
        write_codebook(folder / "data/codebook.txt", codebook_of([chosen], 10, log=True))
        for shard in range(20):
            clips = [f"{shard:02d}-{number:04d}" for number in range(len(frames) // CLIP)]
            part = {clip: frames[CLIP * index : CLIP * (index + 1)] for index, clip in enumerate(clips)}
            write_clips(folder / "part", part)
            lld = folder / "data/lld/compare"
            lld.mkdir(parents=True, exist_ok=True)
            (folder / "part/0000.parquet").rename(lld / f"{shard:04d}.parquet")
            if shard + 1 in (5, 10, 20):
                spent, peak = measured("stages.boaw", "main", name)
                print(f"{(shard + 1) * len(frames):8} {spent:8.1f} {peak:17.0f}", flush=True)


def learn_words(number: int = 1_000_000) -> None:
    """What the process of :func:`random_words` does."""
    learn(mixtures(number), SIZE, "random++", 10)


def random_words() -> None:
    spent, peak = measured("tests.benchmarks.boaw", "learn_words", str(ROOT))
    sample = 1_000_000 * COLUMNS * 4 / 2**20
    print(
        f"random++, {SIZE} words of 1,000,000 frames: {spent:.0f} s, peak {peak:.0f} MB, "
        f"{peak / sample:.2f} × the sample of {sample:.0f} MB"
    )


def command_line(number: int = 200_000) -> None:
    """Time, processor time and peak memory of a whole call that loads a codebook; openXBOW's in turn."""
    frames = mixtures(number)
    chosen = learn(frames[:20_000], SIZE, "random++", 10)
    calls = {"here": [sys.executable, "-m", "stages.openxbow"]}
    if jar := os.environ.get("OPENXBOW"):
        calls["openXBOW"] = ["java", "-Xmx10g", "-jar", str(Path(jar).resolve())]
    print("           seconds  of the processor  peak memory (MB)")
    with tempfile.TemporaryDirectory() as name:
        with (Path(name) / "frames.csv").open("w") as table:
            for row, frame in enumerate(frames.tolist()):
                numbers = ";".join(f"{value:e}" for value in frame)
                table.write(f"'clip{row // CLIP}';{row % CLIP / 100:.2f};{numbers}\n")
        write_codebook(Path(name) / "codebook.txt", codebook_of([chosen], 10, log=True))
        rest = f"-i frames.csv -attributes nt1[{COLUMNS}] -b codebook.txt -writeName -o".split()
        for _ in range(3):
            for who, call in calls.items():
                before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
                environment = os.environ | {"PYTHONPATH": str(ROOT)}
                script = [*MEASURED_CHILD, *call, *rest, f"{who}.csv"]
                done = subprocess.run(
                    script, cwd=name, check=True, capture_output=True, text=True, env=environment
                )
                spent, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
                own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                print(
                    f"{who:9} {spent:8.1f} {own:17.1f} {int(done.stdout.split()[-1]) / 1024:17.0f}",
                    flush=True,
                )
        if jar:
            same = (Path(name) / "here.csv").read_bytes() == (Path(name) / "openXBOW.csv").read_bytes()
            print(f"the same bytes: {same}")


if __name__ == "__main__":
    parts = {"assignment": assignment, "memory": memory, "words": random_words, "command": command_line}
    for wanted_part in sys.argv[1:] or parts:
        parts[wanted_part]()
