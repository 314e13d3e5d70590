with
    rounds as (select * from {{ ref("fct_rounds") }} where kg_co2e is not null),

    own_emissions as (select * from {{ ref("fct_own_emissions_daily") }}),

    avoided as (select * from {{ ref("fct_avoided_daily") }})

select
    food_bank_id,
    round_date as emission_date,
    month,
    'induced' as ledger,
    'transport_' || kind as method_or_post,
    factor_id,
    factor_version,
    gwp_set,
    data_level,
    activity_quantity,
    activity_unit,
    kg_co2e_low,
    kg_co2e,
    kg_co2e_high
from rounds
union all
select
    food_bank_id,
    emission_date as emission_date,
    month,
    'induced' as ledger,
    post as method_or_post,
    factor_id,
    factor_version,
    gwp_set,
    data_level,
    activity_quantity,
    activity_unit,
    kg_co2e_low,
    kg_co2e,
    kg_co2e_high
from own_emissions
union all
select
    food_bank_id,
    distribution_date as emission_date,
    month,
    'avoided' as ledger,
    method as method_or_post,
    factor_id,
    factor_version,
    gwp_set,
    data_level,
    activity_quantity,
    activity_unit,
    kg_co2e_low,
    kg_co2e,
    kg_co2e_high
from avoided
