"""What the page for listening shows: clips, labels, predictions and errors; the page itself; its server.

It may import audio, dataset, metrics, config and runtime.
"""
