with

    communes as (select * from {{ ref("communes") }}),

    territories as (select * from {{ ref("territories") }})

select
    communes.commune_code,
    communes.name,
    communes.population,
    communes.epci_code,
    territories.name as epci_name,
    communes.departement_code,
    communes.latitude,
    communes.longitude
from communes
left join territories on communes.epci_code = territories.territory_code
