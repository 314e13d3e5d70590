with
    food_banks as (select * from {{ ref("dim_food_banks") }}),

    lots as (select * from {{ ref("fct_lots") }} where remaining_kg > 0),

    stock as (
        select
            movements.food_bank_id,
            movements.site_id,
            movements.product_code,
            sum({{ stock_change("movements.weight_kg") }}) as stock_kg
        from {{ ref("fct_food_movements") }} as movements
        inner join
            food_banks
            on movements.food_bank_id = food_banks.food_bank_id
            and movements.movement_date <= food_banks.data_date
        where movements.from_account = 'site' or movements.to_account = 'site'
        group by movements.food_bank_id, movements.site_id, movements.product_code
        having sum({{ stock_change("movements.weight_kg") }}) > 0
    ),

    came as (
        select
            food_bank_id,
            site_id,
            product_code,
            lot_id,
            date_kind,
            expires_on,
            remaining_kg as came_kg
        from lots
        union all
        select
            receipts.food_bank_id,
            receipts.site_id,
            receipts.product_code,
            '' as lot_id,
            receipts.date_kind,
            receipts.expires_on,
            sum(receipts.weight_kg - coalesce(receipts.refused_at_dock_kg, 0)) as came_kg
        from {{ ref("int_receipts") }} as receipts
        inner join
            food_banks
            on receipts.food_bank_id = food_banks.food_bank_id
            and receipts.received_date <= food_banks.data_date
        where receipts.lot_id is null and not receipts.is_deleted
        group by
            receipts.food_bank_id,
            receipts.site_id,
            receipts.product_code,
            receipts.date_kind,
            receipts.expires_on
    ),

    -- first expired, first out: what is left of a product is what expires last
    queued as (
        select
            came.food_bank_id,
            came.site_id,
            came.product_code,
            came.lot_id,
            came.date_kind,
            came.expires_on,
            came.came_kg,
            stock.stock_kg,
            sum(came.came_kg) over (
                partition by came.food_bank_id, came.site_id, came.product_code
                order by came.expires_on desc nulls first, came.lot_id desc, came.date_kind desc
                rows unbounded preceding
            ) as came_from_here_on_kg
        from came
        inner join
            stock
            on came.food_bank_id = stock.food_bank_id
            and came.site_id = stock.site_id
            and came.product_code = stock.product_code
    ),

    known as (
        select
            food_bank_id,
            site_id,
            product_code,
            lot_id,
            date_kind,
            expires_on,
            greatest(least(came_kg, stock_kg - (came_from_here_on_kg - came_kg)), 0) as stock_kg
        from queued
    ),

    -- stock that no receipt accounts for: counted, transferred or made without a lot
    unknown as (
        select
            stock.food_bank_id,
            stock.site_id,
            stock.product_code,
            stock.stock_kg - coalesce(sum(known.stock_kg), 0) as stock_kg
        from stock
        left join
            known
            on stock.food_bank_id = known.food_bank_id
            and stock.site_id = known.site_id
            and stock.product_code = known.product_code
        group by stock.food_bank_id, stock.site_id, stock.product_code, stock.stock_kg
    ),

    batches as (
        select *
        from known
        union all
        select
            food_bank_id,
            site_id,
            product_code,
            '' as lot_id,
            cast(null as varchar) as date_kind,
            cast(null as date) as expires_on,
            stock_kg
        from unknown
    )

-- receipts that say nothing of a date stand with what no receipt accounts for
select
    food_bank_id,
    site_id,
    product_code,
    lot_id,
    date_kind,
    expires_on,
    cast(sum(stock_kg) as decimal(18, 3)) as stock_kg
from batches
where stock_kg > 0
group by food_bank_id, site_id, product_code, lot_id, date_kind, expires_on
