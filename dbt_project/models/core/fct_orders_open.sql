with
    food_banks as (select * from {{ ref("dim_food_banks") }}),

    products as (select * from {{ ref("dim_products") }}),

    partners as (select * from {{ ref("dim_partners") }}),

    -- prepared is not yet handed over
    lines as (
        select lines.*, food_banks.data_date
        from {{ ref("fct_order_lines") }} as lines
        inner join
            food_banks
            on lines.food_bank_id = food_banks.food_bank_id
            and lines.ordered_date <= food_banks.data_date
        where lines.status in ('open', 'prepared')
    )

select
    lines.food_bank_id,
    lines.order_id,
    cast(lines.line_no as bigint) as line_no,
    lines.site_id,
    lines.partner_id,
    coalesce(partners.kind, 'unmapped') as partner_kind,
    lines.product_code,
    coalesce(products.network_family, 'unmapped') as network_family,
    lines.status,
    lines.ordered_date,
    lines.wanted_on,
    lines.ordered_kg,
    lines.filled_kg,
    cast(lines.ordered_kg - lines.filled_kg as decimal(18, 3)) as outstanding_kg,
    lines.wanted_on <= lines.data_date as is_late
from lines
left join
    products
    on lines.food_bank_id = products.food_bank_id
    and lines.product_code = products.product_code
left join
    partners
    on lines.food_bank_id = partners.food_bank_id
    and lines.partner_id = partners.partner_id
