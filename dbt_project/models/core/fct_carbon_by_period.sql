with
    periods as (select * from {{ ref("dim_periods") }}),

    territory_members as (select * from {{ ref("dim_territory_members") }}),

    rounds as (select * from {{ ref("fct_rounds") }} where kg_co2e is not null),

    stops as (select * from {{ ref("fct_round_stops") }} where allocated_kg_co2e is not null),

    emission_lines as (select * from {{ ref("fct_emission_lines") }}),

    -- the range of a round is shared over its stops as its emissions are
    territory_stops as (
        select
            territory_members.territory_code,
            stops.food_bank_id,
            stops.round_date,
            stops.month,
            rounds.factor_id,
            rounds.data_level,
            stops.allocated_kg_co2e as kg_co2e,
            cast(
                cast(stops.allocated_kg_co2e as double) * coalesce(
                    cast(rounds.kg_co2e_low as double) / nullif(rounds.kg_co2e, 0), 1
                ) as decimal(18, 6)
            ) as kg_co2e_low,
            cast(
                cast(stops.allocated_kg_co2e as double) * coalesce(
                    cast(rounds.kg_co2e_high as double) / nullif(rounds.kg_co2e, 0), 1
                ) as decimal(18, 6)
            ) as kg_co2e_high
        from stops
        inner join
            rounds on stops.food_bank_id = rounds.food_bank_id and stops.round_id = rounds.round_id
        inner join
            territory_members
            on stops.food_bank_id = territory_members.food_bank_id
            and stops.commune_code = territory_members.commune_code
    ),

    lines as (
        select
            food_bank_id,
            '' as territory_code,
            ledger,
            -- rounds of every kind are one post
            case
                when method_or_post like 'transport_%' then 'transport' else method_or_post
            end as method_or_post,
            emission_date as day,
            month,
            factor_id,
            data_level,
            kg_co2e_low,
            kg_co2e,
            kg_co2e_high
        from emission_lines
        union all
        select
            food_bank_id,
            territory_code,
            'induced' as ledger,
            'transport' as method_or_post,
            round_date as day,
            month,
            factor_id,
            data_level,
            kg_co2e_low,
            kg_co2e,
            kg_co2e_high
        from territory_stops
    )

select
    lines.food_bank_id,
    lines.territory_code,
    lines.ledger,
    lines.method_or_post,
    lines.factor_id,
    periods.period_kind,
    periods.period_start,
    cast(sum(lines.kg_co2e_low) as decimal(18, 6)) as kg_co2e_low,
    cast(sum(lines.kg_co2e) as decimal(18, 6)) as kg_co2e,
    cast(sum(lines.kg_co2e_high) as decimal(18, 6)) as kg_co2e_high,
    cast(
        sum(case when lines.data_level = 'measured' then lines.kg_co2e else 0 end) as decimal(18, 6)
    ) as measured_kg_co2e
from lines
inner join
    periods
    on lines.food_bank_id = periods.food_bank_id
    and lines.month = periods.month
    and lines.day <= periods.period_end
group by all
