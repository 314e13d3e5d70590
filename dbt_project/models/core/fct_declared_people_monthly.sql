with reports as (select * from {{ ref("fct_partner_reports") }})

select
    month,
    food_bank_id,
    partner_kind,
    commune_code,
    {% for column in declared_columns() -%}
        cast(sum({{ column }}) as bigint) as {{ column }},
    {% endfor -%}
    count(*) filter (where has_reported) as partners_reporting,
    count(*) as partners_expected
from reports
group by month, food_bank_id, partner_kind, commune_code
