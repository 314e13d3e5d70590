"""What each page says: pure functions from a publication and filters to frozen view models.

One file a page; `balance.py` closes the mass balance for the third page. Reports and exports call
the same functions. Nothing here imports Streamlit or Plotly: drawing belongs in `views/`.
"""
