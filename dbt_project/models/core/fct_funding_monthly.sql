with
    agreements as (select * from {{ ref("int_funding") }}),

    months as (select * from {{ ref("dim_months") }}),

    uses as (
        select food_bank_id, funding_id, month, sum(used_eur) as used_eur
        from {{ ref("fct_agreement_uses") }}
        group by food_bank_id, funding_id, month
    )

select
    months.month,
    agreements.food_bank_id,
    agreements.funding_id,
    agreements.funder,
    agreements.funder_kind,
    {{ is_public_funder("agreements.funder_kind") }} as is_public,
    agreements.programme,
    agreements.purpose,
    agreements.territory_code,
    cast(agreements.amount_eur as decimal(18, 2)) as agreed_eur,
    agreements.starts_on,
    agreements.ends_on,
    cast(coalesce(uses.used_eur, 0) as decimal(18, 2)) as used_eur
from agreements
inner join
    months
    on agreements.food_bank_id = months.food_bank_id
    and months.month >= {{ first_day_of_month("agreements.starts_on") }}
left join
    uses
    on agreements.food_bank_id = uses.food_bank_id
    and agreements.funding_id = uses.funding_id
    and months.month = uses.month
where months.month <= agreements.ends_on or uses.used_eur is not null
