select
    month,
    food_bank_id,
    commune_code,
    merchant_kind,
    vouchers,
    voucher_households,
    issued_eur,
    redeemed_eur
from {{ ref("fct_vouchers_monthly") }}
