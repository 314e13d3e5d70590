with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    products as (select * from {{ ref("dim_products") }}),

    transfers as (select * from {{ ref("int_transfers") }} where not is_deleted)

select
    transfers.food_bank_id,
    transfers.transfer_id,
    cast(transfers.line_no as bigint) as line_no,
    transfers.shipped_date,
    transfers.received_date,
    transfers.from_site_id,
    transfers.to_site_id,
    transfers.to_food_bank_id,
    transfers.product_code,
    coalesce(products.network_family, 'unmapped') as network_family,
    cast(transfers.shipped_kg as decimal(18, 3)) as shipped_kg,
    cast(transfers.received_kg as decimal(18, 3)) as received_kg,
    cast(transfers.received_kg - transfers.shipped_kg as decimal(18, 3)) as difference_kg
from transfers
inner join food_banks on transfers.food_bank_id = food_banks.food_bank_id
left join
    products
    on transfers.food_bank_id = products.food_bank_id
    and transfers.product_code = products.product_code
where
    transfers.received_date <= food_banks.data_date
    and transfers.received_kg <> transfers.shipped_kg
