{%- set period_ids = ["food_bank_id", "territory_code", "period_kind", "period_start"] -%}
{%- set sums = (
    flow_measures().keys() | reject("in", ["stock_change_kg", "unexplained_kg"]) | list
) -%}
with
    periods as (select * from {{ ref("dim_periods") }}),

    food_banks as (select * from {{ ref("dim_food_banks") }}),

    territory_members as (select * from {{ ref("dim_territory_members") }}),

    flow_measures as (select * from {{ ref("fct_flow_measures_monthly") }}),

    full_counts as (select * from {{ ref("int_full_counts") }}),

    households as (select * from {{ ref("fct_households_by_period") }}),

    orders as (select * from {{ ref("fct_orders_by_period") }}),

    carbon as (select * from {{ ref("fct_carbon_by_period") }}),

    rounds as (select * from {{ ref("fct_rounds") }}),

    origins as (select * from {{ ref("fct_distribution_origin_daily") }}),

    users as (select * from {{ ref("fct_platform_users") }}),

    partners as (select * from {{ ref("dim_partners") }}),

    suppliers as (select * from {{ ref("dim_suppliers") }}),

    products as (select * from {{ ref("dim_products") }}),

    period_ends as (
        select distinct food_bank_id, period_kind, period_start, period_end from periods
    ),

    -- flows: sums of months
    flow_sums as (
        select
            flow_measures.food_bank_id,
            flow_measures.territory_code,
            periods.period_kind,
            periods.period_start,
            {% for measure in sums -%}
                sum(flow_measures.{{ measure }}) as {{ measure }}{{ "," if not loop.last }}
            {% endfor %}
        from flow_measures
        inner join
            periods
            on flow_measures.food_bank_id = periods.food_bank_id
            and flow_measures.month = periods.month
            and flow_measures.is_to_same_day = periods.is_to_same_day
        group by all
    ),

    -- growth: the same days a year before, where the data reach back to their first
    compared_periods as (
        select periods.*
        from periods
        inner join food_banks on periods.food_bank_id = food_banks.food_bank_id
        where food_banks.first_date <= {{ years_later("periods.period_start", -1) }}
    ),

    compared_flows as (
        {% for years, name in [(0, "now"), (-1, "before")] %}
            select
                flow_measures.food_bank_id,
                flow_measures.territory_code,
                compared_periods.period_kind,
                compared_periods.period_start,
                {% for measure, (compared, flow_measure) in compared_measures().items() -%}
                    {{ "flow_measures." ~ flow_measure if compared == name else 0 }}
                    as {{ measure }}{{ "," if not loop.last }}
                {% endfor %}
            from flow_measures
            inner join
                compared_periods
                on flow_measures.food_bank_id = compared_periods.food_bank_id
                and flow_measures.month = {{ years_later("compared_periods.month", years) }}
                and flow_measures.is_to_same_day = compared_periods.is_to_same_day
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    -- stock: every change until the end of the period
    stock_months as (
        select food_bank_id, month, is_to_same_day, stock_change_kg
        from flow_measures
        where territory_code = ''
    ),

    stock as (
        select
            periods.food_bank_id,
            periods.period_kind,
            periods.period_start,
            sum(
                case
                    when stock_months.month < periods.month and not stock_months.is_to_same_day
                    then stock_months.stock_change_kg
                    when
                        stock_months.month = periods.month
                        and stock_months.is_to_same_day = periods.is_to_same_day
                    then stock_months.stock_change_kg
                    else 0
                end
            ) as amount
        from periods
        inner join
            stock_months
            on periods.food_bank_id = stock_months.food_bank_id
            and stock_months.month <= periods.month
        where periods.is_end_month
        group by periods.food_bank_id, periods.period_kind, periods.period_start
    ),

    -- without a full count the gap is unknown, not zero
    counted_periods as (
        select distinct periods.food_bank_id, periods.period_kind, periods.period_start
        from full_counts
        inner join
            periods
            on full_counts.food_bank_id = periods.food_bank_id
            and full_counts.month = periods.month
            and full_counts.count_date <= periods.period_end
        where full_counts.count_no > 1
    ),

    unexplained as (
        select
            periods.food_bank_id,
            periods.period_kind,
            periods.period_start,
            coalesce(sum(flow_measures.unexplained_kg), 0) as amount
        from counted_periods
        inner join
            periods
            on counted_periods.food_bank_id = periods.food_bank_id
            and counted_periods.period_kind = periods.period_kind
            and counted_periods.period_start = periods.period_start
        left join
            flow_measures
            on periods.food_bank_id = flow_measures.food_bank_id
            and periods.month = flow_measures.month
            and periods.is_to_same_day = flow_measures.is_to_same_day
            and flow_measures.territory_code = ''
        group by periods.food_bank_id, periods.period_kind, periods.period_start
    ),

    distances as (
        select
            periods.food_bank_id,
            periods.period_kind,
            periods.period_start,
            sum(rounds.distance_km) as amount
        from rounds
        inner join
            periods
            on rounds.food_bank_id = periods.food_bank_id
            and rounds.month = periods.month
            and rounds.round_date <= periods.period_end
        group by periods.food_bank_id, periods.period_kind, periods.period_start
    ),

    rescued as (
        select
            periods.food_bank_id,
            periods.period_kind,
            periods.period_start,
            sum(origins.weight_kg) as amount
        from origins
        inner join
            periods
            on origins.food_bank_id = periods.food_bank_id
            and origins.month = periods.month
            and origins.distribution_date <= periods.period_end
        where origins.channel in ('retail_pickup', 'platform', 'industry', 'farm')
        group by periods.food_bank_id, periods.period_kind, periods.period_start
    ),

    attributed_by_lot as (
        select
            periods.food_bank_id,
            periods.period_kind,
            periods.period_start,
            sum(origins.weight_kg) as amount
        from origins
        inner join
            periods
            on origins.food_bank_id = periods.food_bank_id
            and origins.month = periods.month
            and origins.distribution_date <= periods.period_end
        where origins.is_attributed_by_lot
        group by periods.food_bank_id, periods.period_kind, periods.period_start
    ),

    active_users as (
        select
            period_ends.food_bank_id,
            period_ends.period_kind,
            period_ends.period_start,
            count(distinct users.user_id) as amount
        from period_ends
        inner join
            users
            on period_ends.food_bank_id = users.food_bank_id
            and users.active_date > period_ends.period_end - 30
            and users.active_date <= period_ends.period_end
        group by period_ends.food_bank_id, period_ends.period_kind, period_ends.period_start
    ),

    -- who stands where at the end of a period
    scoped_partners as (
        select '' as territory_code, partners.*
        from partners
        union all
        select territory_members.territory_code, partners.*
        from partners
        inner join
            territory_members
            on partners.food_bank_id = territory_members.food_bank_id
            and partners.commune_code = territory_members.commune_code
    ),

    partner_counts as (
        select
            period_ends.food_bank_id,
            scoped_partners.territory_code,
            period_ends.period_kind,
            period_ends.period_start,
            count(*) as partners_active,
            count(*) filter (where scoped_partners.uses_platform) as partners_on_platform
        from period_ends
        inner join
            scoped_partners
            on period_ends.food_bank_id = scoped_partners.food_bank_id
            and scoped_partners.active_from <= period_ends.period_end
            and coalesce(scoped_partners.active_to, period_ends.period_end)
            >= period_ends.period_end
        group by all
    ),

    scoped_suppliers as (
        select '' as territory_code, food_bank_id
        from suppliers
        union all
        select territory_members.territory_code, suppliers.food_bank_id
        from suppliers
        inner join
            territory_members
            on suppliers.food_bank_id = territory_members.food_bank_id
            and suppliers.commune_code = territory_members.commune_code
    ),

    supplier_counts as (
        select
            period_ends.food_bank_id,
            scoped_suppliers.territory_code,
            period_ends.period_kind,
            period_ends.period_start,
            count(*) as amount
        from period_ends
        inner join scoped_suppliers on period_ends.food_bank_id = scoped_suppliers.food_bank_id
        group by all
    ),

    product_counts as (
        select
            period_ends.food_bank_id,
            period_ends.period_kind,
            period_ends.period_start,
            count(*) as amount
        from period_ends
        inner join
            products
            on period_ends.food_bank_id = products.food_bank_id
            and coalesce(products.active_from, period_ends.period_end) <= period_ends.period_end
            and coalesce(products.active_to, period_ends.period_end) >= period_ends.period_end
        group by all
    ),

    amounts as (
        {% for measure in sums %}
            select
                {{ period_ids | join(", ") }},
                '{{ measure }}' as measure,
                cast({{ measure }} as decimal(18, 6)) as amount
            from flow_sums
            union all
        {% endfor %}
        {% for measure in compared_measures() %}
            select
                {{ period_ids | join(", ") }},
                '{{ measure }}' as measure,
                cast({{ measure }} as decimal(18, 6)) as amount
            from compared_flows
            union all
        {% endfor %}
        {% for measure in [
            "households_helped",
            "new_households",
            "people_helped",
            "parcels",
            "anonymous_parcels",
        ] %}
            select
                {{ period_ids | join(", ") }},
                '{{ measure }}' as measure,
                cast({{ measure }} as decimal(18, 6)) as amount
            from households
            union all
        {% endfor %}
        {% for measure in ["orders", "ordering_partners", "due_kg", "filled_kg"] %}
            select
                {{ period_ids | join(", ") }},
                '{{ measure }}' as measure,
                cast({{ measure }} as decimal(18, 6)) as amount
            from orders
            union all
        {% endfor %}
        {% for topic in measure_topics() %}
            select {{ period_ids | join(", ") }}, measure, amount
            from {{ ref(topic) }}
            union all
        {% endfor %}
        {% for measure in ["partners_active", "partners_on_platform"] %}
            select
                {{ period_ids | join(", ") }},
                '{{ measure }}' as measure,
                cast({{ measure }} as decimal(18, 6)) as amount
            from partner_counts
            union all
        {% endfor %}
        {% for measure, source in {
            "stock_kg": "stock",
            "unexplained_kg": "unexplained",
            "distance_km": "distances",
            "rescued_kg": "rescued",
            "attributed_by_lot_kg": "attributed_by_lot",
            "active_users": "active_users",
            "products": "product_counts",
        }.items() %}
            select
                food_bank_id,
                '' as territory_code,
                period_kind,
                period_start,
                '{{ measure }}' as measure,
                cast(amount as decimal(18, 6)) as amount
            from {{ source }}
            union all
        {% endfor %}
        select
            {{ period_ids | join(", ") }},
            'suppliers' as measure,
            cast(amount as decimal(18, 6)) as amount
        from supplier_counts
        union all
        select
            {{ period_ids | join(", ") }},
            ledger || '_' || method_or_post || '_kg_co2e' as measure,
            cast(kg_co2e as decimal(18, 6)) as amount
        from carbon
        union all
        select
            {{ period_ids | join(", ") }},
            'induced_total_kg_co2e' as measure,
            cast(kg_co2e as decimal(18, 6)) as amount
        from carbon
        where ledger = 'induced'
        union all
        select
            {{ period_ids | join(", ") }},
            'measured_total_kg_co2e' as measure,
            cast(measured_kg_co2e as decimal(18, 6)) as amount
        from carbon
        where ledger = 'induced'
        union all
        select
            {{ period_ids | join(", ") }},
            'measured_transport_kg_co2e' as measure,
            cast(measured_kg_co2e as decimal(18, 6)) as amount
        from carbon
        where ledger = 'induced' and method_or_post = 'transport'
    )

select
    food_bank_id,
    territory_code,
    period_kind,
    period_start,
    measure,
    cast(sum(amount) as decimal(18, 6)) as amount
from amounts
where amount is not null
group by food_bank_id, territory_code, period_kind, period_start, measure
