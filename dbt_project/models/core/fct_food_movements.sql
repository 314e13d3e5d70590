{{ config(materialized="view") }}

{% set columns %}
    movement_id,
    food_bank_id,
    movement_date,
    month,
    record,
    document_id,
    line_no,
    movement_kind,
    from_account,
    from_id,
    to_account,
    to_id,
    site_id,
    product_code,
    lot_id,
    channel,
    order_id,
    detail,
    weight_kg,
    supplier_id,
    commune_code,
    cost_eur
{% endset %}

select {{ columns }}
from {{ ref("int_food_movements") }}
union all
select {{ columns }}
from {{ ref("int_stock_adjustments") }}
