"""What every stage needs: errors, console, files, Parquet tables, processes, quarantine.

It may import the standard library and third-party packages, but no other package of core.
"""
