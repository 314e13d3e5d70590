"""The limit: a hand-written DuckDB script from the demonstration's landing files to core marts.

It keeps no history, checks no contract, explains no row and knows the demonstration's own columns
only: what is left is what the figures themselves cost. It imports nothing of the project, so that
it is also a second opinion on the marts. Run: python benchmarks/limit.py LANDING OUTPUT AS_OF.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

# Columns of a full listing; a file lacks some of them (`updated_at`, `is_deleted`).
EVENTS = {
    "receipts": "receipt_id line_no received_at site_id supplier_id channel product_code quantity"
    " unit refused_at_dock_kg cost_eur from_food_bank_id",
    "orders": "order_id line_no ordered_at wanted_on site_id partner_id status product_code"
    " ordered_kg",
    "deliveries": "delivery_id line_no order_id delivered_at site_id partner_id mode product_code"
    " weight_kg refused_kg",
    "parcels": "parcel_id line_no requested_at handed_over_at site_id household_id household_size"
    " insee_code product_code weight_kg",
    "removals": "removal_id line_no removed_at site_id product_code weight_kg reason destination",
    "transfers": "transfer_id line_no shipped_at received_at from_site_id to_site_id"
    " to_food_bank_id product_code shipped_kg received_kg",
    "stock_counts": "count_id line_no counted_at site_id is_full_count product_code weight_kg",
    "rounds": "round_id kind vehicle_id site_id started_at distance_km energy_used energy_unit",
    "round_stops": "round_id stop_no place_kind place_id road_distance_km loaded_kg unloaded_kg",
    "platform_sessions": "session_id user_id started_at",
    "transformations": "batch_id line_no made_at site_id direction product_code weight_kg",
}
REFERENCES = ("products", "suppliers", "partners")
KEYS = {
    "platform_sessions": "session_id",
    "rounds": "round_id",
    "round_stops": "round_id, stop_no",
    "products": "product_code",
    "suppliers": "supplier_id",
    "partners": "partner_id",
}

CHANNELS = (
    "'retail_pickup', 'platform', 'industry', 'farm', 'national_drive', 'local_drive',"
    " 'eu_programme', 'state_grocery_credit', 'better_food_programme', 'purchase', 'inter_bank',"
    " 'other_gift'"
)
# What a row must have to count, by record: codes, dates and weights that are what they should be.
GOOD = {
    "receipts": f"product_code is not null and channel in ({CHANNELS})"
    " and try_cast(received_at as timestamp) is not null and try_cast(quantity as double) >= 0"
    " and unit in ('kg', 'g', 't', 'lb', 'unit', 'case', 'pallet')",
    "orders": "product_code is not null and status in ('open', 'prepared', 'delivered',"
    " 'cancelled') and try_cast(ordered_kg as double) >= 0",
    "deliveries": "product_code is not null and mode in ('delivered', 'collected_by_partner')"
    " and try_cast(delivered_at as timestamp) is not null and try_cast(weight_kg as double) >= 0",
    "parcels": "try_cast(handed_over_at as timestamp) is not null"
    " and try_cast(weight_kg as double) >= 0",
    "removals": "try_cast(weight_kg as double) >= 0 and reason in ('sorting', 'expired',"
    " 'damaged', 'cold_chain_break', 'packaging', 'recall', 'other') and destination in"
    " ('animal_feed', 'methanisation', 'composting', 'incineration', 'landfill', 'unknown')",
    "transfers": "try_cast(shipped_kg as double) >= 0",
    "stock_counts": "try_cast(weight_kg as double) >= 0",
    "rounds": "kind in ('pickup', 'delivery', 'mixed', 'transfer')",
    "round_stops": "true",
    "platform_sessions": "try_cast(started_at as timestamp) is not null",
    "transformations": "direction in ('input', 'output') and try_cast(weight_kg as double) >= 0",
}


def read_record(landing: Path, record: str) -> str:
    """SQL that gives the standing rows of a record as text, good ones only."""
    paths = sorted(landing.glob(f"*/{record}/*.csv"))
    if not paths:
        absent = ["food_bank_id", *EVENTS.get(record, "").split()]
        return "select " + ", ".join(f"null::varchar as {name}" for name in absent) + " limit 0"
    # Latin-1 reads the few accents of a cp1252 file; a record has one dialect in every month.
    encoding = ", encoding = 'latin-1'" if record in ("partners", "suppliers", "removals") else ""
    by_header: dict[str, list[Path]] = {}
    for path in paths:
        with path.open(encoding="utf-8-sig", errors="replace") as handle:
            by_header.setdefault(handle.readline().strip(), []).append(path)
    readings = []
    for header, files in by_header.items():
        delimiter = ";" if ";" in header else ","
        names = ", ".join(f"'{path}'" for path in files)
        types = ", ".join(f"'{name}': 'VARCHAR'" for name in header.split(delimiter))
        readings.append(
            f"select * from read_csv([{names}], columns = {{{types}}}, auto_detect = false,"
            f" header = true, delim = '{delimiter}', quote = '\"', escape = '\"',"
            f" filename = 'file_name'{encoding})"
        )
    reading = "(" + " union all by name ".join(readings) + ")"
    columns = {name for header in by_header for name in header.replace(";", ",").split(",")}
    key = KEYS.get(record) or ", ".join(EVENTS[record].split()[:2])
    stamp = "updated_at desc nulls last, " if "updated_at" in columns else ""
    deleted = "coalesce(is_deleted, 'false') = 'false'" if "is_deleted" in columns else "true"
    chosen = "*" if record in REFERENCES else "food_bank_id, " + ", ".join(EVENTS[record].split())
    return f"""
    select {chosen} from (
      select * from {reading} where {GOOD.get(record, "true")}
      qualify row_number() over (
        partition by food_bank_id, {key} order by {stamp}file_name desc
      ) = 1
    ) where {deleted}
    """


FLOWS = """
create table lines as
with receipts as (
  select r.*, cast(cast(quantity as decimal(18, 6)) * case unit
    when 'kg' then 1 when 'g' then 0.001 when 't' then 1000 when 'lb' then 0.45359237
    when 'unit' then cast(p.unit_weight_kg as decimal(18, 9))
    when 'case' then cast(p.case_weight_kg as decimal(18, 9))
    else cast(p.pallet_weight_kg as decimal(18, 9)) end as decimal(14, 3)) as weight_kg
  from receipts_text r left join products p using (food_bank_id, product_code)
)
select food_bank_id, cast(left(received_at, 10) as date) as day, site_id, product_code,
  'received' as flow, channel, 'none' as mode, supplier_id as party_id, null as commune_code,
  weight_kg, 1 as sign, cast(cost_eur as decimal(14, 2)) as cost_eur, true as is_receipt,
  false as is_delivery
from receipts where weight_kg > 0
union all
select food_bank_id, cast(left(received_at, 10) as date), site_id, product_code,
  'received', channel, 'none', supplier_id, null,
  - cast(refused_at_dock_kg as decimal(14, 3)), 1, null, true, false
from receipts where cast(refused_at_dock_kg as decimal(14, 3)) > 0
union all
select food_bank_id, cast(left(delivered_at, 10) as date), site_id, product_code,
  'delivered', 'none', mode, partner_id, null, cast(weight_kg as decimal(14, 3)), -1, null,
  false, true
from deliveries_text where cast(weight_kg as decimal(14, 3)) > 0
union all
select food_bank_id, cast(left(delivered_at, 10) as date), site_id, product_code,
  'returned', 'none', mode, partner_id, null, cast(refused_kg as decimal(14, 3)), 1, null,
  false, true
from deliveries_text where cast(refused_kg as decimal(14, 3)) > 0
union all
select food_bank_id, cast(left(handed_over_at, 10) as date), site_id, product_code,
  'parcels', 'none', 'none', null, insee_code, cast(weight_kg as decimal(14, 3)), -1, null,
  false, false
from parcels_text where cast(weight_kg as decimal(14, 3)) > 0
union all
select food_bank_id, cast(left(removed_at, 10) as date), site_id, product_code,
  'removed', 'none', reason, null, null, cast(weight_kg as decimal(14, 3)), -1, null, false, false
from removals_text where cast(weight_kg as decimal(14, 3)) > 0
union all
select food_bank_id, cast(left(shipped_at, 10) as date), from_site_id, product_code,
  'transferred_out', 'none', 'none', null, null, cast(shipped_kg as decimal(14, 3)), -1, null,
  false, false
from transfers_text where cast(shipped_kg as decimal(14, 3)) > 0
union all
select food_bank_id, cast(left(received_at, 10) as date), to_site_id, product_code,
  'transferred_in', 'none', 'none', null, null,
  cast(coalesce(received_kg, shipped_kg) as decimal(14, 3)), 1, null, false, false
from transfers_text
where received_at is not null and to_site_id is not null
  and cast(coalesce(received_kg, shipped_kg) as decimal(14, 3)) > 0
union all
select food_bank_id, cast(left(made_at, 10) as date), site_id, product_code,
  'transformation_' || direction, 'none', 'none', null, null, cast(weight_kg as decimal(14, 3)),
  case direction when 'output' then 1 else -1 end, null, false, false
from transformations_text where cast(weight_kg as decimal(14, 3)) > 0
"""

DATES = """
create table banks as
select food_bank_id, min(day) as first_date,
  least(max(day) filter (where is_receipt), max(day) filter (where is_delivery)) as data_date,
  cast(date_trunc('month', least(max(day) filter (where is_receipt),
    max(day) filter (where is_delivery))) as date) as last_month
from lines where day <= cast($as_of as date) group by food_bank_id
"""

COUNTS = """
create table counts as
with lines as (
  select food_bank_id, site_id, count_id, product_code, cast(weight_kg as decimal(14, 3)) as kg,
    cast(counted_at as timestamp) as counted_at, cast(left(counted_at, 10) as date) as day
  from stock_counts_text where is_full_count = 'true'
),
kept as (
  select food_bank_id, site_id, count_id, max(day) as day
  from lines group by food_bank_id, site_id, count_id
  qualify row_number() over (partition by food_bank_id, site_id, max(day)
    order by max(counted_at) desc, count_id desc) = 1
)
select food_bank_id, site_id, kept.day,
  dense_rank() over (partition by food_bank_id, site_id order by kept.day) as count_no,
  product_code, cast(sum(kg) as decimal(18, 3)) as counted_kg
from kept inner join lines using (food_bank_id, site_id, count_id)
group by food_bank_id, site_id, kept.day, product_code;

create table adjustments as
with days as (select distinct food_bank_id, site_id, day, count_no from counts),
daily as (
  select food_bank_id, site_id, product_code, day, sum(weight_kg * sign) as kg
  from lines group by all
),
terms as (
  select daily.food_bank_id, daily.site_id, days.day, daily.product_code, - kg as kg
  from daily asof join days on daily.food_bank_id = days.food_bank_id
    and daily.site_id = days.site_id and daily.day <= days.day
  union all
  select c.food_bank_id, c.site_id, days.day, c.product_code, - c.counted_kg
  from counts c inner join days on c.food_bank_id = days.food_bank_id
    and c.site_id = days.site_id and c.count_no + 1 = days.count_no
  union all
  select food_bank_id, site_id, day, product_code, counted_kg from counts
)
select food_bank_id, site_id, day, product_code,
  case when count_no = 1 then 'opening_count' else 'unexplained' end as flow,
  cast(sum(kg) as decimal(18, 3)) as kg
from terms inner join days using (food_bank_id, site_id, day)
group by food_bank_id, site_id, day, product_code, count_no having sum(kg) <> 0
"""

MONTHLY = """
create table monthly as
with every as (
  select food_bank_id, day, site_id, product_code, flow, channel, mode, party_id, commune_code,
    weight_kg, weight_kg * sign as change_kg, cost_eur
  from lines
  union all
  select food_bank_id, day, site_id, product_code, flow, 'none', 'none', null, null, kg, kg, null
  from adjustments
),
summed as (
  select e.food_bank_id, cast(date_trunc('month', day) as date) as month,
    month(day) <> month(data_date) or day <= least(
      make_date(year(day), month(data_date), 1) + (day(data_date) - 1) * interval 1 day,
      last_day(make_date(year(day), month(data_date), 1))) as is_same_days,
    site_id, product_code, flow, channel, mode, party_id, commune_code,
    sum(weight_kg) as kg, sum(change_kg) as change_kg, sum(cost_eur) as cost_eur
  from every e inner join banks b on e.food_bank_id = b.food_bank_id and e.day <= b.data_date
  group by all
)
select m.food_bank_id, m.month, m.is_same_days, m.site_id, m.flow, m.channel, m.mode,
  case when flow = 'received' then coalesce(s.kind, 'unmapped') else 'none' end as supplier_kind,
  case when flow in ('delivered', 'returned') then coalesce(a.kind, 'unmapped')
    when flow = 'parcels' then 'household' else 'none' end as partner_kind,
  coalesce(p.network_family, 'unmapped') as network_family,
  coalesce(p.storage, 'unmapped') as storage,
  case when flow = 'received' then coalesce(s.insee_code, 'unknown')
    when flow in ('delivered', 'returned') then coalesce(a.insee_code, 'unknown')
    when flow = 'parcels' then coalesce(m.commune_code, 'unknown')
    else 'unknown' end as commune_code,
  coalesce(p.is_food = 'true' and p.network_family <> 'hygiene', true) as is_food,
  coalesce(p.storage = 'chilled', false) as is_strict,
  coalesce(p.storage = 'chilled' or p.network_family = 'fruit_vegetables_fresh', false)
    as is_standard,
  coalesce(p.storage = 'chilled' or p.network_family in
    ('fruit_vegetables_fresh', 'bread_pastries', 'eggs'), false) as is_broad,
  sum(kg) as kg, sum(change_kg) as change_kg, sum(cost_eur) as cost_eur
from summed m
left join products p using (food_bank_id, product_code)
left join suppliers s on m.food_bank_id = s.food_bank_id and m.party_id = s.supplier_id
left join partners a on m.food_bank_id = a.food_bank_id and m.party_id = a.partner_id
group by all
"""

MARTS = {
    "mart_flows_monthly": """
with kinds as (
  select food_bank_id, month, is_same_days, site_id, flow, channel, supplier_kind, partner_kind,
    network_family, storage, mode, commune_code, is_food, is_standard as is_fresh,
    kg, cost_eur from monthly where flow <> 'opening_count'
),
both_years as (
  select * exclude (is_same_days, kg), kg, 0 as before_kg from kinds
  union all by name
  select * exclude (is_same_days, kg, cost_eur, month, last_month),
    cast(month + interval 1 year as date) as month, 0 as kg, kg as before_kg, null as cost_eur
  from (
    select kinds.*, last_month from kinds inner join banks using (food_bank_id)
    where month + interval 1 year <= last_month
      and (is_same_days or month + interval 1 year <> last_month)
  )
)
select month, food_bank_id, site_id, flow, channel, supplier_kind, partner_kind, network_family,
  storage, mode, commune_code, is_food, is_fresh,
  cast(sum(kg) as decimal(18, 3)) as weight_kg,
  cast(sum(before_kg) as decimal(18, 3)) as weight_kg_same_days,
  cast(sum(cost_eur) as decimal(18, 2)) as value_eur
from both_years group by all order by all
""",
    "mart_fresh_monthly": """
with months as (
  select food_bank_id, last_month, cast(unnest(generate_series(
    date_trunc('month', first_date), last_month, interval 1 month)) as date) as month from banks
),
sided as (
  select food_bank_id, month, is_same_days,
    unnest([
      {'definition': 'strict', 'is_fresh': is_strict},
      {'definition': 'standard', 'is_fresh': is_standard},
      {'definition': 'broad', 'is_fresh': is_broad}
    ], recursive := true),
    case when flow = 'received' then 'received' else 'distributed' end as flow,
    case when flow = 'returned' then - kg else kg end as kg
  from monthly where is_food and flow in ('received', 'delivered', 'returned', 'parcels')
),
sums as (
  select food_bank_id, month, definition, flow,
    sum(kg) as food_kg, sum(case when is_fresh then kg else 0 end) as fresh_kg,
    sum(case when is_fresh and is_same_days then kg else 0 end) as fresh_same_days_kg
  from sided group by all
),
cells as (
  select * from months cross join (values ('strict'), ('standard'), ('broad')) as d(definition)
  cross join (values ('received'), ('distributed')) as f(flow)
)
select cells.month, cells.food_bank_id, cells.definition, cells.flow,
  cast(coalesce(now.fresh_kg, 0) as decimal(18, 3)) as fresh_kg,
  cast(coalesce(case when cells.month = last_month then before.fresh_same_days_kg
    else before.fresh_kg end, 0) as decimal(18, 3)) as fresh_kg_same_days,
  cast(coalesce(now.food_kg, 0) as decimal(18, 3)) as food_kg,
  cast(cast(coalesce(now.fresh_kg, 0) as double)
    / nullif(cast(coalesce(now.food_kg, 0) as double), 0) as decimal(9, 6)) as fresh_share
from cells
left join sums now using (food_bank_id, month, definition, flow)
left join sums before on cells.food_bank_id = before.food_bank_id
  and cells.month = before.month + interval 1 year and cells.definition = before.definition
  and cells.flow = before.flow
order by all
""",
    "mart_households_monthly": """
with months as (
  select food_bank_id, cast(unnest(generate_series(
    date_trunc('month', first_date), last_month, interval 1 month)) as date) as month
  from banks where food_bank_id in (select food_bank_id from parcels_text)
),
parcels as (
  select food_bank_id, parcel_id, min(household_id) as household_id,
    max(cast(household_size as integer)) as size, min(handed_over_at) as handed_over_at,
    cast(left(min(handed_over_at), 10) as date) as day
  from parcels_text group by food_bank_id, parcel_id
),
ranked as (
  select *, cast(date_trunc('month', day) as date) as month,
    household_id is not null and row_number() over (partition by food_bank_id, household_id
      order by handed_over_at, parcel_id) = 1 as is_first
  from parcels
),
last_ones as (
  select ranked.*, household_id is not null and row_number() over (
    partition by food_bank_id, month, household_id
    order by handed_over_at desc, parcel_id desc) = 1 as is_last
  from ranked inner join banks using (food_bank_id) where day <= data_date
),
counted as (
  select food_bank_id, month, count(*) filter (where is_last) as households_helped,
    count(*) filter (where is_first) as new_households,
    sum(coalesce(size, 1)) filter (where is_last) as people_helped,
    count(*) as parcels, count(*) filter (where household_id is null) as anonymous_parcels
  from last_ones group by all
),
weighed as (
  select food_bank_id, month, sum(kg) as parcel_kg
  from monthly where flow = 'parcels' and is_food group by all
)
select month, food_bank_id,
  cast(coalesce(households_helped, 0) as bigint) as households_helped,
  cast(coalesce(new_households, 0) as bigint) as new_households,
  cast(coalesce(people_helped, 0) as bigint) as people_helped,
  cast(coalesce(parcels, 0) as bigint) as parcels,
  cast(coalesce(anonymous_parcels, 0) as bigint) as anonymous_parcels,
  cast(coalesce(parcel_kg, 0) as decimal(18, 3)) as parcel_kg
from months left join counted using (food_bank_id, month)
left join weighed using (food_bank_id, month) order by all
""",
    "mart_mass_balance_monthly": """
with sites as (
  select food_bank_id, site_id, min(month) as first_month, any_value(last_month) as last_month
  from monthly inner join banks using (food_bank_id) group by all
),
counted as (
  select c.food_bank_id, c.site_id, cast(date_trunc('month', c.day) as date) as month,
    coalesce(p.network_family, 'unmapped') as network_family, c.day, c.count_no, c.counted_kg
  from counts c inner join banks b on c.food_bank_id = b.food_bank_id and c.day <= b.data_date
  left join products p on c.food_bank_id = p.food_bank_id and c.product_code = p.product_code
),
count_months as (
  select food_bank_id, site_id, month, max(day) as day, max(count_no) > 1 as is_later
  from counted group by all
),
family_counts as (
  select food_bank_id, site_id, month, network_family, sum(counted_kg) as counted_kg
  from counted inner join count_months using (food_bank_id, site_id, month, day) group by all
),
families as (
  select distinct food_bank_id, site_id, network_family from monthly
  union select distinct food_bank_id, site_id, network_family from family_counts
),
cells as (
  select food_bank_id, site_id, network_family,
    cast(unnest(generate_series(first_month, last_month, interval 1 month)) as date) as month
  from sites inner join families using (food_bank_id, site_id)
),
terms as (
  select food_bank_id, site_id, network_family, month, sum(change_kg) as change_kg,
    sum(kg) filter (where flow = 'received') as received_kg,
    sum(kg) filter (where flow = 'transferred_in') as in_kg,
    sum(kg) filter (where flow = 'delivered') as delivered_kg,
    sum(kg) filter (where flow = 'returned') as returned_kg,
    sum(kg) filter (where flow = 'parcels') as parcels_kg,
    sum(kg) filter (where flow = 'removed') as removed_kg,
    sum(kg) filter (where flow = 'transferred_out') as out_kg,
    sum(kg) filter (where flow = 'unexplained') as unexplained_kg,
    sum(kg) filter (where flow = 'opening_count') as opening_kg,
    sum(kg) filter (where flow = 'transformation_input') as input_kg,
    sum(kg) filter (where flow = 'transformation_output') as output_kg
  from monthly group by all
),
balance as (
  select *, sum(coalesce(change_kg, 0)) over (
    partition by food_bank_id, site_id, network_family order by month) as closing_kg
  from cells left join terms using (food_bank_id, site_id, network_family, month)
  left join count_months using (food_bank_id, site_id, month)
  left join family_counts using (food_bank_id, site_id, month, network_family)
)
select month, food_bank_id, site_id, network_family,
  cast(closing_kg - coalesce(change_kg, 0) as decimal(18, 3)) as opening_kg,
  cast(coalesce(received_kg, 0) as decimal(18, 3)) as received_kg,
  cast(coalesce(in_kg, 0) as decimal(18, 3)) as transfers_in_kg,
  cast(coalesce(output_kg, 0) as decimal(18, 3)) as transformation_output_kg,
  cast(coalesce(delivered_kg, 0) as decimal(18, 3)) as delivered_kg,
  cast(coalesce(returned_kg, 0) as decimal(18, 3)) as returned_kg,
  cast(coalesce(parcels_kg, 0) as decimal(18, 3)) as parcels_kg,
  cast(coalesce(removed_kg, 0) as decimal(18, 3)) as removed_kg,
  cast(coalesce(out_kg, 0) as decimal(18, 3)) as transfers_out_kg,
  cast(coalesce(input_kg, 0) as decimal(18, 3)) as transformation_input_kg,
  cast(closing_kg - coalesce(balance.opening_kg, 0)
    - case when is_later then coalesce(unexplained_kg, 0) else 0 end as decimal(18, 3))
    as theoretical_closing_kg,
  cast(coalesce(balance.opening_kg, 0) as decimal(18, 3)) as initial_count_kg,
  cast(case when day is not null then coalesce(counted_kg, 0) end as decimal(18, 3)) as counted_kg,
  cast(case when is_later then coalesce(unexplained_kg, 0) end as decimal(18, 3))
    as unexplained_kg,
  cast(closing_kg as decimal(18, 3)) as closing_kg,
  closing_kg < 0 as is_negative
from balance order by all
""",
}


def build_marts(landing: Path, output: Path, as_of: str) -> None:
    """Read the landing files of the demonstration and write the marts as Parquet."""
    output.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute("set threads = 2; set preserve_insertion_order = false")
        connection.execute("set memory_limit = '4GB'")
        connection.execute(f"set temp_directory = '{output}/spill'")
        for record in REFERENCES:
            connection.execute(f"create table {record} as {read_record(landing, record)}")
        for record in EVENTS:
            connection.execute(f"create table {record}_text as {read_record(landing, record)}")
        connection.execute(FLOWS)
        connection.execute(DATES, {"as_of": as_of})
        connection.execute(COUNTS)
        connection.execute(MONTHLY)
        for mart, query in MARTS.items():
            connection.execute(f"copy ({query}) to '{output}/{mart}.parquet' (compression zstd)")


if __name__ == "__main__":
    build_marts(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
