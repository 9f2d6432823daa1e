"""The parameters: type, default and bounds of each, and loading params.yaml with checks.

It may import runtime.
"""
