with
    factors as (select * from {{ ref("dim_factors") }}),

    used as (select distinct factor_id from {{ ref("fct_emission_lines") }})

select
    factors.* replace (
        cast(factors.year as bigint) as year, cast(factors.value as decimal(18, 6)) as value
    ),
    used.factor_id is not null as is_used
from factors
left join used on factors.factor_id = used.factor_id
