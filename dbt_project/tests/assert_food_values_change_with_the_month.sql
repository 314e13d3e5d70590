{{ config(meta={"dagster": {"ref": {"name": "food_values"}}}) }}

-- Food is valued by month: a scale begins on a first day and ends on a last day, one at a time, for
-- families that exist.
with
    scale as (
        select
            *,
            lead(valid_from) over (
                partition by network_family order by valid_from
            ) as next_valid_from
        from {{ ref("food_values") }}
    )

select scale.*
from scale
left join
    {{ ref("network_families") }} as families on scale.network_family = families.network_family
where
    scale.valid_from <> {{ first_day_of_month("scale.valid_from") }}
    or scale.valid_to <> last_day(scale.valid_to)
    or scale.next_valid_from <= coalesce(scale.valid_to, scale.next_valid_from)
    or (scale.network_family <> '*' and families.network_family is null)
