{#- What purchased kilograms must have to count, net of what was refused at the dock. -#}
{% macro purchase_conditions() -%}
    {{
        return(
            {
                "purchased_with_cost_kg": "scoped.cost_eur is not null",
                "purchased_labelled_kg": (
                    "scoped.quality_label in ('organic', 'pdo_pgi', 'red_label', 'other')"
                ),
                "purchased_organic_kg": "scoped.quality_label = 'organic'",
                "purchased_with_origin_kg": "scoped.origin_departement is not null",
                "purchased_local_kg": "scoped.is_local",
            }
        )
    }}
{%- endmacro %}

{#- The département of a commune: two characters, three overseas. -#}
{% macro departement_of(commune_code) -%}
    case
        when left({{ commune_code }}, 2) in ('97', '98')
        then left({{ commune_code }}, 3)
        else left({{ commune_code }}, 2)
    end
{%- endmacro %}
