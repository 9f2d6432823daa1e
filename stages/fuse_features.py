"""Feature sets side by side, as one set: ``python -m stages.fuse_features KEY``.

KEY names an entry of ``fused_features`` in params.yaml. Reads data/cards/ and the tables of the sets in
data/features/. Writes data/features/KEY.parquet and data/quarantine/fused-KEY.csv.
"""

import sys
from pathlib import Path

from stages.command import guarded
from stages.core.config.load import load
from stages.core.features.cards import check_card
from stages.core.features.fusion import fuse_tables
from stages.core.runtime.console import say
from stages.core.runtime.errors import UserError
from stages.core.runtime.quarantine import write_faults

FEATURES, CARDS = Path("data/features"), Path("data/cards")


def main() -> None:
    """Run the stage."""
    parameters = load()
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in parameters.fused_features:
        known = ", ".join(parameters.fused_features) or "none yet"
        raise UserError(
            f"usage: python -m stages.fuse_features KEY, one of fused_features in params.yaml: {known}."
        )
    tables = {part: FEATURES / f"{part}.parquet" for part in parameters.fused_features[name]}
    for part, table in tables.items():
        check_card(CARDS / f"{part}.json", table)
    faults = fuse_tables(tables, FEATURES / f"{name}.parquet", f"fused-{name}")
    write_faults(Path(f"data/quarantine/fused-{name}.csv"), faults)
    say(f"{name}: {' + '.join(tables)}; {len(faults)} quarantined")


if __name__ == "__main__":
    guarded(main)
