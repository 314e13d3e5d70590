"""Lays pages out on the screen.

Nothing here works out a value: that belongs in `page_models/`. The pieces are in `blocks.py`.
"""
