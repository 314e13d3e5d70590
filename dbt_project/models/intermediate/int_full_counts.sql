with
    lines as (select * from {{ ref("int_stock_counts") }} where is_full_count and not is_deleted),

    counts as (
        select
            food_bank_id,
            site_id,
            count_id,
            max(counted_date) as count_date,
            max(counted_at) as counted_at
        from lines
        group by food_bank_id, site_id, count_id
    ),

    -- two full counts of one site on one day: the later one replaces the earlier
    last_of_day as (
        select *
        from counts
        qualify
            row_number() over (
                partition by food_bank_id, site_id, count_date
                order by counted_at desc, count_id desc
            )
            = 1
    )

select
    food_bank_id,
    site_id,
    count_date,
    {{ first_day_of_month("count_date") }} as month,
    count_id,
    row_number() over (partition by food_bank_id, site_id order by count_date) as count_no
from last_of_day
