"""The room of the dashboards: what people read, in French and English, from published data only.

`server.py` serves it, `app.py` is a run of the Streamlit script, `page_models/` answers what a page
says, `figures/` and `blocks.py` draw it. Nothing here computes an indicator: that belongs in
`dbt_project/` and `pipelines/`.
"""
