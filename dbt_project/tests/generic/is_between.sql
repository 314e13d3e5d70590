{#- A value, where there is one, lies between `minimum` and `maximum`. -#}
{% test is_between(model, column_name, minimum=none, maximum=none) %}

    select {{ column_name }}
    from {{ model }}
    where
        false
        {% if minimum is not none %} or {{ column_name }} < {{ minimum }} {% endif %}
        {% if maximum is not none %} or {{ column_name }} > {{ maximum }} {% endif %}

{% endtest %}
