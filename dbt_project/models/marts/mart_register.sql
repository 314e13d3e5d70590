select
    indicator_code,
    position,
    label_fr,
    label_en,
    definition_fr,
    definition_en,
    formula,
    unit,
    good_direction,
    axis,
    additive_over,
    territory_basis,
    mart,
    method_version,
    valid_from,
    source
from {{ ref("dim_indicators") }}
