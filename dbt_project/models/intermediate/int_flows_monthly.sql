{{
    config(
        materialized="incremental",
        incremental_strategy="touched_months",
        meta={"touched_by": ledger_records()},
    )
}}

with
    movements as (
        select * from {{ ref("int_food_movements") }} {{ where_touched(ledger_records()) }}
    )

    {{ flow_sums("movements") }}
