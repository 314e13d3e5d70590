{%- set reference_records = [
    "food_banks",
    "sites",
    "partners",
    "suppliers",
    "products",
    "vehicles",
    "funding",
] -%}
{%- set event_dates = {
    "receipts": "received_date",
    "orders": "ordered_date",
    "deliveries": "delivered_date",
    "parcels": "handed_over_date",
    "removals": "removed_date",
    "transfers": "shipped_date",
    "stock_counts": "counted_date",
    "rounds": "coalesce(started_date, planned_on)",
    "round_stops": "coalesce(arrived_date, planned_date)",
    "platform_sessions": "started_date",
    "transformations": "made_date",
    "sorting_sessions": "started_date",
    "beneficiary_reports": "month",
    "vouchers": "issued_date",
    "site_energy": "period_start",
    "refrigerant_top_ups": "topped_up_date",
    "targets": "period_start",
    "events": "event_date",
    "offers": "published_date",
    "shared_resources": "used_date",
    "volunteer_shifts": "started_date",
    "support_activities": "held_date",
    "expenses": "month",
    "temperature_checks": "checked_date",
    "monthly_history": "month",
} -%}
with
    food_banks as (select food_bank_id from {{ ref("dim_food_banks") }}),

    due as (select * from {{ ref("fct_due_records") }}),

    counted as (
        {% for record in reference_records %}
            select
                food_bank_id,
                '{{ record }}' as record,
                count(*) as count_rows,
                cast(null as date) as first_date,
                cast(null as date) as last_date
            from {{ ref("int_" ~ record) }}
            group by food_bank_id
            union all
        {% endfor %}
        {% for record, date in event_dates.items() %}
            select
                food_bank_id,
                '{{ record }}' as record,
                count(*) as count_rows,
                min({{ date }}) as first_date,
                max({{ date }}) as last_date
            from {{ ref("int_" ~ record) }}
            where not is_deleted
            group by food_bank_id
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    records as (
        select
            unnest(
                ['{{ (reference_records + event_dates.keys() | list) | join("', '") }}']
            ) as record
    )

select
    food_banks.food_bank_id,
    records.record,
    coalesce(counted.count_rows, 0) > 0 as is_supplied,
    cast(coalesce(counted.count_rows, 0) as bigint) as count_rows,
    counted.first_date,
    counted.last_date,
    due.due_on,
    coalesce(due.is_late, false) as is_late
from food_banks
cross join records
left join
    counted on food_banks.food_bank_id = counted.food_bank_id and records.record = counted.record
left join due on food_banks.food_bank_id = due.food_bank_id and records.record = due.record
