with offers as (select * from {{ ref("fct_offers") }})

select
    {{ monday_of("published_date") }} as week_start,
    food_bank_id,
    network_family,
    cast(count(distinct offer_id) as bigint) as offers,
    cast(sum(offered_kg) as decimal(18, 3)) as offered_kg,
    cast(sum(taken_kg) as decimal(18, 3)) as taken_kg,
    cast(sum(saved_kg) as decimal(18, 3)) as saved_kg
from offers
group by all
