with
    food_banks as (select * from {{ ref("dim_food_banks") }}),

    communes as (select * from {{ ref("dim_communes") }}),

    followed as (
        select distinct food_bank_id, unnest(string_split(territory_codes, '|')) as territory_code
        from food_banks
        where territory_codes is not null
    )

select followed.food_bank_id, followed.territory_code, communes.commune_code
from followed
inner join
    communes
    on followed.territory_code = communes.epci_code
    or followed.territory_code = communes.departement_code
