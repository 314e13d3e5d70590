{#- Households of each period and place, counted once in each: neither places nor periods add up. -#}
{% macro households_by_place(period, place, expression=none) -%}
    with
        food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

        first_parcels as (
            select
                *,
                household_id is not null
                and row_number() over (
                    partition by food_bank_id, household_id
                    order by handed_over_date, handed_over_at, parcel_id
                )
                = 1 as is_first_parcel
            from {{ ref("fct_parcels") }}
        ),

        placed as (
            select
                parcels.*,
                cast(date_trunc('{{ period }}', parcels.month) as date) as {{ period }}_start,
                coalesce({{ expression or "parcels." ~ place }}, 'unknown') as place
            from first_parcels as parcels
            inner join
                food_banks
                on parcels.food_bank_id = food_banks.food_bank_id
                and parcels.handed_over_date <= food_banks.data_date
        ),

        ranked as (
            select
                *,
                household_id is not null
                and row_number() over (
                    partition by food_bank_id, {{ period }}_start, place, household_id
                    order by handed_over_date desc, handed_over_at desc, parcel_id desc
                )
                = 1 as is_last_parcel
            from placed
        )

    select
        {{ period }}_start,
        food_bank_id,
        place as {{ place }},
        cast(count(*) filter (where is_last_parcel) as bigint) as households_helped,
        cast(count(*) filter (where is_first_parcel) as bigint) as new_households,
        cast(
            coalesce(sum(coalesce(household_size, 1)) filter (where is_last_parcel), 0) as bigint
        ) as people_helped,
        cast(count(*) as bigint) as parcels,
        cast(count(*) filter (where household_id is null) as bigint) as anonymous_parcels,
        cast(sum(weight_kg) as decimal(18, 3)) as parcel_kg
    from ranked
    group by {{ period }}_start, food_bank_id, place
{%- endmacro %}
