"""The report: which tables and figures it shows, its sentences and its page.

It may import figures, scoring and the packages that these may import; never torch.
"""
