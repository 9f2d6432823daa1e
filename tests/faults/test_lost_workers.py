"""The stages on a Dask cluster that loses a worker in each of them: the same bytes.

Two stages by default, all of them with ``make faults``.
"""

import shutil
import sys
from pathlib import Path

import pytest
import yaml

from tests.helpers import FAULTS
from tests.helpers.whole_project import Project, digests

dask = pytest.importorskip("dask")
pytest.importorskip("distributed")
from tests.helpers.dask_cluster import dask_cluster  # noqa: E402

STAGES = {
    "preprocess": ("data/audio", "data/recordings.parquet", ".cache/audio"),
    "features compare": ("data/features/compare.parquet", "data/lld/compare", ".cache/features"),
    "boaw": ("data/features/boaw.parquet",),
    "train compare-mtl2": ("data/models/compare-mtl2",),
    "evaluate compare-mtl2": ("data/predictions/compare-mtl2.parquet", "data/scores/compare-mtl2.json"),
    "summarize": ("metrics/details.json", "metrics/comparison.json"),
}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_worker_is_killed_in_each_stage(finished_copy: Project) -> None:
    expected = digests(finished_copy.folder)
    path = finished_copy.folder / "params.yaml"
    parameters = yaml.safe_load(path.read_text())
    with dask.config.set({"distributed.comm.timeouts.connect": "3s"}), dask_cluster(3) as cluster:
        parameters["compute"]["scheduler"] = cluster.address
        path.write_text(yaml.safe_dump(parameters, sort_keys=False))
        for number, (stage, outputs) in enumerate(list(STAGES.items())[:FAULTS], 1):
            for output in map(finished_copy.folder.joinpath, outputs):
                _remove(output)
            cluster.wait_for(3)
            with cluster.losing_one():
                finished_copy.run(f"python -m stages.{stage}")
            assert cluster.killed == number, stage
    assert digests(finished_copy.folder) == expected


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
