"""The parameters: a schema per subject with every default and bound, and loading with checks.

It may import runtime.
"""
