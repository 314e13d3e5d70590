select food_bank_id, event_id, event_date, text_fr, text_en, source from {{ ref("dim_events") }}
