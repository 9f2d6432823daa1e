"""Any recording to 16 kHz, 16 bit, mono; shards of such clips.

It may import config and runtime.
"""
