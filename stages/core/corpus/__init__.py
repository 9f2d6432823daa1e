"""Read a folder of recordings with its data_info.csv, and list the clips that cannot be used.

It may import config and runtime.
"""
