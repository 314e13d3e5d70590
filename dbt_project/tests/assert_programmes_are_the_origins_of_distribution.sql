{{ config(meta={"dagster": {"ref": {"name": "fct_programme_uses_daily"}}}) }}

-- What partners and households got of a programme is what the origins of distribution say, but for
-- the rounding of each line to a gram: one method, one answer.
with
    ledger as (
        select
            uses.food_bank_id,
            uses.month,
            uses.programme,
            sum(uses.weight_kg) as weight_kg,
            count(*) as count_lines
        from {{ ref("fct_programme_uses_daily") }} as uses
        where uses.outlet_kind in ('partner', 'household') and uses.is_food
        group by uses.food_bank_id, uses.month, uses.programme
    ),

    origins as (
        select food_bank_id, month, channel as programme, sum(weight_kg) as weight_kg
        from {{ ref("fct_distribution_origin_daily") }}
        where channel in ('{{ programme_channels() | join("', '") }}')
        group by food_bank_id, month, channel
    )

select food_bank_id, month, programme, ledger.weight_kg, origins.weight_kg as origin_kg
from ledger
full outer join origins using (food_bank_id, month, programme)
where
    abs(coalesce(ledger.weight_kg, 0) - coalesce(origins.weight_kg, 0))
    > 0.05 * coalesce(ledger.count_lines, 0)
