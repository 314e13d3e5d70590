with
    food_banks as (select * from {{ ref("dim_food_banks") }}),

    periods as (select * from {{ ref("dim_periods") }}),

    period_ends as (
        select distinct food_bank_id, period_kind, period_start, period_end from periods
    ),

    territory_members as (select * from {{ ref("dim_territory_members") }}),

    partners as (select * from {{ ref("dim_partners") }}),

    suppliers as (select * from {{ ref("dim_suppliers") }}),

    ordering_days as (
        select distinct food_bank_id, partner_id, ordered_date from {{ ref("fct_orders") }}
    ),

    giving_days as (
        select distinct food_bank_id, supplier_id, received_date, month
        from {{ ref("int_receipts") }}
        where not is_deleted
    ),

    ordering as (
        select distinct
            period_ends.food_bank_id,
            period_ends.period_kind,
            period_ends.period_start,
            'ordering_partners_30_days' as measure,
            ordering_days.partner_id as organisation_id,
            partners.commune_code
        from period_ends
        inner join
            ordering_days
            on period_ends.food_bank_id = ordering_days.food_bank_id
            and ordering_days.ordered_date > period_ends.period_end - 30
            and ordering_days.ordered_date <= period_ends.period_end
        left join
            partners
            on ordering_days.food_bank_id = partners.food_bank_id
            and ordering_days.partner_id = partners.partner_id
    ),

    giving as (
        select distinct
            periods.food_bank_id,
            periods.period_kind,
            periods.period_start,
            'suppliers_active' as measure,
            giving_days.supplier_id as organisation_id,
            suppliers.commune_code
        from periods
        inner join
            giving_days
            on periods.food_bank_id = giving_days.food_bank_id
            and periods.month = giving_days.month
            and giving_days.received_date <= periods.period_end
        left join
            suppliers
            on giving_days.food_bank_id = suppliers.food_bank_id
            and giving_days.supplier_id = suppliers.supplier_id
    ),

    -- a CCAS is public and needs no accreditation
    accredited as (
        select
            partners.food_bank_id,
            partners.partner_id,
            partners.commune_code,
            partners.accreditation_expires_on - food_banks.data_date as days_left
        from partners
        inner join
            food_banks
            on partners.food_bank_id = food_banks.food_bank_id
            and partners.active_from <= food_banks.data_date
            and coalesce(partners.active_to, food_banks.data_date) >= food_banks.data_date
        where partners.kind <> 'ccas' and partners.accreditation_expires_on is not null
    ),

    accreditations as (
        select
            period_ends.food_bank_id,
            period_ends.period_kind,
            period_ends.period_start,
            case
                when accredited.days_left < 0
                then 'accreditations_expired'
                else 'accreditations_expiring'
            end as measure,
            accredited.partner_id as organisation_id,
            accredited.commune_code
        from period_ends
        inner join
            food_banks
            on period_ends.food_bank_id = food_banks.food_bank_id
            and period_ends.period_end = food_banks.data_date
        inner join accredited on period_ends.food_bank_id = accredited.food_bank_id
        where accredited.days_left <= 90
    ),

    -- nobody is zero on the data date, and unknown on any other day
    nobody as (
        select distinct
            period_ends.food_bank_id,
            territory_members.territory_code,
            period_ends.period_kind,
            period_ends.period_start
        from period_ends
        inner join
            food_banks
            on period_ends.food_bank_id = food_banks.food_bank_id
            and period_ends.period_end = food_banks.data_date
        inner join
            (
                select food_bank_id, territory_code
                from territory_members
                union
                select food_bank_id, '' as territory_code
                from food_banks
            ) as territory_members
            on period_ends.food_bank_id = territory_members.food_bank_id
    ),

    organisations as (
        select *
        from ordering
        union all
        select *
        from giving
        union all
        select *
        from accreditations
    ),

    scoped as (
        select
            food_bank_id, '' as territory_code, period_kind, period_start, measure, organisation_id
        from organisations
        union all
        select
            organisations.food_bank_id,
            territory_members.territory_code,
            organisations.period_kind,
            organisations.period_start,
            organisations.measure,
            organisations.organisation_id
        from organisations
        inner join
            territory_members
            on organisations.food_bank_id = territory_members.food_bank_id
            and organisations.commune_code = territory_members.commune_code
    ),

    counted as (
        select food_bank_id, territory_code, period_kind, period_start, measure, organisation_id
        from scoped
        {% for measure in ["accreditations_expiring", "accreditations_expired"] %}
            union all
            select
                food_bank_id,
                territory_code,
                period_kind,
                period_start,
                '{{ measure }}' as measure,
                cast(null as varchar) as organisation_id
            from nobody
        {% endfor %}
    )

select
    food_bank_id,
    territory_code,
    period_kind,
    period_start,
    measure,
    cast(count(organisation_id) as decimal(18, 6)) as amount
from counted
group by food_bank_id, territory_code, period_kind, period_start, measure
