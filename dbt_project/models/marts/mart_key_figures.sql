select
    food_bank_id,
    key_figure,
    position,
    indicator_code,
    variant,
    label_fr,
    label_en,
    period_label,
    period_start,
    period_end,
    value,
    unit,
    comparison,
    published_value,
    published_on,
    source
from {{ ref("fct_key_figures") }}
