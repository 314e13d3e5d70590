with current_versions as ({{ current_reference("partners", ["partner_id"]) }})

select
    -- ids
    food_bank_id,
    partner_id,
    commune_code,
    qpv_code,
    -- text
    name,
    kind,
    collects_on,
    served_on,
    -- numbers
    latitude,
    longitude,
    -- flags
    stores_chilled,
    stores_frozen,
    offers_support,
    uses_platform,
    -- dates
    accreditation_expires_on,
    active_from,
    active_to,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
