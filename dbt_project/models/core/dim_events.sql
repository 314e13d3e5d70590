with events as (select * from {{ ref("int_events") }} where not is_deleted)

select food_bank_id, event_id, event_date, text_fr, text_en, source
from events
