with by_period as (select * from {{ ref("fct_purchases_by_period") }})

select *
from ({{ measures_in_rows("by_period", measure_topics()["fct_purchase_measures"]) }}) as measures
