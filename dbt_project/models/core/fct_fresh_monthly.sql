with
    measures as (select * from {{ ref("fct_flow_measures_monthly") }} where territory_code = ''),

    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    months as (
        select
            months.food_bank_id,
            months.month,
            months.month = {{ first_day_of_month("food_banks.data_date") }} as is_last_month
        from {{ ref("dim_months") }} as months
        inner join food_banks on months.food_bank_id = food_banks.food_bank_id
    ),

    compared as (
        {% for flow, food in [("received", "received_kg"), ("distributed", "distributed_kg")] %}
            {% set outer_last = loop.last %}
            {% for definition in fresh_definitions() %}
                select
                    months.month,
                    months.food_bank_id,
                    '{{ definition }}' as definition,
                    '{{ flow }}' as flow,
                    coalesce(measures.fresh_{{ flow }}_{{ definition }}_kg, 0) as fresh_kg,
                    coalesce(
                        same_days.fresh_{{ flow }}_{{ definition }}_kg, 0
                    ) as fresh_kg_same_days,
                    coalesce(measures.{{ food }}, 0) as food_kg
                from months
                left join
                    measures
                    on months.food_bank_id = measures.food_bank_id
                    and months.month = measures.month
                    and months.is_last_month = measures.is_to_same_day
                left join
                    measures as same_days
                    on months.food_bank_id = same_days.food_bank_id
                    and {{ years_later("months.month", -1) }} = same_days.month
                    and months.is_last_month = same_days.is_to_same_day
                {% if not (outer_last and loop.last) %}
                    union all
                {% endif %}
            {% endfor %}
        {% endfor %}
    )

select
    month,
    food_bank_id,
    definition,
    flow,
    cast(fresh_kg as decimal(18, 3)) as fresh_kg,
    cast(fresh_kg_same_days as decimal(18, 3)) as fresh_kg_same_days,
    cast(food_kg as decimal(18, 3)) as food_kg,
    {{ share("fresh_kg", "food_kg", "decimal(9, 6)") }} as fresh_share
from compared
