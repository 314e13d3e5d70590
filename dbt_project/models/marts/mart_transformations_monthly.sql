select month, food_bank_id, site_id, direction, network_family, made_by, weight_kg
from {{ ref("fct_transformations_monthly") }}
