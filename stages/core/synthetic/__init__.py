"""The embedded corpus: invented speakers and the voices that are computed for them.

It may import config and runtime.
"""
