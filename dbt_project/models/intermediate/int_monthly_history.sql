with
    current_versions as (
        {{
            current_reference(
                "monthly_history",
                ["month", "flow", "channel", "network_family", "source_document"],
                has_updates=true,
            )
        }}
    )

select
    -- ids
    food_bank_id,
    -- text
    flow,
    channel,
    network_family,
    source_document,
    -- numbers
    weight_kg,
    -- flags
    is_deleted,
    -- dates
    updated_at,
    month,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
