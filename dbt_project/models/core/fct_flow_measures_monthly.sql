with
    flows as (select * from {{ ref("fct_flows_by_kind") }}),

    territory_members as (select * from {{ ref("dim_territory_members") }}),

    scoped as (
        select '' as territory_code, flows.*
        from flows
        union all
        select territory_members.territory_code, flows.*
        from flows
        inner join
            territory_members
            on flows.food_bank_id = territory_members.food_bank_id
            and flows.commune_code = territory_members.commune_code
    )

select
    food_bank_id,
    territory_code,
    month,
    is_to_same_day,
    {% for measure, condition in flow_measures().items() -%}
        cast(
            sum(case {{ condition }} else 0 end) as decimal(
                18, {{ 6 if measure.endswith("_eur") else 3 }}
            )
        ) as {{ measure }}{{ "," if not loop.last }}
    {% endfor %}
from scoped
group by food_bank_id, territory_code, month, is_to_same_day
