with method_versions as (select * from {{ ref("int_method_versions") }})

select
    indicator_code,
    method_version,
    valid_from,
    valid_to,
    -- the first method computes what lies before it, too
    case
        when row_number() over (partition by indicator_code order by valid_from) > 1 then valid_from
    end as computes_from,
    replaced_fr,
    replaced_en
from method_versions
