"""Clips that a stage could not use: nothing is dropped in silence."""

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from stages.core.runtime.files import write_text


@dataclass(frozen=True)
class Fault:
    """A clip that a stage could not use, as a row of the quarantine."""

    clip_id: str
    stage: str
    reason: str
    detail: str


def write_faults(path: Path, faults: Sequence[Fault]) -> None:
    """Write a quarantine file: CSV with the columns clip_id, stage, reason, detail."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["clip_id", "stage", "reason", "detail"])
    writer.writerows(astuple(fault) for fault in faults)
    write_text(path, text.getvalue())
