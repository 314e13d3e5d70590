"""An independent computation of every indicator, in plain Python, to hold the SQL against.

Written from the design, the decisions and the register; never from the SQL. Reference rows (the
seeds) are data and are read; formulas are not. Where both sides disagree, the design decides which
one is changed.
"""
