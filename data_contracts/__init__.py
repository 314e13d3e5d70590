"""The common language of the platform: contracts, source profiles, the register of indicators.

YAML files say what records and marts look like; `loader` reads them. `publications` is the only
door to published data, `decisions` finds in it what somebody has to decide, `lateness` says by when
a file is due. Pipelines and dashboards both import this package; it imports neither of them.
"""
