"""One file a page: calls the view model of the page, then lays it out.

Nothing here works out a value: that belongs in `page_models/`. The pieces are in `blocks.py`.
"""
