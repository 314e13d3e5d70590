with

    lines as (select * from {{ ref("fct_emission_lines") }}),

    months as (
        select
            month,
            food_bank_id,
            ledger,
            method_or_post,
            factor_id,
            factor_version,
            gwp_set,
            data_level,
            activity_unit,
            sum(activity_quantity) as activity_quantity,
            sum(kg_co2e_low) as kg_co2e_low,
            sum(kg_co2e) as kg_co2e,
            sum(kg_co2e_high) as kg_co2e_high
        from lines
        group by all
    ),

    posts as (
        select
            month,
            food_bank_id,
            method_or_post,
            sum(case when data_level = 'measured' then kg_co2e else 0 end) as measured_kg_co2e,
            sum(kg_co2e) as kg_co2e
        from months
        where ledger = 'induced'
        group by month, food_bank_id, method_or_post
    )

select
    -- ids
    months.month,
    months.food_bank_id,
    months.ledger,
    months.method_or_post,
    months.factor_id,
    months.data_level,
    months.gwp_set,

    -- emissions
    cast(months.kg_co2e_low as decimal(18, 6)) as kg_co2e_low,
    cast(months.kg_co2e as decimal(18, 6)) as kg_co2e,
    cast(months.kg_co2e_high as decimal(18, 6)) as kg_co2e_high,

    -- activity
    cast(months.activity_quantity as decimal(18, 3)) as activity_quantity,
    months.activity_unit,

    -- quality
    cast(posts.measured_kg_co2e / nullif(posts.kg_co2e, 0) as decimal(9, 6)) as measured_share,
    months.factor_version
from months
left join
    posts
    on months.ledger = 'induced'
    and months.month = posts.month
    and months.food_bank_id = posts.food_bank_id
    and months.method_or_post = posts.method_or_post
