{#- One kind of movement of the ledger: a row per line that moves more than nothing. -#}
{% macro movement(
    kind,
    source,
    record,
    document,
    date,
    from_account,
    from_id,
    to_account,
    to_id,
    site_id,
    weight_kg,
    channel="null",
    order_id="null",
    detail="null",
    supplier_id="null",
    commune_code="null",
    cost_eur="null"
) %}
    select
        food_bank_id || ':{{ kind }}:' || {{ document }} || ':' || line_no as movement_id,
        food_bank_id,
        {{ date }} as movement_date,
        {{ first_day_of_month(date) }} as month,
        '{{ record }}' as record,
        {{ document }} as document_id,
        line_no,
        '{{ kind }}' as movement_kind,
        {{ from_account }} as from_account,
        {{ from_id }} as from_id,
        {{ to_account }} as to_account,
        {{ to_id }} as to_id,
        {{ site_id }} as site_id,
        product_code,
        lot_id,
        cast({{ channel }} as varchar) as channel,
        cast({{ order_id }} as varchar) as order_id,
        cast({{ detail }} as varchar) as detail,
        cast({{ supplier_id }} as varchar) as supplier_id,
        cast({{ commune_code }} as varchar) as commune_code,
        cast({{ weight_kg }} as decimal(14, 3)) as weight_kg,
        cast({{ cost_eur }} as decimal(14, 2)) as cost_eur
    from {{ source }}
    where {{ weight_kg }} > 0
{% endmacro %}

{#- What a movement does to the stock of its site. -#}
{% macro stock_change(weight_kg="weight_kg") -%}
    case
        when to_account = 'site'
        then {{ weight_kg }}
        when from_account = 'site'
        then - {{ weight_kg }}
        else 0
    end
{%- endmacro %}

{#- Sums of movements by month and identifiers: attributes are joined afterwards. -#}
{% macro flow_sums(movements) %}
    select
        food_bank_id,
        month,
        site_id,
        movement_kind,
        from_account,
        to_account,
        product_code,
        channel,
        detail,
        supplier_id,
        case
            when to_account = 'partner' then to_id when from_account = 'partner' then from_id
        end as partner_id,
        case when to_account = 'removal' then to_id end as destination,
        case
            when from_account = 'other_food_bank'
            then from_id
            when to_account = 'other_food_bank'
            then to_id
        end as other_food_bank_id,
        commune_code,
        order_id is not null as is_ordered,
        cast(sum(weight_kg) as decimal(18, 3)) as weight_kg,
        cast(sum(cost_eur) as decimal(18, 2)) as cost_eur
    from {{ movements }}
    group by all
{% endmacro %}

{#- What a movement is called in flows and balances; `outside` touches no stock of a site. -#}
{% macro flow_of_movement() -%}
    case
        when movement_kind in ('receipt', 'dock_refusal')
        then 'received'
        when movement_kind = 'delivery'
        then 'delivered'
        when movement_kind = 'delivery_return'
        then 'returned'
        when movement_kind = 'parcel'
        then 'parcels'
        when movement_kind = 'removal'
        then 'removed'
        when movement_kind = 'transfer_arrival' and to_account = 'site'
        then 'transferred_in'
        when movement_kind = 'transfer_shipment'
        then 'transferred_out'
        when movement_kind in ('transformation_input', 'transformation_output')
        then movement_kind
        when movement_kind = 'count_adjustment'
        then 'unexplained'
        when movement_kind = 'opening_count'
        then 'opening_count'
        else 'outside'
    end
{%- endmacro %}

{#- Kilograms of a flow: received and unexplained have two directions. -#}
{% macro flow_kg() -%}
    case
        when movement_kind = 'dock_refusal'
        then - weight_kg
        when movement_kind in ('count_adjustment', 'opening_count')
        then {{ stock_change() }}
        else weight_kg
    end
{%- endmacro %}

{#- What a movement to partners or households takes; what a partner sends back is below zero. -#}
{% macro handed_over_kg(weight_kg="movements.weight_kg", kind="movements.movement_kind") -%}
    case when {{ kind }} = 'delivery_return' then - {{ weight_kg }} else {{ weight_kg }} end
{%- endmacro %}
