{%- set flows = [
    "received_kg",
    "transfers_in_kg",
    "transformation_output_kg",
    "delivered_kg",
    "returned_kg",
    "parcels_kg",
    "removed_kg",
    "transfers_out_kg",
    "transformation_input_kg",
    "initial_count_kg",
    "unexplained_kg",
] -%}
{{ config(meta={"dagster": {"ref": {"name": "fct_mass_balance_weekly"}}}) }}

-- Weeks and months hold the same grams, close alike on the data date, and every week adds up and
-- opens with what the week before left.
with
    weekly as (
        select
            food_bank_id,
            site_id,
            network_family,
            {% for flow in flows %} coalesce(sum({{ flow }}), 0) as {{ flow }}, {% endfor %}
            arg_max(closing_kg, week_start) as closing_kg
        from {{ ref("fct_mass_balance_weekly") }}
        group by food_bank_id, site_id, network_family
    ),

    monthly as (
        select
            food_bank_id,
            site_id,
            network_family,
            {% for flow in flows %} coalesce(sum({{ flow }}), 0) as {{ flow }}, {% endfor %}
            arg_max(closing_kg, month) as closing_kg
        from {{ ref("fct_mass_balance_monthly") }}
        group by food_bank_id, site_id, network_family
    ),

    weeks as (
        select
            *,
            lag(closing_kg, 1, 0) over (
                partition by food_bank_id, site_id, network_family order by week_start
            ) as previous_closing_kg
        from {{ ref("fct_mass_balance_weekly") }}
    )

select food_bank_id, site_id, network_family
from weekly
full outer join monthly using (food_bank_id, site_id, network_family)
where
    weekly.closing_kg is distinct from monthly.closing_kg
    {% for flow in flows %} or weekly.{{ flow }} is distinct from monthly.{{ flow }} {% endfor %}
union all
select food_bank_id, site_id, network_family
from weeks
where
    opening_kg <> previous_closing_kg
    or closing_kg <> theoretical_closing_kg + initial_count_kg + coalesce(unexplained_kg, 0)
    or theoretical_closing_kg
    <> opening_kg
    + received_kg
    + transfers_in_kg
    + transformation_output_kg
    - delivered_kg
    + returned_kg
    - parcels_kg
    - removed_kg
    - transfers_out_kg
    - transformation_input_kg
    or is_negative is distinct from closing_kg < 0
