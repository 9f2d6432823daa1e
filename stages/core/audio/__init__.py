"""Convert any recording to 16 kHz, 16 bit, mono, and store such clips in shards.

It may import config and runtime.
"""
