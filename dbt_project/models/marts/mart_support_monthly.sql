select month, food_bank_id, kind, partner_kind, activities, participants
from {{ ref("fct_support_monthly") }}
