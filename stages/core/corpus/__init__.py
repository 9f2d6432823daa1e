"""A folder of recordings with data_info.csv, read with checks; the quarantine of clips that cannot be used.

It may import config and runtime.
"""
