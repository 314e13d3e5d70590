{#- What indicators add up, over the rows of fct_flows_by_kind: one home for each condition. -#}
{% macro flow_measures() -%}
    {%- set losses = (
        "mode in ('sorting', 'expired', 'damaged', 'cold_chain_break', 'packaging')"
    ) -%}
    {%- set received = "when flow = 'received' and is_food" -%}
    {%- set to_partners = "flow = 'delivered' and is_food" -%}
    {%- set from_partners = "flow = 'returned' and is_food" -%}
    {%- set removed = "when flow = 'removed' and is_food" -%}
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
        "removed_animal_feed_kg": removed
        ~ " and destination = 'animal_feed' then weight_kg",
        "removed_methanisation_kg": removed
        ~ " and destination = 'methanisation' then weight_kg",
        "removed_composting_kg": removed
        ~ " and destination = 'composting' then weight_kg",
        "removed_biowaste_kg": removed
        ~ " and destination in ('methanisation', 'composting') then weight_kg",
        "removed_disposal_kg": removed
        ~ " and destination in ('incineration', 'landfill') then weight_kg",
        "removed_unknown_kg": removed
        ~ " and destination not in ('animal_feed', 'methanisation', 'composting', 'incineration', 'landfill') then weight_kg",
        "not_distributed_kg": "when flow in ('removed', 'transformation_input') and is_food then weight_kg",
        "purchased_kg": received ~ " and channel = 'purchase' then weight_kg",
        "purchases_eur": received ~ " and channel = 'purchase' then value_eur",
        "food_value_eur": "when "
        ~ to_partners
        ~ " or "
        ~ to_households
        ~ " then food_value_eur when "
        ~ from_partners
        ~ " then - food_value_eur",
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
    -- what comes from another food bank of the network was received once already
    {%- for measure in [
        "received_kg",
        "received_all_kg",
        "weighed_kg",
    ] + fresh_received_measures() -%}
        {%- do measures.update(
            {
                "net_" ~ measure: measures[measure]
                | replace(" then", " and not is_within_network then")
            }
        ) -%}
    {%- endfor -%}
    {{ return(measures) }}
{%- endmacro %}

{#- Fresh kilograms received, by definition. -#}
{% macro fresh_received_measures() -%}
    {%- set measures = [] -%}
    {%- for definition in fresh_definitions() -%}
        {%- do measures.append("fresh_received_" ~ definition ~ "_kg") -%}
    {%- endfor -%}
    {{ return(measures) }}
{%- endmacro %}

{#- Measures of what is received, each with the one that takes its place where food banks are
    added up: what one of them got from another is not counted twice, what they got from a food
    bank outside of the network is. -#}
{% macro net_measures() -%}
    {%- set measures = {
        "received_kg": "net_received_kg",
        "received_all_kg": "net_received_all_kg",
        "weighed_kg": "net_weighed_kg",
    } -%}
    {%- for measure in fresh_received_measures() -%}
        {%- do measures.update({measure: "net_" ~ measure}) -%}
    {%- endfor -%}
    {%- for measure, (compared, flow_measure) in compared_measures().items() -%}
        {%- if flow_measure in fresh_received_measures() -%}
            {%- do measures.update({measure: "net_" ~ measure}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for effect in fresh_effects() + ["total"] -%}
        {%- do measures.update(
            {
                fresh_change_measures()[(effect, false)]: fresh_change_measures()[
                    (effect, true)
                ]
            }
        ) -%}
    {%- endfor -%}
    {{ return(measures) }}
{%- endmacro %}

{#- The measure that a formula takes at a scope: net of what its food banks gave each other for the network. -#}
{% macro measure_at_scope(measure, scope_kind) -%}
    case
        {% for whole, net in net_measures().items() -%}
            when {{ scope_kind }} = 'network' and {{ measure }} = '{{ whole }}' then '{{ net }}'
        {% endfor -%}
        else {{ measure }}
    end
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
                "fct_coverage_measures": [
                    "hours_request_to_parcel_median",
                    "hours_request_to_parcel_p90",
                    "communes_served",
                    "least_served_kg",
                    "known_communes_kg",
                    "inhabitants",
                ],
                "fct_declared_growth_measures": [
                    "reported_people",
                    "reported_kg",
                    "people_of_both_now",
                    "people_of_both_before",
                ],
                "fct_fresh_effect_measures": fresh_change_measures().values() | list,
                "fct_purchase_measures": purchase_conditions().keys() | list,
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
                "fct_means_measures": means_measures().values() | sum(start=[]),
                "fct_transport_measures": ["fullest_kg", "payload_kg", "km_without_load"],
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

{#- Measures of growth: which side of the comparison, and the measure of flows that it sums. -#}
{% macro compared_measures() -%}
    {%- set measures = {} -%}
    {%- for name in ["now", "before"] -%}
        {%- for definition in fresh_definitions() -%}
            {%- do measures.update(
                {
                    "fresh_"
                    ~ name
                    ~ "_"
                    ~ definition
                    ~ "_kg": (name, "fresh_received_" ~ definition ~ "_kg"),
                    "net_fresh_"
                    ~ name
                    ~ "_"
                    ~ definition
                    ~ "_kg": (name, "net_fresh_received_" ~ definition ~ "_kg"),
                    "fresh_distributed_"
                    ~ name
                    ~ "_"
                    ~ definition
                    ~ "_kg": (name, "fresh_distributed_" ~ definition ~ "_kg"),
                }
            ) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(measures) }}
{%- endmacro %}
