with
    published as (
        select
            food_bank_id,
            key_figure,
            position,
            indicator_code,
            coalesce(variant, '') as variant,
            label_fr,
            label_en,
            period_label,
            comparison,
            published_value,
            published_on,
            source
        from {{ ref("published_key_figures") }}
    ),

    demonstrations as (
        select * from {{ ref("dim_food_banks") }} where is_demonstration and data_date is not null
    ),

    indicators as (select * from {{ ref("fct_indicators") }} where scope_kind = 'food_bank'),

    register as (select * from {{ ref("dim_indicators") }}),

    -- `2023`, `2024-to-date` or a span of months as `2023-09..2023-12`
    periods as (
        select
            published.*,
            demonstrations.data_date,
            case
                when period_label like '%..%'
                then 'month'
                when period_label like '%-to-date'
                then 'year_to_date'
                else 'year'
            end as period_kind,
            case
                when period_label like '%..%'
                then cast(split_part(period_label, '..', 1) || '-01' as date)
                else cast(left(period_label, 4) || '-01-01' as date)
            end as period_start,
            case
                when period_label like '%..%'
                then last_day(cast(split_part(period_label, '..', 2) || '-01' as date))
                when period_label like '%-to-date'
                then
                    {{
                        same_day_in_year(
                            "demonstrations.data_date", "cast(left(period_label, 4) as integer)"
                        )
                    }}
                else cast(left(period_label, 4) || '-12-31' as date)
            end as natural_end
        from published
        inner join demonstrations on published.food_bank_id = demonstrations.food_bank_id
    ),

    computed as (
        select
            periods.food_bank_id,
            periods.key_figure,
            periods.period_label,
            sum(indicators.value) as value,
            count(*) as periods
        from periods
        inner join
            indicators
            on periods.food_bank_id = indicators.scope_id
            and periods.indicator_code = indicators.indicator_code
            and periods.variant = indicators.variant
            and periods.period_kind = indicators.period_kind
            and indicators.period_start between periods.period_start and periods.natural_end
        group by periods.food_bank_id, periods.key_figure, periods.period_label
    )

select
    periods.food_bank_id,
    periods.key_figure,
    periods.position,
    periods.indicator_code,
    periods.variant,
    periods.label_fr,
    periods.label_en,
    periods.period_label,
    periods.period_start,
    greatest(periods.period_start, least(periods.natural_end, periods.data_date)) as period_end,
    -- a span is a sum of months, for what can be added over months only
    case
        when computed.periods = 1 or register.additive_over like '%months%'
        then cast(computed.value as decimal(18, 6))
    end as value,
    register.unit,
    periods.comparison,
    periods.published_value,
    periods.published_on,
    periods.source
from periods
inner join register on periods.indicator_code = register.indicator_code
left join
    computed
    on periods.food_bank_id = computed.food_bank_id
    and periods.key_figure = computed.key_figure
    and periods.period_label = computed.period_label
