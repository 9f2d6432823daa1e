"""The report: which tables and figures it shows, its sentences, its page.

It may import figures, scoring and what they may import; never torch.
"""
