"""What test files share: corpora, tiny and whole projects, openXBOW's outputs."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
# How much is tried: the number of kills of a run, and a factor on the cases of each fuzz test.
FAULTS = int(os.environ.get("FAULTS", "2"))
