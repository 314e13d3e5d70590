"""Judges what comes in and what goes out: row rules, suites of Great Expectations, quarantine.

`rules` compiles a contract into one SQL pass, `judge` runs it over one delivery, `suites` compiles
contracts into suites over delivery profiles and over marts. Reading files belongs in `ingest`.
"""
