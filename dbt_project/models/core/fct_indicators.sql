with
    formulas as (
        select
            indicator_code,
            coalesce(variant, '') as variant,
            operation,
            numerator,
            numerator_divisor,
            denominator,
            denominator_divisor,
            is_zero_when_absent,
            records,
            quality
        from {{ ref("indicator_formulas") }}
    ),

    register as (select * from {{ ref("dim_indicators") }}),

    scopes as (select * from {{ ref("dim_scopes") }}),

    supplied_records as (select * from {{ ref("fct_supplied_records") }} where is_supplied),

    measures as (select * from {{ ref("fct_measures_by_period") }}),

    carbon as (select * from {{ ref("fct_carbon_by_period") }}),

    method_versions as (select * from {{ ref("dim_method_versions") }}),

    benchmarks as (select * from {{ ref("dim_benchmark_periods") }}),

    meal_conventions as (select * from {{ ref("meal_conventions") }}),

    periods as (
        select distinct food_bank_id, period_kind, period_start from {{ ref("dim_periods") }}
    ),

    -- a food bank has the indicators whose records it all supplies
    needed_records as (
        select indicator_code, variant, unnest(string_split(records, '|')) as record from formulas
    ),

    supplied_indicators as (
        select food_banks.food_bank_id, needed_records.indicator_code, needed_records.variant
        from needed_records
        cross join (select distinct food_bank_id from scopes) as food_banks
        left join
            supplied_records
            on food_banks.food_bank_id = supplied_records.food_bank_id
            and needed_records.record = supplied_records.record
        group by food_banks.food_bank_id, needed_records.indicator_code, needed_records.variant
        having count(*) = count(supplied_records.record)
    ),

    cells as (
        select
            scopes.scope_kind,
            scopes.scope_id,
            scopes.data_date,
            scopes.food_bank_id,
            scopes.territory_code,
            periods.period_kind,
            periods.period_start,
            formulas.*
        from scopes
        inner join supplied_indicators on scopes.food_bank_id = supplied_indicators.food_bank_id
        inner join
            formulas
            on supplied_indicators.indicator_code = formulas.indicator_code
            and supplied_indicators.variant = formulas.variant
        inner join register on formulas.indicator_code = register.indicator_code
        inner join periods on scopes.food_bank_id = periods.food_bank_id
        where
            case
                when scopes.scope_kind = 'territory'
                then
                    register.territory_basis <> 'none'
                    -- of the posts of emissions, transport alone is shared over
                    -- communes
                    and (register.territory_basis <> 'transport' or formulas.variant = 'transport')
                -- only a territory has inhabitants
                else coalesce(formulas.denominator, '') <> 'inhabitants'
            end
    ),

    -- sums over the food banks of a scope, and ratios of sums
    summed as (
        select
            cells.scope_kind,
            cells.scope_id,
            cells.data_date,
            cells.indicator_code,
            cells.variant,
            cells.period_kind,
            cells.period_start,
            sum(
                case
                    when cells.is_zero_when_absent
                    then coalesce(numerators.amount, 0)
                    else numerators.amount
                end
            ) as numerator,
            sum(
                case
                    when cells.denominator is null
                    then null
                    when cells.is_zero_when_absent
                    then coalesce(denominators.amount, 0)
                    else denominators.amount
                end
            ) as denominator
        from cells
        left join
            measures as numerators
            on cells.food_bank_id = numerators.food_bank_id
            and cells.territory_code = numerators.territory_code
            and cells.period_kind = numerators.period_kind
            and cells.period_start = numerators.period_start
            and {{ measure_at_scope("cells.numerator", "cells.scope_kind") }} = numerators.measure
        left join
            measures as denominators
            on cells.food_bank_id = denominators.food_bank_id
            and cells.territory_code = denominators.territory_code
            and cells.period_kind = denominators.period_kind
            and cells.period_start = denominators.period_start
            and {{ measure_at_scope("cells.denominator", "cells.scope_kind") }}
            = denominators.measure
        group by
            cells.scope_kind,
            cells.scope_id,
            cells.data_date,
            cells.indicator_code,
            cells.variant,
            cells.period_kind,
            cells.period_start
        -- a median of two food banks is neither their sum nor their mean
        -- and a commune served by two is one, its inhabitants are counted once
        having
            (
                max(cells.operation) <> 'value'
                and max(cells.denominator) is distinct from 'inhabitants'
            )
            or count(*) = 1
    ),

    -- emissions with their range: linear within a factor, in quadrature over factors,
    -- of the food banks that the figure counts
    emissions_by_factor as (
        select
            cells.scope_kind,
            cells.scope_id,
            cells.indicator_code,
            cells.variant,
            cells.period_kind,
            cells.period_start,
            carbon.factor_id,
            sum(carbon.kg_co2e) as kg_co2e,
            sum(carbon.kg_co2e - carbon.kg_co2e_low) as below_kg,
            sum(carbon.kg_co2e_high - carbon.kg_co2e) as above_kg,
            sum(carbon.measured_kg_co2e) as measured_kg_co2e
        from carbon
        cross join unnest([carbon.method_or_post, 'total']) as posts(method_or_post)
        inner join
            cells
            on carbon.food_bank_id = cells.food_bank_id
            and carbon.territory_code = cells.territory_code
            and carbon.period_kind = cells.period_kind
            and carbon.period_start = cells.period_start
            and carbon.ledger || '_' || posts.method_or_post || '_kg_co2e' = cells.numerator
        group by
            cells.scope_kind,
            cells.scope_id,
            cells.indicator_code,
            cells.variant,
            cells.period_kind,
            cells.period_start,
            carbon.factor_id
    ),

    emissions as (
        select
            scope_kind,
            scope_id,
            indicator_code,
            variant,
            period_kind,
            period_start,
            sum(kg_co2e) as kg_co2e,
            sum(measured_kg_co2e) as measured_kg_co2e,
            {{ in_quadrature("below_kg * below_kg") }} as below_kg,
            {{ in_quadrature("above_kg * above_kg") }} as above_kg
        from emissions_by_factor
        group by scope_kind, scope_id, indicator_code, variant, period_kind, period_start
    ),

    converted as (
        select
            summed.scope_kind,
            summed.scope_id,
            summed.data_date,
            summed.indicator_code,
            summed.variant,
            summed.period_kind,
            summed.period_start,
            case
                when summed.period_kind = 'year_to_date'
                then {{ same_day_in_year("summed.data_date", "year(summed.period_start)") }}
                else
                    cast(
                        summed.period_start + case
                            summed.period_kind
                            when 'month'
                            then interval 1 month
                            when 'quarter'
                            then interval 3 month
                            else interval 12 month
                        end
                        - interval 1 day as date
                    )
            end as natural_end,
            formulas.operation,
            formulas.quality,
            cast(summed.numerator / formulas.numerator_divisor as decimal(18, 6)) as numerator,
            cast(
                summed.denominator / formulas.denominator_divisor as decimal(18, 6)
            ) as denominator,
            -- a ratio is that of the sums, not of what is left of them at six decimals
            cast(summed.numerator as double)
            * formulas.denominator_divisor
            / (nullif(cast(summed.denominator as double), 0) * formulas.numerator_divisor) as ratio,
            meal_conventions.grams_per_meal,
            benchmarks.value as benchmark
        from summed
        inner join
            formulas
            on summed.indicator_code = formulas.indicator_code
            and summed.variant = formulas.variant
        left join
            meal_conventions
            on formulas.operation = 'meals'
            and summed.variant = meal_conventions.meal_convention
        left join
            benchmarks
            on formulas.operation = 'gap'
            and benchmarks.indicator_code = 'fresh_tonnes_growth'
            and summed.period_kind = benchmarks.period_kind
            and summed.period_start = benchmarks.period_start
            and summed.data_date between benchmarks.first_data_date and coalesce(
                benchmarks.last_data_date, summed.data_date
            )
        -- nothing to compare with, no gap
        where formulas.operation <> 'gap' or benchmarks.value is not null
    ),

    computed as (
        select
            converted.*,
            case
                when operation in ('total', 'value')
                then numerator
                when operation in ('share', 'yield')
                then cast(ratio as decimal(18, 6))
                when operation = 'growth'
                then cast(ratio - 1 as decimal(18, 6))
                -- percentage points between our growth and that of the benchmark
                when operation = 'gap'
                then cast(100 * (ratio - 1 - cast(benchmark as double)) as decimal(18, 6))
                when operation = 'meals'
                then cast({{ meal_equivalents("numerator", "grams_per_meal") }} as decimal(18, 6))
            end as value
        from converted
    )

select
    computed.scope_kind,
    computed.scope_id,
    computed.indicator_code,
    computed.variant,
    computed.period_kind,
    computed.period_start,
    least(computed.natural_end, computed.data_date) as period_end,
    computed.value,
    case
        when computed.operation in ('share', 'growth', 'yield', 'gap') then computed.numerator
    end as numerator,
    computed.denominator,
    -- a yield stands beside the tonnes that it divides
    case when computed.operation = 'yield' then 'share' else register.unit end as unit,
    nullif(computed.variant, '') as definition,
    -- factors without a published uncertainty: the range is not quantified
    case
        when emissions.below_kg + emissions.above_kg = 0
        then null
        when computed.operation = 'total'
        then cast(emissions.kg_co2e - emissions.below_kg as decimal(18, 6))
        else {{ share("emissions.kg_co2e - emissions.below_kg", "computed.denominator") }}
    end as low,
    case
        when emissions.below_kg + emissions.above_kg = 0
        then null
        when computed.operation = 'total'
        then cast(emissions.kg_co2e + emissions.above_kg as decimal(18, 6))
        else {{ share("emissions.kg_co2e + emissions.above_kg", "computed.denominator") }}
    end as high,
    computed.natural_end > computed.data_date as is_partial,
    false as is_suppressed,
    case
        when computed.quality <> 'by_level'
        then computed.quality
        when coalesce(emissions.measured_kg_co2e, 0) = 0
        then 'modelled'
        when emissions.measured_kg_co2e = emissions.kg_co2e
        then 'measured'
        else 'mixed'
    end as quality,
    method_versions.method_version,
    computed.data_date
from computed
inner join register on computed.indicator_code = register.indicator_code
inner join
    method_versions
    on computed.indicator_code = method_versions.indicator_code
    and least(
        computed.natural_end,
        computed.data_date
    ) between coalesce(method_versions.computes_from, date '0001-01-01') and coalesce(
        method_versions.valid_to, date '9999-12-31'
    )
left join
    emissions
    on computed.scope_kind = emissions.scope_kind
    and computed.scope_id = emissions.scope_id
    and computed.indicator_code = emissions.indicator_code
    and computed.variant = emissions.variant
    and computed.period_kind = emissions.period_kind
    and computed.period_start = emissions.period_start
