with
    full_counts as (select * from {{ ref("int_full_counts") }}),

    lines as (select * from {{ ref("int_stock_counts") }} where is_full_count and not is_deleted)

select
    full_counts.food_bank_id,
    full_counts.site_id,
    full_counts.count_date,
    full_counts.count_no,
    lines.product_code,
    cast(sum(lines.weight_kg) as decimal(18, 3)) as counted_kg
from full_counts
inner join
    lines
    on full_counts.food_bank_id = lines.food_bank_id
    and full_counts.site_id = lines.site_id
    and full_counts.count_id = lines.count_id
group by all
