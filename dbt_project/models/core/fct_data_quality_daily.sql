with
    food_banks as (select * from {{ ref("dim_food_banks") }}),

    -- a reference record has no days of its own: it stands at the data date
    files as (
        select
            files.*,
            coalesce(files.last_date, food_banks.data_date, food_banks.first_date) as quality_date,
            files.last_date is not null as has_days
        from {{ ref("int_delivered_files") }} as files
        inner join food_banks on files.food_bank_id = food_banks.food_bank_id
    ),

    broken as (
        select food_bank_id, record, quality_date, unnest(str_split(broken_rules, '|')) as rule_rows
        from files
        where broken_rules <> ''
    ),

    rules as (
        select
            food_bank_id,
            record,
            quality_date,
            str_split(rule_rows, '=')[1] as rule,
            sum(cast(str_split(rule_rows, '=')[2] as bigint)) as count_rows
        from broken
        group by food_bank_id, record, quality_date, rule
    ),

    rules_by_day as (
        select
            food_bank_id,
            record,
            quality_date,
            count(*) as count_broken_rules,
            string_agg(
                rule || '=' || count_rows, '|' order by count_rows desc, rule
            ) as broken_rules
        from rules
        group by food_bank_id, record, quality_date
    ),

    days as (
        select
            food_bank_id,
            record,
            quality_date,
            bool_or(has_days) as has_days,
            max(late_after_days) as late_after_days,
            min(first_date) as first_date,
            count(*) as deliveries,
            sum(rows_delivered) as rows_delivered,
            sum(rows_accepted) as rows_accepted,
            sum(rows_quarantined) as rows_quarantined,
            sum(rows_replayed) as rows_replayed
        from files
        where quality_date is not null
        group by food_bank_id, record, quality_date
    ),

    spoken as (
        select
            food_bank_id,
            record,
            quality_date,
            has_days,
            first_date,
            deliveries,
            rows_delivered,
            rows_accepted,
            rows_quarantined,
            rows_replayed,
            lag(quality_date) over before as spoken_until,
            lag(late_after_days) over before as late_after_days
        from days
        window before as (partition by food_bank_id, record order by quality_date)
    ),

    -- days of which no file speaks: from the last day of earlier files to the first of these
    silences as (
        select
            *,
            case
                when has_days and spoken_until is not null
                then greatest(date_diff('day', spoken_until, first_date), 0)
            end as days_since_last
        from spoken
    )

select
    silences.quality_date,
    silences.food_bank_id,
    silences.record,
    cast(silences.deliveries as bigint) as deliveries,
    cast(silences.rows_delivered as bigint) as rows_delivered,
    cast(silences.rows_accepted as bigint) as rows_accepted,
    cast(silences.rows_quarantined as bigint) as rows_quarantined,
    cast(silences.rows_replayed as bigint) as rows_replayed,
    cast(coalesce(rules_by_day.count_broken_rules, 0) as bigint) as count_broken_rules,
    coalesce(rules_by_day.broken_rules, '') as broken_rules,
    cast(silences.days_since_last as bigint) as days_since_last,
    cast(silences.late_after_days as bigint) as late_after_days,
    coalesce(silences.days_since_last > silences.late_after_days, false) as was_late
from silences
left join
    rules_by_day
    on silences.food_bank_id = rules_by_day.food_bank_id
    and silences.record = rules_by_day.record
    and silences.quality_date = rules_by_day.quality_date
