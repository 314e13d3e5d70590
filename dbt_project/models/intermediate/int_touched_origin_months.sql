with
    receipts as (select * from {{ ref("int_receipts") }}),

    receipt_versions as (select * from {{ ref("stg_receipts") }}),

    touched_receipts as ({{ touched_months(["receipts"]) }}),

    changed_products as (
        {{ changed_references("products", ["product_code"], ["is_food", "network_family"]) }}
    ),

    -- a removal may name its receipt, and a transfer counts where it arrives
    used as (
        {% for record, month in [
            ("deliveries", "month"),
            ("parcels", "month"),
            ("removals", "month"),
            ("transformations", "month"),
            ("transfers", first_day_of_month("received_date")),
        ] -%}
            select food_bank_id, {{ month }} as month, product_code, lot_id
            from {{ ref("int_" ~ record) }}
            {% if not loop.last %}
                union all
            {% endif %}
        {%- endfor %}
    ),

    removed_of_touched_receipts as (
        select distinct removals.food_bank_id, removals.month
        from {{ ref("int_removals") }} as removals
        inner join
            receipt_versions
            on removals.food_bank_id = receipt_versions.food_bank_id
            and removals.receipt_id = receipt_versions.receipt_id
        where
            (receipt_versions.food_bank_id, receipt_versions.month)
            in (select food_bank_id, month from touched_receipts)
    ),

    -- All versions: a corrected lot also touches what was handed out of the lot that it was.
    touched_lots as (
        select distinct food_bank_id, product_code, lot_id
        from receipt_versions
        where
            lot_id is not null
            and (food_bank_id, month) in (select food_bank_id, month from touched_receipts)
    ),

    receipt_months as (
        select food_bank_id, month
        from touched_receipts
        union
        select food_bank_id, month
        from receipts
        where
            (food_bank_id, product_code)
            in (select food_bank_id, product_code from changed_products)
    ),

    months as (
        {{ touched_months(["deliveries", "parcels", "removals", "transformations", "transfers"]) }}
        union all
        select food_bank_id, month
        from removed_of_touched_receipts
        union all
        -- the receipts of a month feed its own mix and those of the two months after
        select
            receipt_months.food_bank_id,
            cast(receipt_months.month + to_months(ages.months) as date) as month
        from receipt_months
        cross join (values (0), (1), (2)) as ages(months)
        union all
        select food_bank_id, month
        from used
        where
            (food_bank_id, product_code, lot_id)
            in (select food_bank_id, product_code, lot_id from touched_lots)
            or (food_bank_id, product_code)
            in (select food_bank_id, product_code from changed_products)
    )

select distinct food_bank_id, month
from months
where month is not null
