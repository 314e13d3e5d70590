with
    segments as (select * from {{ ref("int_stock_segments") }}),

    full_counts as (select * from {{ ref("int_full_counts") }}),

    counted_stock as (select * from {{ ref("int_counted_stock") }}),

    -- what moves after the last full count of a month is met by the next count of a later month
    next_counts as (
        select
            months.food_bank_id,
            months.site_id,
            months.month,
            min(full_counts.count_date) as count_date
        from (select distinct food_bank_id, site_id, month from segments) as months
        inner join
            full_counts
            on months.food_bank_id = full_counts.food_bank_id
            and months.site_id = full_counts.site_id
            and months.month < full_counts.month
        group by months.food_bank_id, months.site_id, months.month
    ),

    moved as (
        select
            segments.food_bank_id,
            segments.site_id,
            coalesce(segments.count_date, next_counts.count_date) as count_date,
            segments.product_code,
            segments.change_kg
        from segments
        left join
            next_counts
            on segments.food_bank_id = next_counts.food_bank_id
            and segments.site_id = next_counts.site_id
            and segments.month = next_counts.month
    ),

    terms as (
        select
            food_bank_id,
            site_id,
            count_date,
            product_code,
            change_kg as theoretical_kg,
            0 as counted_kg
        from moved
        where count_date is not null
        union all
        -- a full count is where the stock starts from until the next one
        select
            counted_stock.food_bank_id,
            counted_stock.site_id,
            full_counts.count_date,
            counted_stock.product_code,
            counted_stock.counted_kg as theoretical_kg,
            0 as counted_kg
        from counted_stock
        inner join
            full_counts
            on counted_stock.food_bank_id = full_counts.food_bank_id
            and counted_stock.site_id = full_counts.site_id
            and counted_stock.count_no + 1 = full_counts.count_no
        union all
        select food_bank_id, site_id, count_date, product_code, 0 as theoretical_kg, counted_kg
        from counted_stock
    ),

    -- a product that a full count does not list counts as zero
    differences as (
        select
            food_bank_id,
            site_id,
            count_date,
            product_code,
            sum(counted_kg) - sum(theoretical_kg) as difference_kg
        from terms
        group by food_bank_id, site_id, count_date, product_code
        having sum(counted_kg) <> sum(theoretical_kg)
    ),

    named as (
        select
            differences.*,
            full_counts.count_id,
            case
                when full_counts.count_no = 1 then 'opening_count' else 'count_adjustment'
            end as movement_kind
        from differences
        inner join
            full_counts
            on differences.food_bank_id = full_counts.food_bank_id
            and differences.site_id = full_counts.site_id
            and differences.count_date = full_counts.count_date
    )

select
    food_bank_id
    || ':'
    || movement_kind
    || ':'
    || count_id
    || ':'
    || site_id
    || ':'
    || product_code as movement_id,
    food_bank_id,
    count_date as movement_date,
    {{ first_day_of_month("count_date") }} as month,
    'stock_counts' as record,
    count_id as document_id,
    cast(null as integer) as line_no,
    movement_kind,
    case when difference_kg > 0 then 'adjustment' else 'site' end as from_account,
    case when difference_kg > 0 then movement_kind else site_id end as from_id,
    case when difference_kg > 0 then 'site' else 'adjustment' end as to_account,
    case when difference_kg > 0 then site_id else movement_kind end as to_id,
    site_id,
    product_code,
    cast(null as varchar) as lot_id,
    cast(null as varchar) as channel,
    cast(null as varchar) as order_id,
    cast(null as varchar) as detail,
    cast(null as varchar) as supplier_id,
    cast(null as varchar) as commune_code,
    cast(abs(difference_kg) as decimal(14, 3)) as weight_kg,
    cast(null as decimal(14, 2)) as cost_eur
from named
