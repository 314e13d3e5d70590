with register as (select * from {{ source("inputs", "register") }})

select
    register.indicator_code,
    register.position,
    register.label_fr,
    register.label_en,
    register.definition_fr,
    register.definition_en,
    register.formula,
    register.unit,
    register.good_direction,
    register.axis,
    register.additive_over,
    register.territory_basis,
    register.mart,
    register.method_version,
    register.valid_from,
    register.source
from register
