"""Dagster only, one file per concept; stages are composed here so that an asset reads like a
sentence: load, call, save. Logic belongs in the stages.
"""
