{#- Seconds from one moment to another, to the microsecond. -#}
{% macro seconds_between(start, end) -%}
    cast(date_diff('microsecond', {{ start }}, {{ end }}) as decimal(18, 0)) / 1000000
{%- endmacro %}

{#- The value below which `rank` of the rows lie, interpolated between neighbours, then divided. -#}
{% macro percentile(value, rank, divisor="1") -%}
    cast(quantile_cont(cast({{ value }} as double), {{ rank }}) / {{ divisor }} as decimal(18, 6))
{%- endmacro %}
