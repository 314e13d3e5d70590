"""The pipeline: from delivered files to a publication.

Plain code by stage (`ingest`, `quality`, `warehouse`, `publish`, `demo`) over `store` and
`settings`; `defs` holds Dagster's thin skin and `cli` the commands. Stages do not import each
other: composition happens in `defs`.
"""
