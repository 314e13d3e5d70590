"""Audits marts, writes a publication aside, puts it in place at once.

`export` writes the draft, `audit` records what was checked of exactly these files, `pointer` swaps
`CURRENT`. Marts are computed in dbt; they are read by `data_contracts.publications` only.
"""
