{{ config(meta={"dagster": {"ref": {"name": "mart_orders_weekly"}}}) }}

-- Up to the data date, weeks hold every order, line and kilogram that months of partners hold.
with
    weekly as (
        select
            food_bank_id,
            sum(orders) as orders,
            sum(ordered_kg) as ordered_kg,
            sum(due_kg) as due_kg,
            sum(filled_kg) as filled_kg,
            sum(unmet_kg) as unmet_kg
        from {{ ref("mart_orders_weekly") }}
        group by food_bank_id
    ),

    monthly as (
        select
            food_bank_id,
            sum(orders) as orders,
            sum(ordered_kg) as ordered_kg,
            sum(due_kg) as due_kg,
            sum(filled_kg) as filled_kg,
            sum(due_kg - filled_kg) as unmet_kg
        from {{ ref("mart_partners_monthly") }}
        group by food_bank_id
        having sum(orders) > 0
    )

    (
        select *
        from weekly
        except
        select *
        from monthly
    )
union all
(
    select *
    from monthly
    except
    select *
    from weekly
)
