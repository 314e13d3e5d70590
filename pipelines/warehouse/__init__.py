"""How the dbt project is run: its inputs, its environment, its results.

SQL lives in `dbt_project`; what is published is decided in `publish`.
"""
