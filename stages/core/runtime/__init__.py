"""What every stage needs to run: errors, console, files, Parquet tables, parallel map, quarantine.

It may import the standard library and third-party packages, and no other package of core.
"""
