{#- Funders whose money is public. -#}
{% macro is_public_funder(funder_kind) -%}
    {{ funder_kind }} in ('epci', 'commune', 'departement', 'region', 'state', 'eu')
{%- endmacro %}

{% macro expense_posts() -%}
    {{ return(["transport", "cold", "premises", "staff", "purchases", "digital", "other"]) }}
{%- endmacro %}

{% macro volunteer_tasks() -%}
    {{ return(["pickup", "sorting", "preparation", "delivery", "drive", "office", "support"]) }}
{%- endmacro %}

{#- Measures of money, people, pooled means, temperatures and offers, by the step of
    fct_means_measures that sums them. -#}
{% macro means_measures() -%}
    {%- set expenses = ["expenses_eur"] -%}
    {%- for post in expense_posts() -%}
        {%- do expenses.append("expenses_" ~ post ~ "_eur") -%}
    {%- endfor -%}
    {%- set seconds = ["volunteer_seconds"] -%}
    {%- for task in volunteer_tasks() -%}
        {%- do seconds.append("volunteer_" ~ task ~ "_seconds") -%}
    {%- endfor -%}
    {{
        return(
            {
                "expenses_by_period": expenses,
                "public_by_period": ["public_used_eur"],
                "agreements_by_period": ["agreements_eur", "agreements_used_eur"],
                "support_by_period": ["support_activities", "participants"],
                "offering_by_period": ["partners_offering_support"],
                "volunteers_by_period": seconds,
                "rounds_by_period": ["rounds", "rounds_km", "shared_rounds", "shared_km"],
                "pooled_by_period": ["shared_hours", "pallet_days_lent"],
                "temperatures_by_period": ["temperature_checks", "temperature_checks_outside"],
                "offers_by_period": ["offered_kg", "offers_taken_kg", "saved_by_offer_kg"],
                "visible_by_period": ["visible_kg"],
                "reactions_by_period": [
                    "hours_offer_to_order_median",
                    "hours_offer_to_order_p90",
                ],
            }
        )
    }}
{%- endmacro %}

{#- Measures over the facts of each period of a food bank, to its last day where facts have days. -#}
{% macro by_period(relation, measures, day=none, condition="true") -%}
    select
        facts.food_bank_id,
        '' as territory_code,
        periods.period_kind,
        periods.period_start,
        {% for measure, sum in measures.items() -%}
            {{ sum }} as {{ measure }}{{ "," if not loop.last }}
        {% endfor %}
    from {{ relation }} as facts
    inner join
        periods on facts.food_bank_id = periods.food_bank_id and facts.month = periods.month
        {% if day %} and facts.{{ day }} <= periods.period_end {% endif %}
    where {{ condition }}
    group by facts.food_bank_id, periods.period_kind, periods.period_start
{%- endmacro %}

{#- One sum per code of a column, and the sum of all, by measure. -#}
{% macro sums_by_code(amount, column, codes, prefix, unit) -%}
    {%- set sums = {prefix ~ "_" ~ unit: "sum(" ~ amount ~ ")"} -%}
    {%- for code in codes -%}
        {%- do sums.update(
            {
                prefix
                ~ "_"
                ~ code
                ~ "_"
                ~ unit: "coalesce(sum("
                ~ amount
                ~ ") filter (where "
                ~ column
                ~ " = '"
                ~ code
                ~ "'), 0)"
            }
        ) -%}
    {%- endfor -%}
    {{ return(sums) }}
{%- endmacro %}
