select month, food_bank_id, flow, channel, network_family, source_document, weight_kg
from {{ ref("fct_history_monthly") }}
