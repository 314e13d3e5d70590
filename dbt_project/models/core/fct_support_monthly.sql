with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    partners as (select * from {{ ref("dim_partners") }}),

    activities as (select * from {{ ref("int_support_activities") }} where not is_deleted)

select
    activities.month,
    activities.food_bank_id,
    activities.kind,
    case
        when activities.partner_id is null then 'food_bank' else coalesce(partners.kind, 'unmapped')
    end as partner_kind,
    cast(count(*) as bigint) as activities,
    cast(sum(activities.participants) as bigint) as participants
from activities
inner join
    food_banks
    on activities.food_bank_id = food_banks.food_bank_id
    and activities.held_date <= food_banks.data_date
left join
    partners
    on activities.food_bank_id = partners.food_bank_id
    and activities.partner_id = partners.partner_id
group by all
