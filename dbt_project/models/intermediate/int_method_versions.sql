with method_versions as (select * from {{ ref("stg_method_versions") }})

select indicator_code, method_version, valid_from, valid_to, replaced_fr, replaced_en
from method_versions
