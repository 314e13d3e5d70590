{#- Where food comes from (indicators.md, section 2): the lot's receipt where the lot is known, else
    the mix of the food bank's receipts of the product, of its family where there is none, in the
    month and the two before, inter-bank aside. Asks for the relations `receipts` and `families`. -#}
{#- Of a lot received more than once, the first receipt says where it comes from. -#}
{% macro first_receipts_of_lots(used) %}
    select food_bank_id, product_code, lot_id, channel
    from receipts
    where
        (food_bank_id, product_code, lot_id)
        in (select food_bank_id, product_code, lot_id from {{ used }} where lot_id is not null)
    qualify
        row_number() over (
            partition by food_bank_id, product_code, lot_id
            order by received_date, receipt_id, line_no
        )
        = 1
{% endmacro %}

{#- The mixes by channel of each month; `months` names the months that a build writes anew. -#}
{% macro receipt_mixes(months) %}
    received_monthly as (
        select
            food_bank_id,
            month,
            product_code,
            channel,
            sum(weight_kg - coalesce(refused_at_dock_kg, 0)) as weight_kg
        from receipts
        where
            channel <> 'inter_bank'
            {% if is_incremental() %}
                and (food_bank_id, month) in (
                    select food_bank_id, cast(month - to_months(ages.months) as date)
                    from {{ ref(months) }}
                    cross join (values (0), (1), (2)) as ages(months)
                )
            {% endif %}
        group by food_bank_id, month, product_code, channel
    ),

    -- The receipts of a month feed its own mix and those of the two months after.
    recent_receipts as (
        select
            received_monthly.food_bank_id,
            cast(received_monthly.month + to_months(ages.months) as date) as month,
            received_monthly.product_code,
            families.network_family,
            received_monthly.channel,
            sum(received_monthly.weight_kg) as weight_kg
        from received_monthly
        cross join (values (0), (1), (2)) as ages(months)
        left join
            families
            on received_monthly.food_bank_id = families.food_bank_id
            and received_monthly.product_code = families.product_code
        group by all
        having sum(received_monthly.weight_kg) > 0
    ),

    product_mix as (
        select
            food_bank_id,
            month,
            product_code,
            channel,
            weight_kg,
            sum(weight_kg) over (partition by food_bank_id, month, product_code) as total_kg
        from recent_receipts
    ),

    family_mix as (
        select
            food_bank_id,
            month,
            network_family,
            channel,
            sum(weight_kg) as weight_kg,
            sum(sum(weight_kg)) over (partition by food_bank_id, month, network_family) as total_kg
        from recent_receipts
        where network_family is not null
        group by food_bank_id, month, network_family, channel
    ),

    products_with_mix as (select distinct food_bank_id, month, product_code from product_mix)
{% endmacro %}

{#- Kilograms of `relation` (columns: `ids`, month, product_code, network_family, weight_kg) shared
    out over the channels of their mix. Rounding leaves some over: it goes to the largest channel,
    so that nothing is lost. -#}
{% macro attributed_by_mix(relation, ids, decimals) %}
    {%- set weight = "decimal(18, " ~ decimals ~ ")" -%}
    mixed as (
        select
            {% for id in ids -%} {{ relation }}.{{ id }}, {% endfor -%}
            {{ relation }}.month,
            {{ relation }}.product_code,
            coalesce(product_mix.channel, family_mix.channel, 'unknown') as channel,
            cast({{ relation }}.weight_kg as {{ weight }}) as whole_kg,
            coalesce(product_mix.weight_kg, family_mix.weight_kg, 1) as mix_kg,
            cast(
                {{ relation }}.weight_kg * coalesce(
                    product_mix.weight_kg / product_mix.total_kg,
                    family_mix.weight_kg / family_mix.total_kg,
                    1
                ) as {{ weight }}
            ) as rounded_kg
        from {{ relation }}
        left join
            products_with_mix
            on {{ relation }}.food_bank_id = products_with_mix.food_bank_id
            and {{ relation }}.month = products_with_mix.month
            and {{ relation }}.product_code = products_with_mix.product_code
        left join
            product_mix
            on {{ relation }}.food_bank_id = product_mix.food_bank_id
            and {{ relation }}.month = product_mix.month
            and {{ relation }}.product_code = product_mix.product_code
        left join
            family_mix
            on products_with_mix.product_code is null
            and {{ relation }}.food_bank_id = family_mix.food_bank_id
            and {{ relation }}.month = family_mix.month
            and {{ relation }}.network_family = family_mix.network_family
    ),

    attributed_by_mix as (
        select
            {{ ids | join(", ") }},
            month,
            channel,
            rounded_kg + case
                when
                    row_number() over (
                        partition by {{ ids | join(", ") }}, product_code
                        order by mix_kg desc, channel
                    )
                    = 1
                then
                    whole_kg
                    - sum(rounded_kg) over (partition by {{ ids | join(", ") }}, product_code)
                else 0
            end as weight_kg
        from mixed
    )
{% endmacro %}

{#- Channels of public programmes of food aid that keep a ledger. -#}
{% macro programme_channels() -%}
    {{ return(["eu_programme", "state_grocery_credit", "better_food_programme"]) }}
{%- endmacro %}

{#- What is left of a programme at the end of a month of its stock. -#}
{% macro programme_closing_kg() -%}
    cast(opening_kg + received_kg - traced_kept_kg - mixed_kept_kg as decimal(18, 3))
{%- endmacro %}

{#- The cost of what left, at the weighted mean cost of what there was. -#}
{% macro programme_used_eur() -%}
    cast(
        case
            when opening_kg + received_kg > 0
            then
                (opening_eur + received_eur)
                * (traced_kept_kg + mixed_kept_kg)
                / (opening_kg + received_kg)
            else 0
        end as decimal(18, 2)
    )
{%- endmacro %}
