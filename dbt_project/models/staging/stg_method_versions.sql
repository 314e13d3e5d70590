with method_versions as (select * from {{ source("inputs", "method_versions") }})

select
    method_versions.indicator_code,
    method_versions.method_version,
    method_versions.valid_from,
    method_versions.valid_to,
    method_versions.replaced_fr,
    method_versions.replaced_en
from method_versions
