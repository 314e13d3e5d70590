{%- set columns = [
    "factor_id",
    "factor_version",
    "label_fr",
    "value",
    "unit",
    "activity_unit",
    "uncertainty_share",
    "gwp_set",
    "status",
    "source",
    "source_row_id",
    "year",
    "licence",
    "valid_from",
    "valid_to",
    "is_verified",
    "note",
] | join(", ") -%}
with
    emission_factors as (select * from {{ ref("emission_factors") }}),

    carbon_groups as (select * from {{ ref("carbon_groups") }})

select {{ columns }}, category
from emission_factors
union all
select {{ columns }}, 'production' as category
from carbon_groups
