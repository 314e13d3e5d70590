{{ config(meta={"dagster": {"ref": {"name": "mart_lots"}}}) }}

-- What came of a lot and did not leave is what remains of it; what is planned and what is at risk
-- make what is in stock, and nothing is planned of what is over.
with
    lots as (select * from {{ ref("mart_lots") }}),

    unbalanced as (
        select lot_id, site_id, remaining_kg
        from lots
        where
            remaining_kg
            <> received_kg
            + transfers_in_kg
            + transformation_output_kg
            - delivered_kg
            + returned_kg
            - parcels_kg
            - removed_kg
            - transfers_out_kg
            - transformation_input_kg
    ),

    over_promised as (
        select lot_id, site_id, planned_kg as remaining_kg
        from {{ ref("mart_lots_at_risk") }}
        where
            planned_kg < 0
            or at_risk_kg < 0
            or planned_kg + at_risk_kg <> stock_kg
            or (is_expired and planned_kg > 0)
    )

select *
from unbalanced
union all
select *
from over_promised
