"""Is a label told by the recording alone, without the voice? ``python -m stages.bias NAME``.

Reads data/audio, data/recordings.parquet and data/splits.parquet. Writes metrics/bias/NAME.json and
plots/bias/NAME.csv: how well silence, noise, bandwidth, sample rate and channels tell the classes of the
column that section ``bias`` of params.yaml names.
"""

import argparse
from pathlib import Path

import numpy as np

from stages.command import guarded, section
from stages.core.audio.shards import decode, read_shards
from stages.core.config.load import load
from stages.core.dataset.join import join_clips
from stages.core.relevance.bias import Recorded, Told, classes_of_clips, told
from stages.core.relevance.explanation import four, table_of
from stages.core.relevance.nuisance import NAMES, nuisances
from stages.core.runtime.console import progress, say
from stages.core.runtime.files import write_csv, write_json
from stages.core.runtime.tables import read_table
from stages.core.scoring.sampling import Sampling

OF_THE_SOURCE = {"source_rate": "sample rate (Hz)", "source_channels": "channels"}


def main() -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(prog="python -m stages.bias", description=__doc__)
    parser.add_argument("name", help="an entry of section bias, for example country")
    name = parser.parse_args().name
    parameters = load()
    column = parameters.bias[name].column
    labels = join_clips(read_table(Path("data/recordings.parquet")), read_table(Path("data/splits.parquet")))
    with section(f"bias.{name}"):
        number, classes = classes_of_clips(column, labels)
    facts = {
        clip_id: nuisances(decode(flac))
        for clip_id, flac in progress(read_shards(Path("data/audio")), len(labels), "clip")
    }
    recorded = Recorded(
        [*NAMES, *OF_THE_SOURCE.values()],
        np.hstack([np.stack([facts[clip_id] for clip_id in labels["clip_id"]]), labels[[*OF_THE_SOURCE]]]),
        classes,
        number,
        labels["split"].to_numpy(str),
    )
    found = told(recorded, Sampling.of(labels.iloc[recorded.rows("test")], parameters.evaluate))
    write_json(Path(f"metrics/bias/{name}.json"), {row.by: four(row.uar) for row in found})
    write_csv(Path(f"plots/bias/{name}.csv"), *table_of(found, Told))
    for row in found:
        uar, low, high = ("–" if value is None else f"{value:.3f}" for value in (row.uar, row.low, row.high))
        say(f"{column} by {row.by}: UAR {uar} ({low} to {high}), p = {row.p:.3f}")


if __name__ == "__main__":
    guarded(main)
