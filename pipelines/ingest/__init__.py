"""From a landing file to rows of a record as text: claim, parse, map.

`landing` claims files into raw, `parsing` reads bytes into text with line numbers, `mapping`
applies a source profile. Types and rules are judged in `quality`; states are kept in `store`.
"""
