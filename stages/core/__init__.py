"""What the stages share: pure functions over arrays and tables, in packages by subject."""
