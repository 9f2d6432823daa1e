"""Clips that a stage could not use: nothing is dropped in silence."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from stages.core.runtime.files import write_csv


@dataclass(frozen=True)
class Fault:
    """A clip that a stage could not use, as a row of the quarantine."""

    clip_id: str
    stage: str
    reason: str
    detail: str


def write_faults(path: Path, faults: Sequence[Fault]) -> None:
    """Write a quarantine file: CSV with the columns clip_id, stage, reason, detail."""
    write_csv(path, [field.name for field in fields(Fault)], map(astuple, faults))
