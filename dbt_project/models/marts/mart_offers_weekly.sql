select week_start, food_bank_id, network_family, offers, offered_kg, taken_kg, saved_kg
from {{ ref("fct_offers_weekly") }}
