{#- The order of the versions of a key, the current one first: `updated_at`, then `_sent_at`, the
    order of arrival where neither stamp exists, then the later line, then the greater hash. -#}
{% macro version_order(has_updates=true) -%}
    {%- if has_updates %} updated_at desc nulls last, {%- endif %}
    _sent_at desc nulls last,
    case
        when _sent_at is null {%- if has_updates %} and updated_at is null {%- endif %}
        then _arrival_no
    end desc nulls last,
    _source_line desc,
    _delivery_id desc
{%- endmacro %}
