{#- What partners declare of a month: registrations, each with its own column. -#}
{% macro declared_columns() -%}
    {{
        return(
            [
                "people",
                "households",
                "women",
                "men",
                "people_0_3",
                "people_4_14",
                "people_15_25",
                "people_26_64",
                "people_65_plus",
                "visits",
                "turned_away",
            ]
        )
    }}
{%- endmacro %}

{#- The sum over partners of each partner's mean over the months that it declared, rounded once:
    27 720 is a multiple of every number of months from 1 to 12. -#}
{% macro sum_of_means(total, months) -%}
    cast(
        sum({{ total }} * cast(27720 / nullif({{ months }}, 0) as bigint)) / 27720 as decimal(18, 6)
    )
{%- endmacro %}

{#- The measures of what partners declare, one per column. -#}
{% macro declared_measures() -%}
    {%- set measures = [] -%}
    {%- for column in declared_columns() -%}
        {%- do measures.append("declared_" ~ column) -%}
    {%- endfor -%}
    {{ return(measures) }}
{%- endmacro %}
