select
    month,
    food_bank_id,
    funding_id,
    funder,
    funder_kind,
    is_public,
    programme,
    purpose,
    territory_code,
    agreed_eur,
    starts_on,
    ends_on,
    used_eur
from {{ ref("fct_funding_monthly") }}
