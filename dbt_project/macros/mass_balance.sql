{#- The balance of every site, family and period, from the relations `flows` (named by
    `flow_of_movement`, up to the data date, with the site's `last_period`), `full_counts`,
    `counted_stock` and `products`. `period` is the column of its first day, `step` its length. -#}
{% macro balances_of(period, step) %}
    counts_of_period as (
        select
            food_bank_id,
            site_id,
            {{ period }},
            max(count_date) as last_count_date,
            count(*) as full_counts,
            count(*) filter (where count_no > 1) as later_counts
        from full_counts
        group by food_bank_id, site_id, {{ period }}
    ),

    counted_families as (
        select
            counts_of_period.food_bank_id,
            counts_of_period.site_id,
            counts_of_period.{{ period }},
            coalesce(products.network_family, 'unmapped') as network_family,
            sum(counted_stock.counted_kg) as counted_kg
        from counts_of_period
        inner join
            counted_stock
            on counts_of_period.food_bank_id = counted_stock.food_bank_id
            and counts_of_period.site_id = counted_stock.site_id
            and counts_of_period.last_count_date = counted_stock.count_date
        left join
            products
            on counted_stock.food_bank_id = products.food_bank_id
            and counted_stock.product_code = products.product_code
        group by all
    ),

    -- every family that a site ever held, in every period from the site's first one on
    sites as (
        select
            food_bank_id,
            site_id,
            min({{ period }}) as first_period,
            max(last_period) as last_period
        from flows
        group by food_bank_id, site_id
    ),

    site_families as (
        select distinct food_bank_id, site_id, network_family
        from flows
        union
        select distinct food_bank_id, site_id, network_family
        from counted_families
    ),

    site_periods as (
        select
            food_bank_id,
            site_id,
            cast(
                unnest(generate_series(first_period, last_period, interval {{ step }})) as date
            ) as {{ period }}
        from sites
    ),

    cells as (
        select
            site_families.food_bank_id,
            site_families.site_id,
            site_families.network_family,
            site_periods.{{ period }}
        from site_families
        inner join
            site_periods
            on site_families.food_bank_id = site_periods.food_bank_id
            and site_families.site_id = site_periods.site_id
    ),

    terms as (
        select
            food_bank_id,
            site_id,
            network_family,
            {{ period }},
            {% for flow in [
                "received",
                "transferred_in",
                "delivered",
                "returned",
                "parcels",
                "removed",
                "transferred_out",
                "transformation_input",
                "transformation_output",
                "unexplained",
                "opening_count",
            ] -%}
                coalesce(sum(weight_kg) filter (where flow = '{{ flow }}'), 0) as {{ flow }}_kg,
            {% endfor -%}
            sum(stock_change_kg) as stock_change_kg
        from flows
        group by food_bank_id, site_id, network_family, {{ period }}
    ),

    balances as (
        select
            cells.{{ period }},
            cells.food_bank_id,
            cells.site_id,
            cells.network_family,
            coalesce(terms.received_kg, 0) as received_kg,
            coalesce(terms.transferred_in_kg, 0) as transfers_in_kg,
            coalesce(terms.delivered_kg, 0) as delivered_kg,
            coalesce(terms.returned_kg, 0) as returned_kg,
            coalesce(terms.parcels_kg, 0) as parcels_kg,
            coalesce(terms.removed_kg, 0) as removed_kg,
            coalesce(terms.transferred_out_kg, 0) as transfers_out_kg,
            coalesce(terms.transformation_input_kg, 0) as transformation_input_kg,
            coalesce(terms.transformation_output_kg, 0) as transformation_output_kg,
            coalesce(terms.opening_count_kg, 0) as initial_count_kg,
            coalesce(counts_of_period.full_counts, 0) as full_counts,
            case
                when counts_of_period.last_count_date is not null
                then coalesce(counted_families.counted_kg, 0)
            end as counted_kg,
            case
                when counts_of_period.later_counts > 0 then coalesce(terms.unexplained_kg, 0)
            end as unexplained_kg,
            sum(coalesce(terms.stock_change_kg, 0)) over (
                partition by cells.food_bank_id, cells.site_id, cells.network_family
                order by cells.{{ period }}
            ) as closing_kg,
            coalesce(terms.stock_change_kg, 0) as stock_change_kg
        from cells
        left join
            terms
            on cells.food_bank_id = terms.food_bank_id
            and cells.site_id = terms.site_id
            and cells.network_family = terms.network_family
            and cells.{{ period }} = terms.{{ period }}
        left join
            counts_of_period
            on cells.food_bank_id = counts_of_period.food_bank_id
            and cells.site_id = counts_of_period.site_id
            and cells.{{ period }} = counts_of_period.{{ period }}
        left join
            counted_families
            on cells.food_bank_id = counted_families.food_bank_id
            and cells.site_id = counted_families.site_id
            and cells.network_family = counted_families.network_family
            and cells.{{ period }} = counted_families.{{ period }}
    )
{% endmacro %}

{#- The terms of a balance: what opens, every flow, what closes. -#}
{% macro balance_terms() %}
    cast(closing_kg - stock_change_kg as decimal(18, 3)) as opening_kg,
    cast(received_kg as decimal(18, 3)) as received_kg,
    cast(transfers_in_kg as decimal(18, 3)) as transfers_in_kg,
    cast(transformation_output_kg as decimal(18, 3)) as transformation_output_kg,
    cast(delivered_kg as decimal(18, 3)) as delivered_kg,
    cast(returned_kg as decimal(18, 3)) as returned_kg,
    cast(parcels_kg as decimal(18, 3)) as parcels_kg,
    cast(removed_kg as decimal(18, 3)) as removed_kg,
    cast(transfers_out_kg as decimal(18, 3)) as transfers_out_kg,
    cast(transformation_input_kg as decimal(18, 3)) as transformation_input_kg,
    cast(
        closing_kg - initial_count_kg - coalesce(unexplained_kg, 0) as decimal(18, 3)
    ) as theoretical_closing_kg,
    cast(initial_count_kg as decimal(18, 3)) as initial_count_kg,
    cast(counted_kg as decimal(18, 3)) as counted_kg,
    cast(unexplained_kg as decimal(18, 3)) as unexplained_kg,
    cast(closing_kg as decimal(18, 3)) as closing_kg,
    closing_kg < 0 as is_negative
{% endmacro %}
