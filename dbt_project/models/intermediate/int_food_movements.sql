{{
    config(
        materialized="incremental",
        incremental_strategy="touched_months",
        meta={"touched_by": ledger_records()},
    )
}}

with
    receipts as (
        select *
        from {{ ref("int_receipts") }}
        where not is_deleted {{ where_touched(ledger_records(), keyword="and") }}
    ),

    deliveries as (
        select *
        from {{ ref("int_deliveries") }}
        where not is_deleted {{ where_touched(ledger_records(), keyword="and") }}
    ),

    parcels as (
        select *
        from {{ ref("int_parcels") }}
        where not is_deleted {{ where_touched(ledger_records(), keyword="and") }}
    ),

    removals as (
        select *
        from {{ ref("int_removals") }}
        where not is_deleted {{ where_touched(ledger_records(), keyword="and") }}
    ),

    transformations as (
        select *
        from {{ ref("int_transformations") }}
        where not is_deleted {{ where_touched(ledger_records(), keyword="and") }}
    ),

    transformation_inputs as (select * from transformations where direction = 'input'),

    transformation_outputs as (select * from transformations where direction = 'output'),

    transfers as (select * from {{ ref("int_transfers") }} where not is_deleted),

    shipments as (select * from transfers {{ where_touched(ledger_records()) }}),

    -- a transfer received without a weight arrived as it was shipped
    arrivals as (
        select
            *,
            coalesce(received_kg, shipped_kg) as arrived_kg,
            shipped_kg - coalesce(received_kg, shipped_kg) as lost_kg
        from transfers
        where
            received_date is not null
            {{
                where_touched(
                    ledger_records(),
                    month=first_day_of_month("received_date"),
                    keyword="and",
                )
            }}
    ),

    receipt_movements as (
        {{
            movement(
                "receipt",
                source="receipts",
                record="receipts",
                document="receipt_id",
                date="received_date",
                from_account="case when channel = 'inter_bank' then 'other_food_bank' else 'supplier' end",
                from_id="case when channel = 'inter_bank' then coalesce(from_food_bank_id, supplier_id) else supplier_id end",
                to_account="'site'",
                to_id="site_id",
                site_id="site_id",
                weight_kg="weight_kg",
                channel="channel",
                detail="case when unit in ('kg', 'g', 't', 'lb') then 'weighed' else 'converted' end",
                supplier_id="supplier_id",
                cost_eur="cost_eur",
            )
        }}
    ),

    dock_refusal_movements as (
        {{
            movement(
                "dock_refusal",
                source="receipts",
                record="receipts",
                document="receipt_id",
                date="received_date",
                from_account="'site'",
                from_id="site_id",
                to_account="case when channel = 'inter_bank' then 'other_food_bank' else 'supplier' end",
                to_id="case when channel = 'inter_bank' then coalesce(from_food_bank_id, supplier_id) else supplier_id end",
                site_id="site_id",
                weight_kg="refused_at_dock_kg",
                channel="channel",
                detail="case when unit in ('kg', 'g', 't', 'lb') then 'weighed' else 'converted' end",
                supplier_id="supplier_id",
            )
        }}
    ),

    delivery_movements as (
        {{
            movement(
                "delivery",
                source="deliveries",
                record="deliveries",
                document="delivery_id",
                date="delivered_date",
                from_account="'site'",
                from_id="site_id",
                to_account="'partner'",
                to_id="partner_id",
                site_id="site_id",
                weight_kg="weight_kg",
                order_id="order_id",
                detail="mode",
            )
        }}
    ),

    delivery_return_movements as (
        {{
            movement(
                "delivery_return",
                source="deliveries",
                record="deliveries",
                document="delivery_id",
                date="delivered_date",
                from_account="'partner'",
                from_id="partner_id",
                to_account="'site'",
                to_id="site_id",
                site_id="site_id",
                weight_kg="refused_kg",
                order_id="order_id",
                detail="mode",
            )
        }}
    ),

    parcel_movements as (
        {{
            movement(
                "parcel",
                source="parcels",
                record="parcels",
                document="parcel_id",
                date="handed_over_date",
                from_account="'site'",
                from_id="site_id",
                to_account="'household'",
                to_id="household_id",
                site_id="site_id",
                weight_kg="weight_kg",
                commune_code="commune_code",
            )
        }}
    ),

    removal_movements as (
        {{
            movement(
                "removal",
                source="removals",
                record="removals",
                document="removal_id",
                date="removed_date",
                from_account="'site'",
                from_id="site_id",
                to_account="'removal'",
                to_id="destination",
                site_id="site_id",
                weight_kg="weight_kg",
                detail="reason",
            )
        }}
    ),

    transformation_input_movements as (
        {{
            movement(
                "transformation_input",
                source="transformation_inputs",
                record="transformations",
                document="batch_id",
                date="made_date",
                from_account="'site'",
                from_id="site_id",
                to_account="'transformation'",
                to_id="batch_id",
                site_id="site_id",
                weight_kg="weight_kg",
            )
        }}
    ),

    transformation_output_movements as (
        {{
            movement(
                "transformation_output",
                source="transformation_outputs",
                record="transformations",
                document="batch_id",
                date="made_date",
                from_account="'transformation'",
                from_id="batch_id",
                to_account="'site'",
                to_id="site_id",
                site_id="site_id",
                weight_kg="weight_kg",
            )
        }}
    ),

    transfer_shipment_movements as (
        {{
            movement(
                "transfer_shipment",
                source="shipments",
                record="transfers",
                document="transfer_id",
                date="shipped_date",
                from_account="'site'",
                from_id="from_site_id",
                to_account="'in_transit'",
                to_id="transfer_id",
                site_id="from_site_id",
                weight_kg="shipped_kg",
            )
        }}
    ),

    transfer_arrival_movements as (
        {{
            movement(
                "transfer_arrival",
                source="arrivals",
                record="transfers",
                document="transfer_id",
                date="received_date",
                from_account="'in_transit'",
                from_id="transfer_id",
                to_account="case when to_site_id is not null then 'site' else 'other_food_bank' end",
                to_id="coalesce(to_site_id, to_food_bank_id)",
                site_id="coalesce(to_site_id, from_site_id)",
                weight_kg="arrived_kg",
            )
        }}
    ),

    transfer_difference_movements as (
        {{
            movement(
                "transfer_difference",
                source="arrivals",
                record="transfers",
                document="transfer_id",
                date="received_date",
                from_account="case when lost_kg > 0 then 'in_transit' else 'adjustment' end",
                from_id="case when lost_kg > 0 then transfer_id else 'transfer_difference' end",
                to_account="case when lost_kg > 0 then 'adjustment' else 'in_transit' end",
                to_id="case when lost_kg > 0 then 'transfer_difference' else transfer_id end",
                site_id="from_site_id",
                weight_kg="abs(lost_kg)",
            )
        }}
    )

{% for kind in [
        "receipt",
        "dock_refusal",
        "delivery",
        "delivery_return",
        "parcel",
        "removal",
        "transformation_input",
        "transformation_output",
        "transfer_shipment",
        "transfer_arrival",
        "transfer_difference",
    ] %}
    select *
    from {{ kind }}_movements
    {% if not loop.last %}
        union all
    {% endif %}
{% endfor %}
