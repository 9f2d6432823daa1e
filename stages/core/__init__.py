"""What the stages share: pure functions over arrays and tables, one subject a module."""
