{#- What indicators add up, over the rows of fct_flows_by_kind: one home for each condition. -#}
{% macro flow_measures() -%}
    {%- set losses = (
        "mode in ('sorting', 'expired', 'damaged', 'cold_chain_break', 'packaging')"
    ) -%}
    {%- set received = "when flow = 'received' and is_food" -%}
    {%- set to_partners = "flow = 'delivered' and is_food" -%}
    {%- set from_partners = "flow = 'returned' and is_food" -%}
    {%- set to_households = "flow = 'parcels' and is_food" -%}
    {%- set measures = {
        "received_kg": received ~ " then weight_kg",
        "received_net_kg": received ~ " and channel <> 'inter_bank' then weight_kg",
        "received_all_kg": "when flow = 'received' then weight_kg",
        "weighed_kg": "when flow = 'received' and is_weighed then weight_kg",
        "to_partners_kg": "when "
        ~ to_partners
        ~ " then weight_kg when "
        ~ from_partners
        ~ " then - weight_kg",
        "ordered_and_delivered_kg": "when "
        ~ to_partners
        ~ " and is_ordered then weight_kg when "
        ~ from_partners
        ~ " and is_ordered then - weight_kg",
        "parcel_kg": "when " ~ to_households ~ " then weight_kg",
        "distributed_kg": "when "
        ~ to_partners
        ~ " or "
        ~ to_households
        ~ " then weight_kg when "
        ~ from_partners
        ~ " then - weight_kg",
        "loss_kg": "when flow = 'removed' and is_food and "
        ~ losses
        ~ " then weight_kg",
        "transformation_input_kg": "when flow = 'transformation_input' and is_food then weight_kg",
        "transformation_output_kg": "when flow = 'transformation_output' and is_food then weight_kg",
        "unexplained_kg": "when flow = 'unexplained' and is_food then weight_kg",
        "stock_change_kg": "when is_food then stock_change_kg",
    } -%}
    {%- for definition in fresh_definitions() -%}
        {%- set fresh = "is_fresh_" ~ definition -%}
        {%- do measures.update(
            {
                "fresh_received_"
                ~ definition
                ~ "_kg": received
                ~ " and "
                ~ fresh
                ~ " then weight_kg",
                "fresh_distributed_"
                ~ definition
                ~ "_kg": "when ("
                ~ to_partners
                ~ " or "
                ~ to_households
                ~ ") and "
                ~ fresh
                ~ " then weight_kg when "
                ~ from_partners
                ~ " and "
                ~ fresh
                ~ " then - weight_kg",
            }
        ) -%}
    {%- endfor -%}
    {{ return(measures) }}
{%- endmacro %}

{#- Models of one topic that give rows of `fct_measures_by_period` in its own columns (food bank,
    territory or '', period, measure, amount), and the measures of each. -#}
{% macro measure_topics() -%}
    {{
        return(
            {
                "fct_declared_measures": (
                    declared_measures() + ["partner_months_reported", "partner_months_expected"]
                ),
                "fct_voucher_measures": [
                    "voucher_households",
                    "voucher_issued_eur",
                    "voucher_redeemed_eur",
                ],
                "fct_platform_measures": [
                    "ordering_partners_30_days",
                    "suppliers_active",
                    "accreditations_expiring",
                    "accreditations_expired",
                ],
                "fct_reactivity_measures": [
                    "unmet_kg",
                    "due_lines",
                    "complete_lines",
                    "due_orders",
                    "on_time_orders",
                    "hours_order_to_delivery_median",
                    "hours_order_to_delivery_p90",
                ],
                "fct_operations_measures": [
                    "minutes_per_pickup_stop",
                    "minutes_per_delivery_stop",
                    "minutes_sorting_per_100kg",
                    "pickups_done",
                    "pickups_nothing_to_collect",
                    "pickups_missed",
                    "pickups_refused",
                    "picked_up_kg",
                ],
                "fct_stock_measures": [
                    "distributed_28_days_kg",
                    "expiring_within_3d_kg",
                    "expiring_within_7d_kg",
                    "expired_kg",
                    "lot_known_kg",
                    "lot_known_kg_days",
                ],
            }
        )
    }}
{%- endmacro %}

{#- One row per measure from one column per measure. -#}
{% macro measures_in_rows(relation, measures) -%}
    {% for measure in measures %}
        select
            food_bank_id,
            territory_code,
            period_kind,
            period_start,
            '{{ measure }}' as measure,
            cast({{ measure }} as decimal(18, 6)) as amount
        from {{ relation }}
        {% if not loop.last %}
            union all
        {% endif %}
    {% endfor %}
{%- endmacro %}
