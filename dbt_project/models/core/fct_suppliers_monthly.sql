with
    food_banks as (select * from {{ ref("dim_food_banks") }}),

    products as (select * from {{ ref("dim_products") }}),

    suppliers as (select * from {{ ref("dim_suppliers") }}),

    flows as (
        select flows.*
        from {{ ref("fct_flows_monthly") }} as flows
        left join
            products
            on flows.food_bank_id = products.food_bank_id
            and flows.product_code = products.product_code
        where
            flows.movement_kind in ('receipt', 'dock_refusal') and coalesce(products.is_food, true)
    ),

    rounds as (select * from {{ ref("fct_rounds") }}),

    stops as (
        select stops.*, stops.share * rounds.distance_km as allocated_km
        from {{ ref("fct_round_stops") }} as stops
        inner join
            rounds on stops.food_bank_id = rounds.food_bank_id and stops.round_id = rounds.round_id
        inner join
            food_banks
            on stops.food_bank_id = food_banks.food_bank_id
            and stops.round_date <= food_banks.data_date
        where stops.place_kind = 'supplier'
    ),

    removals as (
        select
            food_bank_id,
            month,
            supplier_id,
            sum(weight_kg) filter (where is_loss and is_food) as loss_kg
        from {{ ref("fct_removals_by_origin") }}
        where supplier_id is not null
        group by food_bank_id, month, supplier_id
    ),

    -- remaining life counts where a use-by date says so
    dated_receipts as (
        select
            receipts.food_bank_id,
            receipts.month,
            receipts.supplier_id,
            receipts.weight_kg - coalesce(receipts.refused_at_dock_kg, 0) as weight_kg,
            receipts.expires_on - receipts.received_date as days_left
        from {{ ref("int_receipts") }} as receipts
        inner join
            food_banks
            on receipts.food_bank_id = food_banks.food_bank_id
            and receipts.received_date <= food_banks.data_date
        left join
            products
            on receipts.food_bank_id = products.food_bank_id
            and receipts.product_code = products.product_code
        where
            not receipts.is_deleted
            and receipts.date_kind = 'use_by'
            and receipts.expires_on is not null
            and coalesce(products.is_food, true)
    ),

    amounts as (
        select
            month,
            food_bank_id,
            supplier_id,
            sum(
                case movement_kind when 'receipt' then weight_kg else - weight_kg end
            ) as received_kg,
            sum(weight_kg) filter (where movement_kind = 'dock_refusal') as refused_kg,
            null as loss_kg,
            null as dated_kg,
            null as dated_kg_days,
            null as pickups_done,
            null as pickups_nothing_to_collect,
            null as pickups_missed,
            null as pickups_refused,
            null as allocated_km
        from flows
        group by month, food_bank_id, supplier_id
        union all by name
        select month, food_bank_id, supplier_id, loss_kg
        from removals
        union all by name
        select
            month,
            food_bank_id,
            supplier_id,
            sum(weight_kg) as dated_kg,
            sum(weight_kg * days_left) as dated_kg_days
        from dated_receipts
        group by month, food_bank_id, supplier_id
        union all by name
        select
            month,
            food_bank_id,
            place_id as supplier_id,
            {% for outcome in ["done", "nothing_to_collect", "missed", "refused"] -%}
                count(*) filter (where outcome = '{{ outcome }}') as pickups_{{ outcome }},
            {% endfor -%}
            sum(allocated_km) as allocated_km
        from stops
        group by month, food_bank_id, place_id
    ),

    sums as (
        select
            month,
            food_bank_id,
            supplier_id,
            {% for outcome in ["done", "nothing_to_collect", "missed", "refused"] -%}
                coalesce(sum(pickups_{{ outcome }}), 0) as pickups_{{ outcome }},
            {% endfor -%}
            coalesce(sum(received_kg), 0) as received_kg,
            coalesce(sum(refused_kg), 0) as refused_kg,
            coalesce(sum(loss_kg), 0) as loss_kg,
            sum(dated_kg) as dated_kg,
            sum(dated_kg_days) as dated_kg_days,
            sum(allocated_km) as allocated_km
        from amounts
        group by month, food_bank_id, supplier_id
    )

select
    sums.month,
    sums.food_bank_id,
    sums.supplier_id,
    coalesce(suppliers.kind, 'unmapped') as supplier_kind,
    coalesce(suppliers.commune_code, 'unknown') as commune_code,
    {% for outcome in ["done", "nothing_to_collect", "missed", "refused"] -%}
        cast(sums.pickups_{{ outcome }} as bigint) as pickups_{{ outcome }},
    {% endfor -%}
    cast(sums.received_kg as decimal(18, 3)) as received_kg,
    cast(sums.refused_kg as decimal(18, 3)) as refused_kg,
    cast(sums.loss_kg as decimal(18, 3)) as loss_kg,
    -- what is lost of an earlier month's food may exceed what came in this one
    case
        when sums.loss_kg <= sums.received_kg
        then {{ share("sums.loss_kg", "sums.received_kg", "decimal(9, 6)") }}
    end as loss_share,
    cast(sums.received_kg - sums.loss_kg as decimal(18, 3)) as distributable_kg,
    {{ share("sums.dated_kg_days", "sums.dated_kg") }} as mean_remaining_days,
    cast(sums.allocated_km as decimal(18, 3)) as allocated_km
from sums
left join
    suppliers
    on sums.food_bank_id = suppliers.food_bank_id
    and sums.supplier_id = suppliers.supplier_id
