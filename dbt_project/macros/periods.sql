{% macro first_day_of_month(date) -%} cast(date_trunc('month', {{ date }}) as date) {%- endmacro %}

{#- The same day of another year; 29 February compares with 28. -#}
{% macro same_day_in_year(date, year) -%}
    least(
        cast(
            make_date(cast({{ year }} as integer), month({{ date }}), 1)
            + (day({{ date }}) - 1) * interval 1 day as date
        ),
        last_day(make_date(cast({{ year }} as integer), month({{ date }}), 1))
    )
{%- endmacro %}

{% macro years_later(date, years) -%}
    cast({{ date }} + interval '{{ years }}' year as date)
{%- endmacro %}

{% macro monday_of(date) -%} cast(date_trunc('week', {{ date }}) as date) {%- endmacro %}
