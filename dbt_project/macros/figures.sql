{#- Null where there is nothing to divide by. -#}
{% macro share(numerator, denominator, type="decimal(18, 6)") -%}
    cast(
        cast({{ numerator }} as double) / nullif(cast({{ denominator }} as double), 0) as {{ type }}
    )
{%- endmacro %}

{% macro meal_equivalents(weight_kg, grams_per_meal) -%}
    cast({{ weight_kg }} * 1000 as double) / {{ grams_per_meal }}
{%- endmacro %}

{#- Fresh has three definitions, each wider than the one before. -#}
{% macro is_fresh(definition, storage="storage", network_family="network_family") -%}
    {%- if definition == "strict" -%} ({{ storage }} = 'chilled')
    {%- elif definition == "standard" -%}
        ({{ storage }} = 'chilled' or {{ network_family }} = 'fruit_vegetables_fresh')
    {%- elif definition == "broad" -%}
        (
            {{ storage }} = 'chilled'
            or {{ network_family }} in ('fruit_vegetables_fresh', 'bread_pastries', 'eggs')
        )
    {%- else -%}
        {{
            exceptions.raise_compiler_error(
                "is_fresh knows strict, standard and broad, not " ~ definition
            )
        }}
    {%- endif -%}
{%- endmacro %}

{% macro fresh_definitions() -%} {{ return(["strict", "standard", "broad"]) }} {%- endmacro %}

{#- Uncertainties add up within one factor, and in quadrature over independent factors:
    deviations is the sum of the squares of each factor's summed deviation. -#}
{% macro in_quadrature(squares) -%}
    cast(sqrt(cast(sum({{ squares }}) as double)) as decimal(18, 6))
{%- endmacro %}
