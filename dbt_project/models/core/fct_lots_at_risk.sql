with
    food_banks as (select * from {{ ref("dim_food_banks") }}),

    products as (select * from {{ ref("dim_products") }}),

    sites as (select * from {{ ref("dim_sites") }}),

    batches as (
        select
            batches.food_bank_id,
            batches.site_id,
            batches.product_code,
            batches.lot_id,
            batches.expires_on,
            batches.stock_kg,
            food_banks.data_date,
            coalesce(products.network_family, 'unmapped') as network_family,
            coalesce(products.storage, 'unmapped') as storage
        from {{ ref("fct_stock_batches") }} as batches
        inner join food_banks on batches.food_bank_id = food_banks.food_bank_id
        left join
            products
            on batches.food_bank_id = products.food_bank_id
            and batches.product_code = products.product_code
        where
            batches.date_kind = 'use_by'
            and batches.expires_on is not null
            and coalesce(products.is_food, true)
    ),

    -- the data date is over: what was wanted until then and is not gone is late, not planned
    planned as (
        select food_bank_id, site_id, product_code, wanted_on, sum(outstanding_kg) as planned_kg
        from {{ ref("fct_orders_open") }}
        where not is_late
        group by food_bank_id, site_id, product_code, wanted_on
    ),

    planned_before as (
        select
            batches.food_bank_id,
            batches.site_id,
            batches.product_code,
            batches.expires_on,
            sum(planned.planned_kg) as planned_kg
        from
            (
                select distinct food_bank_id, site_id, product_code, expires_on from batches
            ) as batches
        inner join
            planned
            on batches.food_bank_id = planned.food_bank_id
            and batches.site_id = planned.site_id
            and batches.product_code = planned.product_code
            and planned.wanted_on <= batches.expires_on
        group by all
    ),

    queued as (
        select
            batches.*,
            coalesce(planned_before.planned_kg, 0) as planned_kg,
            sum(batches.stock_kg) over first_expired as stock_so_far_kg
        from batches
        left join
            planned_before
            on batches.food_bank_id = planned_before.food_bank_id
            and batches.site_id = planned_before.site_id
            and batches.product_code = planned_before.product_code
            and batches.expires_on = planned_before.expires_on
        window
            first_expired as (
                partition by batches.food_bank_id, batches.site_id, batches.product_code
                order by batches.expires_on, batches.lot_id
                rows unbounded preceding
            )
    ),

    -- Each handover takes what expires first and is still good on its day: the batches up to one
    -- lose all that they hold, less the largest shortfall of handovers planned up to any of them.
    taken as (
        select
            *,
            stock_so_far_kg
            - greatest(max(stock_so_far_kg - planned_kg) over first_expired, 0) as taken_so_far_kg
        from queued
        window
            first_expired as (
                partition by food_bank_id, site_id, product_code
                order by expires_on, lot_id
                rows unbounded preceding
            )
    ),

    at_risk as (
        select
            *,
            taken_so_far_kg - coalesce(
                lag(taken_so_far_kg) over (
                    partition by food_bank_id, site_id, product_code order by expires_on, lot_id
                ),
                0
            ) as taken_kg
        from taken
    ),

    -- when a partner comes next, or is come to, after the data date
    handovers as (
        select
            partners.food_bank_id,
            partners.partner_id,
            partners.stores_chilled,
            partners.stores_frozen,
            partners.latitude,
            partners.longitude,
            min({{ next_weekday("food_banks.data_date", "weekdays.weekday") }}) as next_handover_on
        from {{ ref("dim_partners") }} as partners
        inner join
            food_banks
            on partners.food_bank_id = food_banks.food_bank_id
            and partners.active_from <= food_banks.data_date
            and coalesce(partners.active_to, food_banks.data_date) >= food_banks.data_date
        inner join
            (select unnest(generate_series(1, 7)) as weekday) as weekdays
            on list_contains(
                string_split(concat_ws('|', partners.collects_on, partners.served_on), '|'),
                cast(weekdays.weekday as varchar)
            )
        group by all
    ),

    offers as (
        select
            at_risk.food_bank_id,
            at_risk.site_id,
            at_risk.product_code,
            at_risk.lot_id,
            at_risk.expires_on,
            handovers.partner_id,
            handovers.next_handover_on,
            row_number() over (
                partition by
                    at_risk.food_bank_id,
                    at_risk.site_id,
                    at_risk.product_code,
                    at_risk.lot_id,
                    at_risk.expires_on
                order by
                    handovers.next_handover_on,
                    {{
                        great_circle_km(
                            "sites.latitude",
                            "sites.longitude",
                            "handovers.latitude",
                            "handovers.longitude",
                        )
                    }} nulls last,
                    handovers.partner_id
            ) as offer_no
        from at_risk
        inner join
            handovers
            on at_risk.food_bank_id = handovers.food_bank_id
            and handovers.next_handover_on <= at_risk.expires_on
            and case
                at_risk.storage
                when 'chilled'
                then coalesce(handovers.stores_chilled, false)
                when 'frozen'
                then coalesce(handovers.stores_frozen, false)
                else true
            end
        left join
            sites on at_risk.food_bank_id = sites.food_bank_id and at_risk.site_id = sites.site_id
        where at_risk.stock_kg > at_risk.taken_kg
    ),

    partners_to_offer as (
        select
            food_bank_id,
            site_id,
            product_code,
            lot_id,
            expires_on,
            count(*) as partners,
            min(next_handover_on) as next_handover_on,
            string_agg(partner_id, '|' order by offer_no) filter (
                where offer_no <= 5
            ) as partner_ids
        from offers
        group by food_bank_id, site_id, product_code, lot_id, expires_on
    )

select
    at_risk.food_bank_id,
    at_risk.site_id,
    at_risk.product_code,
    at_risk.lot_id,
    at_risk.expires_on,
    at_risk.network_family,
    at_risk.storage,
    cast(at_risk.expires_on - at_risk.data_date as bigint) as days_left,
    at_risk.expires_on < at_risk.data_date as is_expired,
    at_risk.stock_kg,
    cast(at_risk.taken_kg as decimal(18, 3)) as planned_kg,
    cast(at_risk.stock_kg - at_risk.taken_kg as decimal(18, 3)) as at_risk_kg,
    coalesce(partners_to_offer.partners, 0) as partners,
    partners_to_offer.partner_ids,
    partners_to_offer.next_handover_on
from at_risk
left join
    partners_to_offer
    on at_risk.food_bank_id = partners_to_offer.food_bank_id
    and at_risk.site_id = partners_to_offer.site_id
    and at_risk.product_code = partners_to_offer.product_code
    and at_risk.lot_id = partners_to_offer.lot_id
    and at_risk.expires_on = partners_to_offer.expires_on
