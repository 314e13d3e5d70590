-- depends on every version ever counted: a corrected row also touches the months that it leaves
with
    {% for record in event_records() %}
        {{ record.name }}_versions as (select * from {{ ref("stg_" ~ record.name) }}),

        {{ record.name }}_pending as (
            select distinct food_bank_id, {{ record.document }}
            from {{ record.name }}_versions
            {% if not flags.FULL_REFRESH %} where is_pending {% endif %}
        ),

        {{ record.name }}_touched as (
            select *
            from {{ record.name }}_versions
            where
                (food_bank_id, {{ record.document }})
                in (select food_bank_id, {{ record.document }} from {{ record.name }}_pending)
        ),
    {% endfor %}

    -- what was ordered is measured on what was delivered, perhaps in a later month
    ordered_and_delivered as (
        select orders_versions.*
        from orders_versions
        where
            (food_bank_id, order_id)
            in (select food_bank_id, order_id from deliveries_touched where order_id is not null)
    ),

    rounds_with_touched_stops as (
        select rounds_versions.*
        from rounds_versions
        where (food_bank_id, round_id) in (select food_bank_id, round_id from round_stops_pending)
    ),

    months as (
        {% for record in event_records() %}
            {% for month in record.months %}
                select '{{ record.name }}' as record, food_bank_id, {{ month }} as month
                from {{ record.name }}_touched
                union all
            {% endfor %}
        {% endfor %}
        select 'round_stops' as record, food_bank_id, month
        from rounds_with_touched_stops
        union all
        select 'order_deliveries' as record, food_bank_id, month
        from ordered_and_delivered
    )

select distinct record, food_bank_id, month
from months
where month is not null
