"""Corpora of label files and empty recordings, as long as nobody opens these."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.core.config.data import CorpusOptions
from stages.core.config.load import load
from stages.core.config.tasks import Task
from stages.core.corpus.info import clip_id_of
from stages.core.corpus.reading import Corpus, read_corpus
from tests.helpers import ROOT
from tests.helpers.corpora import COLUMNS, write_info

TASKS = load(ROOT / "params.yaml").tasks


def make(folder: Path, rows: list[dict[str, Any]], columns: list[str] = COLUMNS) -> Path:
    write_info(folder, rows, columns)
    (folder / "wav").mkdir(exist_ok=True)
    for row in rows:
        name = clip_id_of(str(row["File_ID"]))
        if "/" not in name:
            (folder / "wav" / f"{name}.wav").touch()
    return folder


def read(
    folder: Path, tasks: Mapping[str, Task] = TASKS, balance: str | None = None, **options: Any
) -> Corpus:
    return read_corpus(CorpusOptions(str(folder), **options), tasks, balance)
