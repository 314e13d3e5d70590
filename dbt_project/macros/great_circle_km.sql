{#- Great-circle distance between two points in degrees, in km to the metre (haversine, mean
    Earth radius 6371.0088 km). Null where a coordinate is missing: `least` would skip the null. -#}
{% macro great_circle_km(latitude_a, longitude_a, latitude_b, longitude_b) -%}
    case
        when
            {{ latitude_a }} is not null
            and {{ longitude_a }} is not null
            and {{ latitude_b }} is not null
            and {{ longitude_b }} is not null
        then
            cast(
                2
                * 6371.0088
                * asin(
                    sqrt(
                        least(
                            1.0,
                            power(sin(radians({{ latitude_b }} - {{ latitude_a }}) / 2), 2)
                            + cos(radians({{ latitude_a }}))
                            * cos(radians({{ latitude_b }}))
                            * power(sin(radians({{ longitude_b }} - {{ longitude_a }}) / 2), 2)
                        )
                    )
                ) as decimal(12, 3)
            )
    end
{%- endmacro %}
