with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    reports as (select * from {{ ref("int_beneficiary_reports") }} where not is_deleted),

    partners as (select * from {{ ref("dim_partners") }}),

    first_reports as (
        select food_bank_id, min(month) as first_month from reports group by food_bank_id
    ),

    -- a month is reported once it is over; before the first report none was asked for
    months as (
        select months.food_bank_id, months.month
        from {{ ref("dim_months") }} as months
        inner join food_banks on months.food_bank_id = food_banks.food_bank_id
        inner join first_reports on months.food_bank_id = first_reports.food_bank_id
        where
            months.month >= first_reports.first_month
            and last_day(months.month) <= food_banks.data_date
    ),

    -- a partner that reports was expected to, also where the directory does not know it
    expected as (
        select months.food_bank_id, months.month, partners.partner_id
        from months
        inner join
            partners
            on months.food_bank_id = partners.food_bank_id
            and partners.active_from <= last_day(months.month)
            and coalesce(partners.active_to, months.month) >= months.month
        union
        select months.food_bank_id, months.month, reports.partner_id
        from months
        inner join
            reports on months.food_bank_id = reports.food_bank_id and months.month = reports.month
    )

select
    expected.food_bank_id,
    expected.month,
    expected.partner_id,
    coalesce(partners.kind, 'unmapped') as partner_kind,
    coalesce(partners.commune_code, 'unknown') as commune_code,
    {% for column in declared_columns() -%} reports.{{ column }}, {% endfor -%}
    reports.partner_id is not null as has_reported
from expected
left join
    reports
    on expected.food_bank_id = reports.food_bank_id
    and expected.partner_id = reports.partner_id
    and expected.month = reports.month
left join
    partners
    on expected.food_bank_id = partners.food_bank_id
    and expected.partner_id = partners.partner_id
