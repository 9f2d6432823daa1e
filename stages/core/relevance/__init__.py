"""Which acoustic families and features a trained run hears in a voice, and for whom.

It may import networks, scoring, synthetic, dataset, metrics, arithmetic, config and runtime; never torch.
"""
