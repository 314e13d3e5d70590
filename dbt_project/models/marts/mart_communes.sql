select commune_code, name, population, epci_code, epci_name, departement_code, latitude, longitude
from {{ ref("dim_communes") }}
