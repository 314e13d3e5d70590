{{ config(meta={"dagster": {"ref": {"name": "fct_measures_by_period"}}}) }}

-- A measure that no formula knows, or a formula on a measure that no model makes, is a typing
-- error.
with
    known as (
        select
            unnest(
                [
                    '{{ flow_measures().keys() | join("',
                    '") }}',
                    {% for measure in compared_measures() %} '{{ measure }}', {% endfor %}
                    'households_helped',
                    'new_households',
                    'people_helped',
                    'parcels',
                    'anonymous_parcels',
                    'orders',
                    'ordering_partners',
                    'due_kg',
                    'filled_kg',
                    {% for measures in measure_topics().values() %}
                        {% for measure in measures %} '{{ measure }}', {% endfor %}
                    {% endfor %}
                    'partners_active',
                    'partners_on_platform',
                    'stock_kg',
                    'distance_km',
                    'rescued_kg',
                    'attributed_by_lot_kg',
                    'active_users',
                    'products',
                    'suppliers',
                    {% for post in induced_posts() + ["total"] %}
                        'induced_{{ post }}_kg_co2e',
                    {% endfor %}
                    {% for method in avoided_methods() %}
                        'avoided_{{ method }}_kg_co2e',
                    {% endfor %}
                    'measured_transport_kg_co2e',
                    'measured_total_kg_co2e'
                ]
            ) as measure
    ),

    used as (
        select numerator as measure
        from {{ ref("indicator_formulas") }}
        union
        select denominator as measure
        from {{ ref("indicator_formulas") }}
        where denominator is not null
    )

select measure
from used
where measure not in (select measure from known)
union all
select distinct measure
from {{ ref("fct_measures_by_period") }}
where measure not in (select measure from known)
