{%- set records = {
    "receipts": ("received_date", "weight_kg - coalesce(refused_at_dock_kg, 0)"),
    "deliveries": ("delivered_date", "weight_kg - coalesce(refused_kg, 0)"),
    "parcels": ("handed_over_date", "weight_kg"),
    "removals": ("removed_date", "weight_kg"),
} -%}
with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    products as (select * from {{ ref("dim_products") }}),

    -- the version of each row that stands, and how much it counts
    counted as (
        {% for record, (day, kilograms) in records.items() %}
            select
                rows_.month,
                rows_.food_bank_id,
                '{{ record }}' as record,
                rows_._delivery_id as delivery_id,
                rows_.product_code,
                {{ kilograms }} as weight_kg
            from {{ ref("int_" ~ record) }} as rows_
            inner join
                food_banks
                on rows_.food_bank_id = food_banks.food_bank_id
                and rows_.{{ day }} <= food_banks.data_date
            where not rows_.is_deleted
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    )

select
    counted.month,
    counted.food_bank_id,
    counted.record,
    counted.delivery_id,
    cast(count(*) as bigint) as count_rows,
    cast(coalesce(sum(counted.weight_kg), 0) as decimal(18, 3)) as weight_kg,
    -- a product that no catalogue knows counts as food
    cast(
        coalesce(
            sum(counted.weight_kg) filter (where coalesce(products.is_food, true)), 0
        ) as decimal(18, 3)
    ) as food_kg
from counted
left join
    products
    on counted.food_bank_id = products.food_bank_id
    and counted.product_code = products.product_code
group by counted.month, counted.food_bank_id, counted.record, counted.delivery_id
