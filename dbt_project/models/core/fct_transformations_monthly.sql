with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    products as (select * from {{ ref("dim_products") }}),

    transformations as (select * from {{ ref("int_transformations") }} where not is_deleted)

select
    transformations.month,
    transformations.food_bank_id,
    transformations.site_id,
    transformations.direction,
    coalesce(products.network_family, 'unmapped') as network_family,
    case
        when transformations.made_by_partner_id is null then 'own_kitchen' else 'partner'
    end as made_by,
    cast(sum(transformations.weight_kg) as decimal(18, 3)) as weight_kg
from transformations
inner join food_banks on transformations.food_bank_id = food_banks.food_bank_id
left join
    products
    on transformations.food_bank_id = products.food_bank_id
    and transformations.product_code = products.product_code
where transformations.made_date <= food_banks.data_date
group by all
