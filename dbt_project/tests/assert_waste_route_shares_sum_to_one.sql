{{ config(meta={"dagster": {"ref": {"name": "waste_routes"}}}) }}

-- Every route of a territory and channel must lead somewhere: its shares sum to 1.
select territory_code, channel, valid_from, sum(route_share) as route_shares
from {{ ref("waste_routes") }}
group by territory_code, channel, valid_from
having sum(route_share) <> 1
