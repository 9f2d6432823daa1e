"""Clips per second of each source of features: ``python -m tests.benchmarks.sources [NAME …] --clips 100``.

In a project whose data/audio exists: reads clips spread evenly over it and prints, for each entry of
``features`` and ``external`` in params.yaml (or those named), the clips per second of processor time of one
process. Tables are joined by clip id, not computed, and are left out.
"""

import argparse
import time
from pathlib import Path

from stages.command import guarded
from stages.core.audio.shards import decode, read_shards
from stages.core.config.load import load
from stages.core.config.sources import TableSource
from stages.core.features.sources.source import open_source
from stages.core.runtime.console import say


def main() -> None:
    """Print a line for each source."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.sources", description=__doc__)
    parser.add_argument("names", nargs="*", help="entries of features or external; none: all")
    parser.add_argument("--clips", type=int, default=100)
    options = parser.parse_args()
    samples = [decode(flac) for _, flac in read_shards(Path("data/audio"))]
    chosen = samples[:: max(1, len(samples) // options.clips)][: options.clips]
    say(f"{len(chosen)} clips of {sum(map(len, chosen)) / len(chosen) / 16_000:.2f} s on average")
    for name, source in load().sources.items():
        if isinstance(source, TableSource) or (options.names and name not in options.names):
            continue
        extractor = open_source(source)
        extractor.extract(chosen[0])  # what is loaded with the first clip is paid once
        began = time.process_time()
        for clip in chosen:
            extractor.extract(clip)
        rate = len(chosen) / (time.process_time() - began)
        say(f"{name:16}{len(extractor.names):6} values{rate:8.1f} clips per second of processor time")


if __name__ == "__main__":
    guarded(main)
