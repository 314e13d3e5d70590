{#- Emissions of an activity: quantity x factor x uplift, in kgCO2e to the milligram.
    `end` is -1 for the low end, 1 for the high end, 0 for the central value; the range of a factor
    without a published uncertainty is its central value. -#}
{% macro kg_co2e(quantity, factor, uncertainty, end=0, uplift="1.00") -%}
    cast(
        cast({{ quantity }} as decimal(38, 12)) * {{ factor }} * {{ uplift }}
        {% if end == -1 -%} * (1 - coalesce({{ uncertainty }}, 0))
        {%- elif end == 1 -%} * (1 + coalesce({{ uncertainty }}, 0))
        {%- endif %} as decimal(18, 6)
    )
{%- endmacro %}

{#- The posts of our own emissions, and the methods side by side of those avoided. -#}
{% macro induced_posts() -%}
    {{ return(["transport", "electricity", "heat", "refrigerants", "own_waste"]) }}
{%- endmacro %}

{% macro avoided_methods() -%}
    {{ return(["local_waste_route", "landfill", "flat_full_chain", "substitution"]) }}
{%- endmacro %}
