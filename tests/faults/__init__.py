"""What a run survives: kills, a second run beside it, bad input, other machines.

FAULTS says how much is tried: the number of kills of a run, and a factor on the cases of each fuzz test.
It is 2 in `make test` and 20 in `make faults`.
"""

import os

FAULTS = int(os.environ.get("FAULTS", "2"))
