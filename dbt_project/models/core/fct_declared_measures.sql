with by_period as (select * from {{ ref("fct_declared_people_by_period") }})

select *
from ({{ measures_in_rows("by_period", measure_topics()["fct_declared_measures"]) }}) as measures
where amount is not null
