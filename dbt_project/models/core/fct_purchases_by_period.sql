with
    receipts as (
        select * from {{ ref("int_receipts") }} where channel = 'purchase' and not is_deleted
    ),

    products as (select * from {{ ref("dim_products") }}),

    suppliers as (select * from {{ ref("dim_suppliers") }}),

    sites as (select * from {{ ref("dim_sites") }}),

    periods as (select * from {{ ref("dim_periods") }}),

    territory_members as (select * from {{ ref("dim_territory_members") }}),

    own_departements as (
        select distinct food_bank_id, {{ departement_of("commune_code") }} as departement_code
        from sites
        where commune_code is not null
    ),

    purchases as (
        select
            receipts.food_bank_id,
            receipts.received_date,
            receipts.month,
            suppliers.commune_code,
            receipts.weight_kg - coalesce(receipts.refused_at_dock_kg, 0) as kept_kg,
            receipts.cost_eur,
            receipts.quality_label,
            receipts.origin_departement,
            own_departements.departement_code is not null as is_local
        from receipts
        left join
            products
            on receipts.food_bank_id = products.food_bank_id
            and receipts.product_code = products.product_code
        left join
            suppliers
            on receipts.food_bank_id = suppliers.food_bank_id
            and receipts.supplier_id = suppliers.supplier_id
        left join
            own_departements
            on receipts.food_bank_id = own_departements.food_bank_id
            and receipts.origin_departement = own_departements.departement_code
        where coalesce(products.is_food, true)
    ),

    scoped as (
        select '' as territory_code, purchases.*
        from purchases
        union all
        select territory_members.territory_code, purchases.*
        from purchases
        inner join
            territory_members
            on purchases.food_bank_id = territory_members.food_bank_id
            and purchases.commune_code = territory_members.commune_code
    )

select
    scoped.food_bank_id,
    scoped.territory_code,
    periods.period_kind,
    periods.period_start,
    {% for measure, condition in purchase_conditions().items() -%}
        cast(
            coalesce(sum(scoped.kept_kg) filter (where {{ condition }}), 0) as decimal(18, 3)
        ) as {{ measure }}{{ "," if not loop.last }}
    {% endfor %}
from scoped
inner join
    periods
    on scoped.food_bank_id = periods.food_bank_id
    and scoped.month = periods.month
    and scoped.received_date <= periods.period_end
group by scoped.food_bank_id, scoped.territory_code, periods.period_kind, periods.period_start
