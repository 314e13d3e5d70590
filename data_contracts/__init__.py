"""The common language of the platform: contracts, source profiles, the register of indicators.

YAML files say what records and marts look like; two small modules read them: `loader` (contracts,
profiles, register) and `publications` (published data, the only door to it). Pipelines and
dashboards both import this package; it imports neither of them.
"""
