"""What the stages share: pure functions over arrays and tables, in packages by subject."""

from pathlib import Path

from stages.core.runtime.kernel_cache import ensure_writable

ensure_writable(Path(__file__).parent)
