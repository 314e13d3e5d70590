select food_bank_id, event_id, event_date as date, text_fr, text_en, source
from {{ ref("dim_events") }}
