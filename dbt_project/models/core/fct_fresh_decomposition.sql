{%- set ids = ["food_bank_id", "period_kind", "period_start", "is_net", "definition"] -%}
{%- set factors = {
    "active_stores": "@stores",
    "pickups_per_store": "cast(@pickups as double) / @stores",
    "kg_per_pickup": "cast(@fresh_kg as double) / @pickups",
    "channel_mix": "cast(@channel_kg as double) / @fresh_kg",
    "kept_share": "cast(@kept_kg as double) / @channel_kg",
} -%}
with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    periods as (select * from {{ ref("dim_periods") }}),

    products as (select * from {{ ref("dim_products") }}),

    movements as (
        select *
        from {{ ref("fct_food_movements") }}
        where movement_kind in ('receipt', 'dock_refusal')
    ),

    removals as (select * from {{ ref("int_removals") }} where not is_deleted),

    -- the same days a year before, where the data reach back to their first
    compared_periods as (
        select periods.*
        from periods
        inner join food_banks on periods.food_bank_id = food_banks.food_bank_id
        where food_banks.first_date <= {{ years_later("periods.period_start", -1) }}
    ),

    receipt_channels as (
        select food_bank_id, document_id as receipt_id, min(channel) as channel
        from movements
        group by food_bank_id, document_id
    ),

    lines as (
        select
            food_bank_id,
            movement_date as line_date,
            month,
            channel,
            supplier_id,
            document_id as receipt_id,
            product_code,
            coalesce(
                case when from_account = 'site' then to_id else from_id end
                in (select food_bank_id from food_banks),
                false
            )
            and channel = 'inter_bank' as is_within_network,
            case
                when movement_kind = 'dock_refusal' then - weight_kg else weight_kg
            end as received_kg,
            0 as removed_kg
        from movements
        union all
        -- a removal without a known receipt has no channel
        select
            removals.food_bank_id,
            removals.removed_date,
            removals.month,
            receipt_channels.channel,
            null as supplier_id,
            null as receipt_id,
            removals.product_code,
            false as is_within_network,
            0 as received_kg,
            removals.weight_kg as removed_kg
        from removals
        left join
            receipt_channels
            on removals.food_bank_id = receipt_channels.food_bank_id
            and removals.receipt_id = receipt_channels.receipt_id
    ),

    food_lines as (
        select
            lines.*,
            -- in the month of the data date, and in the same month of other years
            lines.line_date
            <= {{ same_day_in_year("food_banks.data_date", "year(lines.month)") }} as is_in_cut,
            {% for definition in fresh_definitions() -%}
                coalesce(
                    {{ is_fresh(definition, "products.storage", "products.network_family") }}, false
                ) as is_fresh_{{ definition }}{{ "," if not loop.last }}
            {% endfor %}
        from lines
        inner join food_banks on lines.food_bank_id = food_banks.food_bank_id
        left join
            products
            on lines.food_bank_id = products.food_bank_id
            and lines.product_code = products.product_code
        where coalesce(products.is_food, true)
    ),

    fresh_monthly as (
        {% for definition in fresh_definitions() %}
            select
                food_bank_id,
                month,
                is_in_cut,
                '{{ definition }}' as definition,
                channel,
                is_within_network,
                cast(sum(received_kg) as decimal(18, 3)) as received_kg,
                cast(sum(removed_kg) as decimal(18, 3)) as removed_kg
            from food_lines
            where is_fresh_{{ definition }}
            group by food_bank_id, month, is_in_cut, channel, is_within_network
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    -- a receipt refused whole is no gift
    pickups as (
        select food_bank_id, month, is_in_cut, supplier_id, receipt_id
        from food_lines
        where channel = 'retail_pickup' and receipt_id is not null
        group by food_bank_id, month, is_in_cut, supplier_id, receipt_id
        having sum(received_kg) > 0
    ),

    {% for side, years in [("before", -1), ("after", 0)] %}
        stores_{{ side }} as (
            select
                compared_periods.food_bank_id,
                compared_periods.period_kind,
                compared_periods.period_start,
                count(distinct pickups.supplier_id) as stores,
                count(distinct pickups.receipt_id) as pickups
            from pickups
            inner join
                compared_periods
                on pickups.food_bank_id = compared_periods.food_bank_id
                and pickups.month = {{ years_later("compared_periods.month", years) }}
                and (not compared_periods.is_to_same_day or pickups.is_in_cut)
            group by
                compared_periods.food_bank_id,
                compared_periods.period_kind,
                compared_periods.period_start
        ),

        received_{{ side }} as (
            select
                compared_periods.food_bank_id,
                compared_periods.period_kind,
                compared_periods.period_start,
                nets.is_net,
                fresh_monthly.definition,
                fresh_monthly.channel,
                cast(
                    sum(
                        case
                            when nets.is_net and fresh_monthly.is_within_network
                            then 0
                            else fresh_monthly.received_kg
                        end
                    ) as decimal(18, 3)
                ) as channel_kg,
                cast(sum(fresh_monthly.removed_kg) as decimal(18, 3)) as removed_kg
            from fresh_monthly
            inner join
                compared_periods
                on fresh_monthly.food_bank_id = compared_periods.food_bank_id
                and fresh_monthly.month = {{ years_later("compared_periods.month", years) }}
                and (not compared_periods.is_to_same_day or fresh_monthly.is_in_cut)
            cross join (values (false), (true)) as nets(is_net)
            group by
                compared_periods.food_bank_id,
                compared_periods.period_kind,
                compared_periods.period_start,
                nets.is_net,
                fresh_monthly.definition,
                fresh_monthly.channel
        ),

        totals_{{ side }} as (
            select
                {{ ids | join(", ") }},
                cast(
                    coalesce(sum(channel_kg) filter (where channel is not null), 0) as decimal(
                        18, 3
                    )
                ) as fresh_kg,
                -- what has no channel, and what is more than the channel received
                cast(
                    sum(
                        case
                            when channel is null
                            then removed_kg
                            else greatest(removed_kg - channel_kg, 0)
                        end
                    ) as decimal(18, 3)
                ) as unlinked_kg
            from received_{{ side }}
            group by {{ ids | join(", ") }}
        ),

        kept_{{ side }} as (
            select
                {% for id in ids %} received.{{ id }}, {% endfor %}
                received.channel,
                received.channel_kg,
                totals.fresh_kg,
                case
                    when received.channel = 'retail_pickup' then coalesce(stores.stores, 0) else 1
                end as stores,
                case
                    when received.channel = 'retail_pickup' then coalesce(stores.pickups, 0) else 1
                end as pickups,
                case
                    when totals.fresh_kg > 0
                    then
                        greatest(
                            received.channel_kg
                            - least(received.removed_kg, received.channel_kg)
                            - cast(
                                cast(totals.unlinked_kg as decimal(38, 3))
                                * received.channel_kg
                                / totals.fresh_kg as decimal(18, 6)
                            ),
                            0
                        )
                    else 0
                end as kept_kg
            from received_{{ side }} as received
            inner join
                totals_{{ side }} as totals
                on {% for id in ids -%}
                    {{ "and " if not loop.first }}received.{{ id }} = totals.{{ id }}
                {% endfor %}
            left join
                stores_{{ side }} as stores
                on received.food_bank_id = stores.food_bank_id
                and received.period_kind = stores.period_kind
                and received.period_start = stores.period_start
            where received.channel is not null
        ),
    {% endfor %}

    -- what a channel without a row on one side would have there
    cells as (
        select
            {% for id in ids %} {{ id }}, {% endfor %}
            channel,
            {% for column in ["kept_kg", "channel_kg"] -%}
                coalesce(kept_before.{{ column }}, 0) as before_{{ column }},
                coalesce(kept_after.{{ column }}, 0) as after_{{ column }},
            {% endfor -%}
            -- stores may have given, and nothing fresh
            {% for column in ["stores", "pickups"] -%}
                {% for side in ["before", "after"] -%}
                    case
                        when channel = 'retail_pickup'
                        then coalesce(stores_{{ side }}.{{ column }}, 0)
                        else 1
                    end as {{ side }}_{{ column }},
                {% endfor -%}
            {% endfor -%}
            coalesce(
                kept_before.fresh_kg,
                max(kept_before.fresh_kg) over (partition by {{ ids | join(", ") }}),
                0
            ) as before_fresh_kg,
            coalesce(
                kept_after.fresh_kg,
                max(kept_after.fresh_kg) over (partition by {{ ids | join(", ") }}),
                0
            ) as after_fresh_kg
        from kept_before
        full outer join kept_after using ({{ ids | join(", ") }}, channel)
        left join stores_before using (food_bank_id, period_kind, period_start)
        left join stores_after using (food_bank_id, period_kind, period_start)
    ),

    -- a cell that is nil on one side only: its factor that is nil first, by the small-value limit
    weighed as (
        select
            *,
            case
                when before_kept_kg > 0 and after_kept_kg > 0
                then {{ logarithmic_mean("after_kept_kg", "before_kept_kg") }}
            end as weight_kg,
            case
                when (before_kept_kg > 0) = (after_kept_kg > 0)
                then 'none'
                {% for side in ["before", "after"] -%}
                    {% for effect, column in {
                            "active_stores": "stores",
                            "kg_per_pickup": "fresh_kg",
                            "channel_mix": "channel_kg",
                        }.items() -%}
                        when {{ side }}_kept_kg = 0 and {{ side }}_{{ column }} = 0
                        then '{{ effect }}'
                    {% endfor -%}
                {% endfor -%}
                else 'kept_share'
            end as nil_effect
        from cells
        -- of nothing fresh in either period there is no change to explain
        where before_fresh_kg > 0 or after_fresh_kg > 0
    ),

    channel_effects as (
        {% for effect, factor in factors.items() %}
            select
                {{ ids | join(", ") }},
                '{{ effect }}' as effect,
                cast(
                    case
                        when weight_kg is not null
                        then
                            weight_kg * ln(
                                cast({{ factor | replace("@", "after_") }} as double)
                                / ({{ factor | replace("@", "before_") }})
                            )
                        when nil_effect = '{{ effect }}'
                        then after_kept_kg - before_kept_kg
                        else 0
                    end as decimal(18, 6)
                ) as kg
            from weighed
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    ends as (
        select
            {{ ids | join(", ") }},
            cast(sum(before_kept_kg) as decimal(18, 3)) as before_kg,
            cast(sum(after_kept_kg) as decimal(18, 3)) as after_kg
        from weighed
        group by {{ ids | join(", ") }}
    ),

    effects as (
        select {{ ids | join(", ") }}, effect, cast(sum(kg) as decimal(18, 3)) as kg
        from channel_effects
        group by {{ ids | join(", ") }}, effect
    ),

    named as (
        select
            effects.*,
            case
                effects.effect
                {% for effect in fresh_effects() -%}
                    when '{{ effect }}' then {{ loop.index }}
                {% endfor %}
            end as position
        from effects
    ),

    -- rounding leaves grams over: they go to the largest effect
    ranked as (
        select
            *,
            row_number() over (
                partition by {{ ids | join(", ") }} order by abs(kg) desc, position
            ) as size_rank,
            sum(kg) over (partition by {{ ids | join(", ") }}) as effects_kg
        from named
    ),

    settled as (
        select
            {% for id in ids %} ranked.{{ id }}, {% endfor %}
            ranked.effect,
            ranked.position,
            ranked.kg + case
                when ranked.size_rank = 1
                then ends.after_kg - ends.before_kg - ranked.effects_kg
                else 0
            end as kg
        from ranked
        inner join
            ends
            on {% for id in ids -%}
                {{ "and " if not loop.first }}ranked.{{ id }} = ends.{{ id }}
            {% endfor %}
    ),

    -- a waterfall starts and ends somewhere
    waterfall as (
        select {{ ids | join(", ") }}, effect, position, kg
        from settled
        {% for effect, position, kg in [
                ("before", 0, "before_kg"),
                ("after", 6, "after_kg"),
                ("total", 7, "after_kg - before_kg"),
            ] %}
            union all
            select {{ ids | join(", ") }}, '{{ effect }}', {{ position }}, {{ kg }}
            from ends
        {% endfor %}
    )

select
    {{ ids | join(", ") }},
    effect,
    cast(position as bigint) as position,
    cast(kg as decimal(18, 3)) as kg
from waterfall
