{#- The factors of kept fresh food, in the order of the product that they make. -#}
{% macro fresh_effects() -%}
    {{
        return(
            ["active_stores", "pickups_per_store", "kg_per_pickup", "channel_mix", "kept_share"]
        )
    }}
{%- endmacro %}

{#- The measure of an effect, and of the whole change, by (effect, net of the network's own transfers). -#}
{% macro fresh_change_measures() -%}
    {%- set measures = {} -%}
    {%- for effect in fresh_effects() + ["total"] -%}
        {%- do measures.update(
            {
                (effect, false): "fresh_change_" ~ effect ~ "_kg",
                (effect, true): "net_fresh_change_" ~ effect ~ "_kg",
            }
        ) -%}
    {%- endfor -%}
    {{ return(measures) }}
{%- endmacro %}

{#- The logarithmic mean of two positive values: what LMDI-I weighs the growth of a factor with. -#}
{% macro logarithmic_mean(a, b) -%}
    case
        when {{ a }} = {{ b }}
        then cast({{ a }} as double)
        else
            (cast({{ a }} as double) - cast({{ b }} as double))
            / ln(cast({{ a }} as double) / cast({{ b }} as double))
    end
{%- endmacro %}
