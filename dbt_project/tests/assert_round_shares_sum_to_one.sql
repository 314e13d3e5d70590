{{ config(meta={"dagster": {"ref": {"name": "fct_round_stops"}}}) }}

-- The stops of a round share the whole of it, or nothing where it cannot be allocated.
select food_bank_id, round_id, sum(share) as shares, count(*) as stops, count(share) as shared_stops
from {{ ref("fct_round_stops") }}
group by food_bank_id, round_id
having (count(share) > 0 and sum(share) <> 1) or count(share) not in (0, count(*)) or min(share) < 0
