with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    products as (select * from {{ ref("dim_products") }}),

    lots as (
        select food_bank_id, lot_id, min(expires_on) as expires_on
        from {{ ref("int_receipts") }}
        where lot_id is not null and date_kind = 'use_by' and not is_deleted
        group by food_bank_id, lot_id
    ),

    offers as (
        select
            offers.food_bank_id,
            offers.offer_id,
            offers.product_code,
            min(offers.site_id) as site_id,
            min(offers.published_at) as published_at,
            min(offers.published_date) as published_date,
            max(offers.closes_date) as closes_date,
            min(lots.expires_on) as expires_on,
            sum(offers.offered_kg) as offered_kg
        from {{ ref("int_offers") }} as offers
        -- a line that is published later is not on offer yet
        inner join
            food_banks
            on offers.food_bank_id = food_banks.food_bank_id
            and offers.published_date <= food_banks.data_date
        left join lots on offers.food_bank_id = lots.food_bank_id and offers.lot_id = lots.lot_id
        where not offers.is_deleted
        group by offers.food_bank_id, offers.offer_id, offers.product_code
    ),

    orders as (
        select
            food_bank_id,
            offer_id,
            product_code,
            min(ordered_at) as first_ordered_at,
            sum(ordered_kg) as ordered_kg
        from {{ ref("int_orders") }}
        where not is_deleted and offer_id is not null and status <> 'cancelled'
        group by food_bank_id, offer_id, product_code
    ),

    delivered as (
        select
            orders.food_bank_id,
            orders.offer_id,
            orders.product_code,
            deliveries.delivered_date,
            sum(deliveries.weight_kg - coalesce(deliveries.refused_kg, 0)) as delivered_kg
        from
            (
                select distinct food_bank_id, offer_id, order_id, product_code
                from {{ ref("int_orders") }}
                where not is_deleted and offer_id is not null and status <> 'cancelled'
            ) as orders
        inner join
            {{ ref("int_deliveries") }} as deliveries
            on orders.food_bank_id = deliveries.food_bank_id
            and orders.order_id = deliveries.order_id
            and orders.product_code = deliveries.product_code
        where not deliveries.is_deleted
        group by all
    ),

    saved as (
        select
            offers.food_bank_id,
            offers.offer_id,
            offers.product_code,
            sum(delivered.delivered_kg) as delivered_kg
        from offers
        inner join
            delivered
            on offers.food_bank_id = delivered.food_bank_id
            and offers.offer_id = delivered.offer_id
            and offers.product_code = delivered.product_code
            and delivered.delivered_date <= offers.expires_on
        where offers.expires_on - offers.published_date <= 3
        group by all
    )

select
    -- ids
    offers.food_bank_id,
    offers.offer_id,
    offers.product_code,
    offers.site_id,
    -- text
    coalesce(products.network_family, 'unmapped') as network_family,
    -- numbers
    cast(offers.offered_kg as decimal(18, 3)) as offered_kg,
    cast(least(offers.offered_kg, coalesce(orders.ordered_kg, 0)) as decimal(18, 3)) as taken_kg,
    cast(least(offers.offered_kg, coalesce(saved.delivered_kg, 0)) as decimal(18, 3)) as saved_kg,
    -- flags
    coalesce(products.is_food, true) as is_food,
    -- dates
    offers.published_at,
    offers.published_date,
    {{ first_day_of_month("offers.published_date") }} as month,
    -- without a day of its own an offer stands for a week
    coalesce(offers.closes_date, offers.published_date + 7) as closes_date,
    offers.expires_on,
    orders.first_ordered_at
from offers
left join
    orders
    on offers.food_bank_id = orders.food_bank_id
    and offers.offer_id = orders.offer_id
    and offers.product_code = orders.product_code
left join
    saved
    on offers.food_bank_id = saved.food_bank_id
    and offers.offer_id = saved.offer_id
    and offers.product_code = saved.product_code
left join
    products
    on offers.food_bank_id = products.food_bank_id
    and offers.product_code = products.product_code
