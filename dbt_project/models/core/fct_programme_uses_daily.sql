{%- set ids = ["food_bank_id", "use_date", "outlet_kind", "outlet_id", "is_food"] -%}
{{
    config(
        materialized="incremental",
        incremental_strategy="months_of_facts",
        meta={"months": "int_touched_origin_months"},
    )
}}

-- depends_on: {{ ref("int_touched_origin_months") }}
with

    movements as (
        select
            *,
            case
                when movement_kind in ('delivery', 'delivery_return')
                then 'partner'
                when movement_kind = 'parcel'
                then 'household'
                when movement_kind = 'removal'
                then 'loss'
                when movement_kind = 'transformation_input'
                then 'transformation'
                when movement_kind = 'transfer_arrival' and to_account = 'other_food_bank'
                then 'other_food_bank'
            end as outlet_kind
        from {{ ref("fct_food_movements") }} {{ where_to_build("int_touched_origin_months") }}
    ),

    receipts as (select * from {{ ref("int_receipts") }} where not is_deleted),

    families as (
        select
            food_bank_id,
            product_code,
            is_food,
            nullif(network_family, 'unmapped') as network_family
        from {{ ref("dim_products") }}
    ),

    named_receipts as (
        select food_bank_id, removal_id, line_no, receipt_id
        from {{ ref("int_removals") }}
        where
            receipt_id is not null {{ where_to_build("int_touched_origin_months", keyword="and") }}
    ),

    used as (
        select
            movements.food_bank_id,
            movements.movement_date as use_date,
            movements.month,
            movements.outlet_kind,
            case
                movements.outlet_kind
                when 'partner'
                then
                    case
                        when movements.movement_kind = 'delivery_return'
                        then movements.from_id
                        else movements.to_id
                    end
                when 'loss'
                then movements.detail
                when 'other_food_bank'
                then movements.to_id
                else ''
            end as outlet_id,
            -- a product that no catalogue knows counts as food
            coalesce(families.is_food, true) as is_food,
            movements.product_code,
            families.network_family,
            movements.lot_id,
            named_receipts.receipt_id,
            sum({{ handed_over_kg() }}) as weight_kg
        from movements
        left join
            families
            on movements.food_bank_id = families.food_bank_id
            and movements.product_code = families.product_code
        left join
            named_receipts
            on movements.food_bank_id = named_receipts.food_bank_id
            and case when movements.outlet_kind = 'loss' then movements.document_id end
            = named_receipts.removal_id
            and movements.line_no = named_receipts.line_no
        where movements.outlet_kind is not null
        group by all
    ),

    lots as ({{ first_receipts_of_lots("used") }}),

    -- a receipt comes by one channel
    receipts_once as (
        select food_bank_id, receipt_id, min(channel) as channel
        from receipts
        where (food_bank_id, receipt_id) in (select food_bank_id, receipt_id from named_receipts)
        group by food_bank_id, receipt_id
    ),

    traced as (
        select used.*, coalesce(lots.channel, receipts_once.channel) as known_channel
        from used
        left join
            lots
            on used.food_bank_id = lots.food_bank_id
            and used.product_code = lots.product_code
            and used.lot_id = lots.lot_id
        left join
            receipts_once
            on used.food_bank_id = receipts_once.food_bank_id
            and used.receipt_id = receipts_once.receipt_id
    ),

    untraced as (
        select
            {{ ids | join(", ") }}, month, product_code, network_family, sum(weight_kg) as weight_kg
        from traced
        where known_channel is null
        group by all
    ),

    {{ receipt_mixes("int_touched_origin_months") }},

    {{ attributed_by_mix("untraced", ids, decimals=3) }},

    origins as (
        select
            {{ ids | join(", ") }},
            month,
            known_channel as channel,
            true as is_attributed_by_lot,
            weight_kg
        from traced
        where known_channel is not null
        union all
        select {{ ids | join(", ") }}, month, channel, false as is_attributed_by_lot, weight_kg
        from attributed_by_mix
    )

select
    {{ ids | join(", ") }},
    month,
    channel as programme,
    is_attributed_by_lot,
    cast(sum(weight_kg) as decimal(18, 3)) as weight_kg
from origins
where channel in ('{{ programme_channels() | join("', '") }}')
group by {{ ids | join(", ") }}, month, channel, is_attributed_by_lot
having sum(weight_kg) <> 0
