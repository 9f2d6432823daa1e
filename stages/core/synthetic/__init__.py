"""The embedded corpus: invented speakers and the computation of their voices.

It may import config and runtime.
"""
