with
    removals as (select * from {{ ref("fct_removals_by_origin") }}),

    suppliers as (select * from {{ ref("dim_suppliers") }})

select
    removals.month,
    removals.food_bank_id,
    removals.site_id,
    removals.network_family,
    removals.is_food,
    removals.reason,
    removals.destination,
    coalesce(removals.collector, 'unknown') as collector,
    coalesce(removals.channel, 'unknown') as channel,
    case
        when removals.supplier_id is null then 'unknown' else coalesce(suppliers.kind, 'unmapped')
    end as supplier_kind,
    cast(sum(removals.weight_kg) as decimal(18, 3)) as removed_kg
from removals
left join
    suppliers
    on removals.food_bank_id = suppliers.food_bank_id
    and removals.supplier_id = suppliers.supplier_id
group by all
