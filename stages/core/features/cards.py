"""A card says which bytes a feature table holds, so that a stage can depend on a few of many tables.

DVC cannot make the dependencies of a stage from a list in params.yaml. A stage that reads some of the tables
depends on the folder of cards, and checks the tables against them.
"""

from pathlib import Path

import pyarrow.parquet as pq

from stages.core.runtime.errors import StageFileError
from stages.core.runtime.files import digest_of, read_json, write_json


def write_card(card: Path, table: Path) -> None:
    """Describe a feature table: digest, clips and columns."""
    parquet = pq.ParquetFile(table)
    columns = len(parquet.schema_arrow.names) - 1
    write_json(card, {"clips": parquet.metadata.num_rows, "columns": columns, "digest": digest_of(table)})


def check_card(card: Path, table: Path) -> None:
    """See whether a table is the one that its card describes.

    Raises:
        StageFileError: if either is missing, or they do not fit.
    """
    for path in (card, table):
        if not path.is_file():
            raise StageFileError(path, "does not exist")
    if read_json(card)["digest"] != digest_of(table):
        raise StageFileError(table, f"is not the table that {card} describes")
