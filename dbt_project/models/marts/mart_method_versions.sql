select indicator_code, method_version, valid_from, valid_to, replaced_fr, replaced_en
from {{ ref("dim_method_versions") }}
