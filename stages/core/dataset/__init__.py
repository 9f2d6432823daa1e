"""What the pipeline knows about its clips: labels as targets, splits, and their join with other tables.

It may import config and runtime.
"""
