{#- Emissions of an activity: quantity x factor x uplift, in kgCO2e to the milligram.
    `end` is -1 for the low end, 1 for the high end, 0 for the central value; the range of a factor
    without a published uncertainty is its central value. -#}
{% macro kg_co2e(quantity, factor, uncertainty, end=0, uplift="1.00") -%}
    cast(
        cast({{ quantity }} as decimal(38, 9)) * {{ factor }} * {{ uplift }}
        {% if end == -1 -%} * (1 - coalesce({{ uncertainty }}, 0))
        {%- elif end == 1 -%} * (1 + coalesce({{ uncertainty }}, 0))
        {%- endif %} as decimal(18, 6)
    )
{%- endmacro %}
